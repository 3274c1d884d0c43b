# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the faces are: detectors behind one protocol, and the tracker that follows them."""

from emotionnet_ros.faces.detection import (
    DETECTORS,
    Detection,
    Detector,
    DetectorError,
    open_detector,
)
from emotionnet_ros.faces.tracker import Track, Tracker, TrackerSettings

__all__ = [
    'DETECTORS',
    'Detection',
    'Detector',
    'DetectorError',
    'open_detector',
    'Track',
    'Tracker',
    'TrackerSettings',
]
