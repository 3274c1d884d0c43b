# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The expression classes and the result types that every room shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The order of the constants in msg/Expression.msg, of FER+ and of every probability vector.
EXPRESSIONS = (
    'neutral',
    'happiness',
    'surprise',
    'sadness',
    'anger',
    'disgust',
    'fear',
    'contempt',
)
# The answer when no class is confident enough; it has no entry in a probability vector.
UNKNOWN = len(EXPRESSIONS)
EXPRESSION_NAMES = (*EXPRESSIONS, 'unknown')


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned rectangle in pixels of the source image; it may reach beyond the image."""

    x: float
    y: float
    width: float
    height: float

    @property
    def center(self) -> tuple[float, float]:
        """Centre (x, y) in pixels."""
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def area(self) -> float:
        """Area in square pixels; zero for an empty box."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    def iou(self, other: Box) -> float:
        """Intersection over union with another box, 0..1; 0 when both are empty."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if width <= 0 or height <= 0:
            return 0.0
        intersection = width * height
        return intersection / (self.area + other.area - intersection)


@dataclass(frozen=True, slots=True)
class FaceExpression:
    """One face of one frame and what it expresses.

    ``expression`` and ``raw_expression`` index EXPRESSION_NAMES; ``probabilities`` is float32 [8]
    in the order of EXPRESSIONS, smoothed over time; ``raw_*`` is this frame alone. ``face_age`` is
    the seconds since the face was first seen.
    """

    face_id: str
    roi: Box
    detection_confidence: float
    expression: int
    confidence: float
    probabilities: NDArray[np.float32]
    raw_expression: int
    raw_confidence: float
    face_age: float


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Seconds of wall time that each stage took; without ``detector_ran``, faces were followed."""

    decode: float
    detect: float
    classify: float
    total: float
    detector_ran: bool


@dataclass(frozen=True, slots=True)
class FrameResult:
    """All faces of one frame, the largest (nearest) first, its size in pixels, and the times."""

    faces: tuple[FaceExpression, ...]
    width: int
    height: int
    times: StageTimes
