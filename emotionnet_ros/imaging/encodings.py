# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of sensor_msgs/Image encodings: where samples lie, how they become luma and BGR.

A new encoding is a new row. All 16-bit samples are read as 8 bits by taking their high byte where
it lies, which is the same as a shift by 8 and needs no pass over the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from emotionnet_ros.imaging.conversions import Colour, Conversion, Grey


@dataclass(frozen=True, slots=True)
class Plane:
    """Where the samples of one plane lie, in samples (bytes, or pairs of bytes at 16 bit).

    A plane has ``height / y_division`` rows, ``step * row_steps`` bytes apart, of
    ``width / x_division`` pixels, ``pixel_stride`` samples apart (``channels`` when 0), of
    ``channels`` samples, ``channel_stride`` samples apart. It begins at sample ``first`` of the
    image, or below the last row of the first plane where ``below`` is set.
    """

    channels: int = 1
    x_division: int = 1
    y_division: int = 1
    first: int = 0
    pixel_stride: int = 0
    channel_stride: int = 1
    row_steps: int = 1
    below: bool = False


@dataclass(frozen=True, slots=True)
class Encoding:
    """One row: the planes, how they are converted, and what sizes the layout allows."""

    conversion: Conversion
    planes: tuple[Plane, ...]
    sample_bytes: int = 1
    min_side: int = 1


ENCODINGS: dict[str, Encoding] = {
    'bgr8': Encoding(Colour(cv2.COLOR_BGR2GRAY), (Plane(3),)),
    'rgb8': Encoding(Colour(cv2.COLOR_RGB2GRAY, cv2.COLOR_RGB2BGR), (Plane(3),)),
    'bgra8': Encoding(Colour(cv2.COLOR_BGRA2GRAY, cv2.COLOR_BGRA2BGR), (Plane(4),)),
    'rgba8': Encoding(Colour(cv2.COLOR_RGBA2GRAY, cv2.COLOR_RGBA2BGR), (Plane(4),)),
    'mono8': Encoding(Grey(), (Plane(),)),
    'mono16': Encoding(Grey(), (Plane(),), sample_bytes=2),
}
