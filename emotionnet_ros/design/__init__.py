# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Design exploration: from a prototype and constraints to networks that fit a board."""
