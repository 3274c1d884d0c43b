# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pixels: image messages to arrays without needless copies, and face crops."""

from emotionnet_ros.imaging.crop import face_crop
from emotionnet_ros.imaging.frame import Frame, ImageError, RawImage, decode, decode_compressed

__all__ = ['Frame', 'ImageError', 'RawImage', 'decode', 'decode_compressed', 'face_crop']
