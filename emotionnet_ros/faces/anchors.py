# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From the raw answer of an anchor-based face network to one box for each face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LOGIT_LIMIT = 80.0  # beyond it the exponential overflows float32


def anchor_centers(input_side: int, grid: int) -> NDArray[np.float32]:
    """Give the centres (x, y) of one anchor per cell, float32 [grid * grid, 2], row by row.

    Parameters
    ----------
    input_side
        Side of the network's input in pixels.
    grid
        Cells along each side.
    """
    centers = (np.arange(grid, dtype=np.float32) + 0.5) * (input_side / grid)
    y, x = np.meshgrid(centers, centers, indexing='ij')
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


def decode(
    values: NDArray[np.float32],
    logits: NDArray[np.float32],
    anchors: NDArray[np.float32],
    min_confidence: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn the network's answer into corners, keypoints and scores in pixels of its input.

    Parameters
    ----------
    values
        float32 [A, 2 * P], in pixels relative to the anchors: box centre, box size, keypoints.
    logits
        float32 [A].
    anchors
        float32 [A, 2], their centres in pixels.
    min_confidence
        Anchors below it are left out, 0..1.

    Returns
    -------
    points
        float32 [N, P, 2]: top left and bottom right corner, then the keypoints, (x, y) in pixels.
    scores
        float32 [N], 0..1.
    """
    limited = np.clip(logits, -_LOGIT_LIMIT, _LOGIT_LIMIT)
    scores = np.asarray(1.0 / (1.0 + np.exp(-limited)), np.float32)
    confident = np.flatnonzero(scores >= min_confidence)
    chosen = confident[np.isfinite(values[confident]).all(axis=1)]
    offsets = values[chosen].reshape(-1, values.shape[1] // 2, 2)
    size = offsets[:, 1]
    points = offsets + anchors[chosen, None]
    center = points[:, 0]
    points[:, 0], points[:, 1] = center - size / 2, center + size / 2
    proper = (size > 0).all(axis=1)
    return points[proper], scores[chosen][proper]


def weighted_suppression(
    points: NDArray[np.float32],
    scores: NDArray[np.float32],
    iou: float,
    max_faces: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Merge the boxes of one face into their mean, weighted by their scores.

    This is the blending of arXiv 1907.05047, section 3.3: keeping only the best box makes the
    boxes of a video jump from anchor to anchor; the mean is steadier.

    Parameters
    ----------
    points
        float32 [N, P, 2]; the first two points are the corners of the box.
    scores
        float32 [N].
    iou
        Boxes that overlap the best one by more than this are the same face, 0..1.
    max_faces
        At most this many faces are returned, the most confident first.

    Returns
    -------
    points
        float32 [M, P, 2].
    scores
        float32 [M], the best of each face, descending.
    """
    order = np.argsort(-scores, kind='stable')
    points, scores = points[order], scores[order]
    left = np.ones(len(scores), bool)
    merged: list[NDArray[np.float32]] = []
    best: list[np.float32] = []
    while left.any() and len(merged) < max_faces:
        first = int(np.argmax(left))
        same = left & (_iou(points[first], points) > iou)
        same[first] = True
        weights = scores[same]
        merged.append(np.tensordot(weights, points[same], axes=1) / weights.sum())
        best.append(scores[first])
        left &= ~same
    shape = (len(merged), *points.shape[1:])
    return np.array(merged, np.float32).reshape(shape), np.array(best, np.float32)


def _iou(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one box with many, from points [P, 2] and [N, P, 2]."""
    shared = np.minimum(one[1], many[:, 1]) - np.maximum(one[0], many[:, 0])
    intersection = np.prod(np.clip(shared, 0, None), axis=1)
    area = float(np.prod(one[1] - one[0]))
    areas = np.prod(many[:, 1] - many[:, 0], axis=1)
    return np.asarray(intersection / (area + areas - intersection), np.float32)
