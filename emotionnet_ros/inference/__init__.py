# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From face crops to expressions: the network on ONNX Runtime, and its answers over time."""
