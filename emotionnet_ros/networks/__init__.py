# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""EmotionNet Nano: tables of layers, the torch modules built from them, and the weight files."""
