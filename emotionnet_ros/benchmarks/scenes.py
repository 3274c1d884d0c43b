# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures to measure on: so many faces in a picture of such a size."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.imaging.raw import RawImage
from emotionnet_ros.imaging.sources import BACKGROUND, photograph
from emotionnet_ros.pipeline import EncodedImage

Picture = NDArray[np.uint8]
VARIANTS = 4  # a still picture would be too kind to the caches and the tracker
JPEG_QUALITY = 85
# Head and shoulders in the photograph: columns, rows.
_PORTRAIT = (slice(0, 250), slice(110, 340))
_BACKGROUND = (slice(260, 512), slice(0, 512))


def scene(width: int, height: int, faces: int) -> list[Picture]:
    """Give a few pictures, uint8 [height, width, 3], that differ by a small movement.

    The same face stands so many times in a grid. Behind it is what else the photograph shows, so
    that detectors and JPEG have to do with it as with any picture.

    Raises
    ------
    SourceError
        The photograph is not installed.
    """
    background = photograph()[_BACKGROUND]
    beyond = (height - background.shape[0], width - background.shape[1])
    margins = [(0, max(0, extra)) for extra in beyond]
    picture = np.pad(background, (*margins, (0, 0)), 'symmetric')[:height, :width].copy()
    columns = math.ceil(math.sqrt(faces * width / height)) if faces else 1
    rows = math.ceil(faces / columns)
    portrait = photograph()[_PORTRAIT]
    for index in range(faces):
        cell_width, cell_height = width // columns, height // rows
        left, top = index % columns * cell_width, index // columns * cell_height
        scale = 0.9 * min(cell_width / portrait.shape[1], cell_height / portrait.shape[0])
        small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        y = top + (cell_height - small.shape[0]) // 2
        x = left + (cell_width - small.shape[1]) // 2
        picture[y : y + small.shape[0], x : x + small.shape[1]] = small
    return [
        cv2.warpAffine(
            picture, np.array([[1.0, 0, step], [0, 1, step]]), (width, height),
            borderValue=BACKGROUND,
        )
        for step in range(VARIANTS)
    ]  # fmt: skip


def raw(pictures: Sequence[Picture]) -> list[RawImage | EncodedImage]:
    """Give the pictures as bgr8 messages."""
    return [
        RawImage(p.shape[1], p.shape[0], 'bgr8', 3 * p.shape[1], False, p.tobytes())
        for p in pictures
    ]


def jpeg(pictures: Sequence[Picture]) -> list[RawImage | EncodedImage]:
    """Give the pictures as JPEG messages."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return [
        EncodedImage(cv2.imencode('.jpg', picture, quality)[1].tobytes(), 'bgr8; jpeg compressed')
        for picture in pictures
    ]


FORMATS = {'bgr8': raw, 'jpeg': jpeg}


def crops(count: int) -> NDArray[np.uint8]:
    """Give face crops as the classifier gets them, uint8 [count, 48, 48]."""
    grey = cv2.cvtColor(photograph(), cv2.COLOR_BGR2GRAY)
    shifts = itertools.islice(itertools.cycle(range(8)), count)
    faces = [grey[60 + s : 170 + s, 170 + s : 280 + s] for s in shifts]
    return np.stack([cv2.resize(f, (48, 48), interpolation=cv2.INTER_AREA) for f in faces])
