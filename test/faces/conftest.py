# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A real face, at any place and size, as a frame."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from emotionnet_ros.expressions import Box
from emotionnet_ros.imaging import Frame, RawImage, decode
from emotionnet_ros.imaging.sources import photograph

# The astronaut's face in the 512x512 picture, by eye: from the hairline to the chin.
_FACE = Box(175, 65, 95, 115)
_LEFT, _RIGHT, _BOTTOM = 60, 400, 300


@dataclass(frozen=True)
class Scene:
    """A picture and the boxes of the faces in it."""

    bgr: np.ndarray
    faces: list[Box]

    @property
    def frame(self) -> Frame:
        return as_frame(self.bgr)


def as_frame(bgr: np.ndarray) -> Frame:
    bgr = np.ascontiguousarray(bgr)
    height, width = bgr.shape[:2]
    return decode(RawImage(width, height, 'bgr8', bgr.strides[0], False, bgr))


@pytest.fixture(scope='session')
def scene() -> Callable[..., Scene]:
    """Make a scene: the astronaut's head and shoulders on grey at each (x, y, scale)."""
    astronaut = np.ascontiguousarray(photograph()[:_BOTTOM, _LEFT:_RIGHT])

    def make(width: int, height: int, *places: tuple[int, int, float]) -> Scene:
        bgr = np.full((height, width, 3), 120, np.uint8)
        faces = []
        for x, y, scale in places:
            person = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            bgr[y : y + person.shape[0], x : x + person.shape[1]] = person
            faces.append(
                Box(
                    x + (_FACE.x - _LEFT) * scale,
                    y + _FACE.y * scale,
                    _FACE.width * scale,
                    _FACE.height * scale,
                )
            )
        return Scene(bgr, faces)

    return make
