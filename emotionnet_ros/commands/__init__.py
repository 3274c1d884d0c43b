# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
