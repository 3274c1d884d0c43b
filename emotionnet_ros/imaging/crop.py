# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The square crop round a face that the classifier sees."""

from __future__ import annotations

import math

import cv2
import numpy as np

from emotionnet_ros.expressions import Box
from emotionnet_ros.imaging.conversions import Pixels
from emotionnet_ros.imaging.errors import ImageError
from emotionnet_ros.imaging.frame import Frame

# No face is larger than the image; a square beyond this many times its longer side is an error.
_MAX_SIDE_OVER_IMAGE = 4.0


def face_crop(
    frame: Frame,
    box: Box,
    *,
    side_over_box: float = 1.0,
    shift_y: float = 0.0,
    size: int = 48,
) -> Pixels:
    """Cut a square round a face out of the luma and bring it to ``size`` x ``size`` pixels.

    The square has ``side_over_box`` times the longer side of the box, and its centre lies
    ``shift_y`` times its own side below that of the box. It is sampled at its exact position and
    size, so that a crop moves as smoothly as its box. Every source pixel counts when it shrinks;
    growing is bilinear. What lies outside the image repeats the image's edge (of large faces: the
    edge as it looks at the size of the crop).

    Returns
    -------
    uint8 [size, size], luma as in ``Frame.luma``; memory of its own.

    Raises
    ------
    ImageError
        ``bad_box`` when the box is empty or not finite, ``box_outside`` when the square and the
        image have nothing in common, ``box_too_large`` when the square is more than four times as
        long as the image.
    """
    side = side_over_box * max(box.width, box.height)
    centre_x, centre_y = box.center
    left = centre_x - side / 2
    top = centre_y - side / 2 + shift_y * side
    _check(frame, box, left, top, side)

    # Halve exactly while the square stays large enough, then sample it where it lies between the
    # pixels, at 1, 2 or 4 times the final size: steps of at most sqrt(2) pixels skip nothing. With
    # 2 times at most, a crop would lose a fifth of its sharpness as its side passes 136 pixels.
    reduction = _power_of_two(side / (4 * size))
    x, columns = _span(left, side, frame.width, reduction)
    y, rows = _span(top, side, frame.height, reduction)
    pixels = _reduce(frame.luma_patch(x, y, columns, rows), reduction)
    oversampling = _power_of_two(side / (size * reduction))
    samples = size * oversampling
    scale = side / (samples * reduction)
    # Pixel i covers [i, i + 1): its centre is at i + 0.5.
    to_source = np.array(
        [
            [scale, 0.0, (left - x) / reduction + scale / 2 - 0.5],
            [0.0, scale, (top - y) / reduction + scale / 2 - 0.5],
        ]
    )
    crop: Pixels = cv2.warpAffine(
        pixels,
        to_source,
        (samples, samples),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return _reduce(crop, oversampling)


def _check(frame: Frame, box: Box, left: float, top: float, side: float) -> None:
    where = f'face box {box.width:g} x {box.height:g} at ({box.x:g}, {box.y:g})'
    image = f'the {frame.width} x {frame.height} image'
    if not (box.width > 0 and box.height > 0 and side > 0 and math.isfinite(left + top + side)):
        raise ImageError('bad_box', f'{where} is empty or not finite')
    inside_x = left < frame.width and left + side > 0
    inside_y = top < frame.height and top + side > 0
    if not (inside_x and inside_y):
        raise ImageError('box_outside', f'the crop of {where} lies outside {image}')
    if side > _MAX_SIDE_OVER_IMAGE * max(frame.width, frame.height):
        raise ImageError(
            'box_too_large',
            f'the crop of {where} has a side of {side:g} pixels, far beyond {image}',
        )


def _span(start: float, side: float, length: int, reduction: int) -> tuple[int, int]:
    """First pixel and count of pixels to read: with a margin, a multiple of ``reduction``."""
    margin = 2 * reduction
    first = min(max(math.floor(start) - margin, 0), length - 1)
    count = max(math.ceil(start + side) + margin - first, 1)
    count = -(-count // reduction) * reduction
    return first, min(count, length - first)


def _power_of_two(ratio: float) -> int:
    """Nearest power of two (in ratio), at least 1."""
    return 1 << max(round(math.log2(max(ratio, 1.0))), 0)


def _reduce(pixels: Pixels, reduction: int) -> Pixels:
    """Average blocks of ``reduction`` x ``reduction`` pixels (a power of two)."""
    below, right = -pixels.shape[0] % reduction, -pixels.shape[1] % reduction
    if below or right:
        pixels = cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_REPLICATE)
    while reduction > 1:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)
        reduction //= 2
    return pixels
