# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which detection is which face."""

from __future__ import annotations

import math
from collections.abc import Sequence

from emotionnet_ros.expressions import Box
from emotionnet_ros.faces.detection import Detection


def assign(
    expected: Sequence[Box],
    found: Sequence[Box],
    is_sure: Sequence[bool],
    min_iou: float,
    max_distance: float,
) -> list[tuple[int, int]]:
    """Pair faces with detections one to one: best overlap first, then the nearest centre.

    Parameters
    ----------
    expected
        Where each face should be now.
    found
        Where the detections are.
    is_sure
        For each detection, whether nearness alone is enough to take it for a face.
    min_iou
        Boxes that overlap by at least this may be paired, 0..1.
    max_distance
        So may boxes of like size (within a factor of two) whose centres are at most this far
        apart, in sides of the larger one.

    Returns
    -------
    list of (int, int)
        Indices into ``expected`` and ``found``; each occurs once at most.
    """
    overlaps, distances = [], []
    for face, box in enumerate(expected):
        for detection, other in enumerate(found):
            overlap = box.iou(other)
            if overlap > 0 and overlap >= min_iou:
                overlaps.append((-overlap, face, detection))
            elif is_sure[detection] and _distance(box, other) <= max_distance:
                distances.append((_distance(box, other), face, detection))
    pairs: list[tuple[int, int]] = []
    faces, detections = set(range(len(expected))), set(range(len(found)))
    for _, face, detection in sorted(overlaps) + sorted(distances):
        if face in faces and detection in detections:
            faces.remove(face)
            detections.remove(detection)
            pairs.append((face, detection))
    return pairs


def distinct(detections: Sequence[Detection], iou: float) -> list[Detection]:
    """Give the usable detections, the most confident first, without second ones of a face.

    Usable is a finite box of at least a pixel; of two boxes that overlap by more than ``iou`` the
    less confident one is left out.
    """
    distinct: list[Detection] = []
    for detection in sorted(detections, key=lambda d: d.confidence, reverse=True):
        if _is_usable(detection) and all(detection.box.iou(o.box) <= iou for o in distinct):
            distinct.append(detection)
    return distinct


def _is_usable(detection: Detection) -> bool:
    box = detection.box
    values = (box.x, box.y, box.width, box.height, box.area, detection.confidence)
    return all(math.isfinite(v) for v in values) and min(box.width, box.height) >= 1


def _distance(one: Box, other: Box) -> float:
    """Distance of the centres in sides of the larger box; infinite for unlike sizes."""
    small, large = sorted((math.sqrt(one.area), math.sqrt(other.area)))
    if small < large / 2:
        return math.inf
    return math.dist(one.center, other.center) / large
