# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The Haar cascade of OpenCV 4: the last resort, slow and often wrong.

P. Viola and M. Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features", CVPR
2001. It needs no extra package, but OpenCV 5 no longer has it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from emotionnet_ros.expressions import Box
from emotionnet_ros.faces.detection import (
    Detection,
    DetectorError,
    DetectorSettings,
    reduced_size,
)

if TYPE_CHECKING:
    from emotionnet_ros.imaging.frame import Frame

DEFAULT_MIN_CONFIDENCE = 0.5
DEFAULT_INPUT_SIZE = 320

_FILE = 'haarcascade_frontalface_default.xml'
_SCALE_STEP = 1.1
_MIN_SIDE = 24  # of the cascade itself, in pixels
_WINDOWS_FOR_HALF = 4


def create(settings: DetectorSettings) -> Haar:
    """Open the cascade; see ``Haar`` for what it raises."""
    return Haar(settings)


class Haar:
    """Upright frontal faces by ``cv2.CascadeClassifier``, on the reduced grey image.

    The cascade has no score: the confidence is n / (n + 4) for n neighbouring windows that agree,
    so the default of 0.5 asks for four of them. There are no landmarks.

    Raises
    ------
    DetectorError
        OpenCV has no ``CascadeClassifier``, or the cascade file is missing or cannot be loaded.
    """

    name = 'haar'
    # Measured as for BlazeFace: in 763 faces found at 120 to 200 pixels, side over box has the 10,
    # 50, 90 % points 0.88, 1.01, 1.25 and the shift downwards -0.03, 0.00, 0.10.
    crop_side_over_box = 1.01
    crop_shift_y = 0.0

    def __init__(self, settings: DetectorSettings | None = None) -> None:
        settings = settings or DetectorSettings()
        self.min_confidence = settings.min_confidence or DEFAULT_MIN_CONFIDENCE
        self.max_faces = settings.max_faces
        self.input_size = settings.input_size or DEFAULT_INPUT_SIZE
        self._cascade = _open(settings.model_path)
        odds = self.min_confidence / max(1e-6, 1.0 - self.min_confidence)
        # OpenCV keeps groups of more windows than this.
        self._neighbours = max(1, min(1000, math.ceil(_WINDOWS_FOR_HALF * odds - 1e-6) - 1))

    def detect(self, frame: Frame) -> list[Detection]:
        """Find the faces of one image; see ``Detector.detect``."""
        width, height = reduced_size(frame, self.input_size)
        grey = frame.resized_luma(width, height)
        rectangles, counts = self._cascade.detectMultiScale2(
            grey,
            scaleFactor=_SCALE_STEP,
            minNeighbors=self._neighbours,
            minSize=(_MIN_SIDE, _MIN_SIDE),
        )
        rectangles = np.reshape(rectangles, (-1, 2, 2)) * (
            frame.width / width,
            frame.height / height,
        )
        counts = np.ravel(counts)
        confidences = counts / (counts + _WINDOWS_FOR_HALF)
        found = [
            Detection(Box(*(float(v) for v in rectangle.ravel())), float(confidence))
            for rectangle, confidence in zip(rectangles, confidences, strict=True)
        ]
        return sorted(found, key=lambda d: d.confidence, reverse=True)[: self.max_faces]


def _open(model_path: str) -> Any:
    """Load the cascade, or say why not."""
    if not hasattr(cv2, 'CascadeClassifier'):
        raise DetectorError(
            f'Haar cascade: OpenCV {cv2.__version__} has no CascadeClassifier any more; OpenCV 4 '
            'does (pip install "opencv-python-headless<5").'
        )
    path = Path(model_path) if model_path else _own_file()
    cascade = cv2.CascadeClassifier()
    try:
        loaded = path.is_file() and cascade.load(str(path))
    except cv2.error:
        loaded = False
    if not loaded:
        raise DetectorError(
            f'Haar cascade: the file {path} is missing or no cascade that OpenCV '
            f'{cv2.__version__} can load. Give the path of {_FILE} of OpenCV 4.'
        )
    return cascade


def _own_file() -> Path:
    """OpenCV's own file: in the wheel's data folder, or where distributions install it."""
    folders = [Path(cv2.data.haarcascades)] if hasattr(cv2, 'data') else []
    folders += [Path('/usr/share/opencv4/haarcascades')]
    return next((f / _FILE for f in folders if (f / _FILE).is_file()), folders[0] / _FILE)
