# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pixels: image messages to arrays without needless copies, and face crops."""

from emotionnet_ros.imaging.errors import ImageError
from emotionnet_ros.imaging.frame import Frame, RawImage, decode

__all__ = ['Frame', 'ImageError', 'RawImage', 'decode']
