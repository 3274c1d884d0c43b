# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the faces are: detectors behind one protocol, and the tracker that follows them."""

from emotionnet_ros.faces.detection import (
    DETECTORS,
    Detection,
    Detector,
    DetectorError,
    crop_region,
    open_detector,
)

__all__ = [
    'DETECTORS',
    'Detection',
    'Detector',
    'DetectorError',
    'crop_region',
    'open_detector',
]
