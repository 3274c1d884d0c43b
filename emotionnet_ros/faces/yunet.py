# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""YuNet through OpenCV, for those who supply its model file.

W. Wu, H. Peng, S. Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence
Research 20 (2023). The file ``face_detection_yunet_2023mar.onnx`` of OpenCV Zoo needs OpenCV 4.8
or later.
"""

from __future__ import annotations

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

DEFAULT_MIN_CONFIDENCE = 0.6
DEFAULT_INPUT_SIZE = 320

_SUPPRESSION_IOU = 0.3
_CANDIDATES = 500
_MIN_SIDE = 32
_SOURCE = 'https://github.com/opencv/opencv_zoo (models/face_detection_yunet)'


def create(settings: DetectorSettings) -> YuNet:
    """Open YuNet; see ``YuNet`` for what it raises."""
    return YuNet(settings)


class YuNet:
    """YuNet by ``cv2.FaceDetectorYN``.

    It looks at the whole image, reduced so that its longer side is ``input_size`` (320 unless
    set; never enlarged), and gives five landmarks: the eye at the image's left, the one at its
    right, the nose tip and the mouth's corners. It runs on as many threads as OpenCV is set to.

    Raises
    ------
    DetectorError
        OpenCV has no ``FaceDetectorYN``, or the model file is missing or cannot be loaded.
    """

    name = 'yunet'
    # Measured as for BlazeFace: in 877 faces found at 120 to 200 pixels, side over box has the 10,
    # 50, 90 % points 0.79, 0.96, 1.21 and the shift downwards -0.07, -0.02, 0.06. Both networks do
    # slightly better with 0.98 than with 0.96.
    crop_side_over_box = 0.98
    crop_shift_y = -0.02

    def __init__(self, settings: DetectorSettings) -> None:
        self.min_confidence = settings.min_confidence or DEFAULT_MIN_CONFIDENCE
        self.max_faces = settings.max_faces
        self.input_size = settings.input_size or DEFAULT_INPUT_SIZE
        self.model_path = Path(settings.model_path)
        if not settings.model_path or not self.model_path.is_file():
            given = f'there is no model file {self.model_path}' if settings.model_path else ''
            raise DetectorError(
                f'YuNet: {given or "no model file was given"}. Download '
                f'face_detection_yunet_2023mar.onnx from {_SOURCE} and give its path.'
            )
        self._network = _open(self.model_path, self.min_confidence)
        self._network_size = (0, 0)

    def detect(self, frame: Frame) -> list[Detection]:
        """Find the faces of one image; see ``Detector.detect``."""
        width, height = reduced_size(frame, self.input_size)
        if min(width, height) < _MIN_SIDE:
            return []  # it sees faces in nothing at all there
        if (width, height) != self._network_size:
            self._network.setInputSize((width, height))
            self._network_size = (width, height)
        faces = self._network.detect(frame.resized_bgr(width, height))[1]
        if faces is None:
            return []
        faces = faces[np.isfinite(faces).all(axis=1) & (faces[:, 2:4] >= 1).all(axis=1)]
        best = np.argsort(-faces[:, 14], kind='stable')[: self.max_faces]
        points = faces[best, :14].reshape(-1, 7, 2)
        points *= np.array([frame.width / width, frame.height / height], np.float32)
        return [
            Detection(Box(*(float(v) for v in p[:2].ravel())), float(score), p[2:].copy())
            for p, score in zip(points, np.clip(faces[best, 14], 0.0, 1.0), strict=True)
        ]


def _open(path: Path, min_confidence: float) -> Any:
    """Load the model, or say why not."""
    if not hasattr(cv2, 'FaceDetectorYN'):
        raise DetectorError(
            f'YuNet: OpenCV {cv2.__version__} has no FaceDetectorYN; it needs 4.8 or later.'
        )
    try:
        network = cv2.FaceDetectorYN.create(
            str(path), '', (_MIN_SIDE, _MIN_SIDE), min_confidence, _SUPPRESSION_IOU, _CANDIDATES
        )
        # A file of the wrong layout loads and fails at its first picture: find out now.
        network.detect(np.zeros((_MIN_SIDE, _MIN_SIDE, 3), np.uint8))
    except cv2.error as error:
        reason = ' '.join(str(error).split())
        raise DetectorError(
            f'YuNet: OpenCV {cv2.__version__} cannot use the model file {path} ({reason}). The '
            f'file face_detection_yunet_2023mar.onnx of {_SOURCE} works with OpenCV 4.8 and later.'
        ) from error
    return network
