# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of sensor_msgs/Image encodings: where samples lie, how they become luma and BGR.

A new encoding is a new row. All 16-bit samples are read as 8 bits by taking their high byte where
it lies, which is the same as a shift by 8 and needs no pass over the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from emotionnet_ros.imaging.conversions import (
    Bayer,
    Colour,
    Conversion,
    Grey,
    PackedYuv,
    SemiPlanarYuv,
)


@dataclass(frozen=True, slots=True)
class Plane:
    """``height / y_division`` rows of ``width / x_division`` pixels of ``channels`` samples.

    Rows begin ``row_steps`` times the message's step apart.
    """

    channels: int = 1
    x_division: int = 1
    y_division: int = 1
    row_steps: int = 1


@dataclass(frozen=True, slots=True)
class Encoding:
    """One row: how to convert, the planes in the order in which they lie below each other.

    ``x_multiple``: width must be a multiple of it, as pixels share their colour. ``min_side``: the
    fewest pixels a side may have.
    """

    conversion: Conversion
    planes: tuple[Plane, ...]
    sample_bytes: int = 1
    x_multiple: int = 1
    min_side: int = 1


_GREY = Grey()
_BGR = Colour(cv2.COLOR_BGR2GRAY)
_RGB = Colour(cv2.COLOR_RGB2GRAY, cv2.COLOR_RGB2BGR)
_BGRA = Colour(cv2.COLOR_BGRA2GRAY, cv2.COLOR_BGRA2BGR)
_RGBA = Colour(cv2.COLOR_RGBA2GRAY, cv2.COLOR_RGBA2BGR)
# OpenCV names a mosaic by the second and third pixel of its second row, ROS by its first four.
_RGGB = Bayer(cv2.COLOR_BayerBG2GRAY, cv2.COLOR_BayerBG2BGR)
_BGGR = Bayer(cv2.COLOR_BayerRG2GRAY, cv2.COLOR_BayerRG2BGR)
_GBRG = Bayer(cv2.COLOR_BayerGR2GRAY, cv2.COLOR_BayerGR2BGR)
_GRBG = Bayer(cv2.COLOR_BayerGB2GRAY, cv2.COLOR_BayerGB2BGR)
_UYVY = PackedYuv(1, cv2.COLOR_YUV2BGR_UYVY)
_YUYV = PackedYuv(0, cv2.COLOR_YUV2BGR_YUY2)
_NV12 = SemiPlanarYuv(to_bgr=cv2.COLOR_YUV2BGR_NV12)
_NV21 = SemiPlanarYuv(to_bgr=cv2.COLOR_YUV2BGR_NV21, v_first=True)

_ONE = (Plane(1),)
_TWO = (Plane(2),)
_THREE = (Plane(3),)
_FOUR = (Plane(4),)
_HALF_CHROMA = (Plane(1), Plane(2, x_division=2, y_division=2))
_FULL_CHROMA = (Plane(1), Plane(2, row_steps=2))

ENCODINGS: dict[str, Encoding] = {
    'bgr8': Encoding(_BGR, _THREE),
    'rgb8': Encoding(_RGB, _THREE),
    'bgra8': Encoding(_BGRA, _FOUR),
    'rgba8': Encoding(_RGBA, _FOUR),
    'mono8': Encoding(_GREY, _ONE),
    'bgr16': Encoding(_BGR, _THREE, sample_bytes=2),
    'rgb16': Encoding(_RGB, _THREE, sample_bytes=2),
    'bgra16': Encoding(_BGRA, _FOUR, sample_bytes=2),
    'rgba16': Encoding(_RGBA, _FOUR, sample_bytes=2),
    'mono16': Encoding(_GREY, _ONE, sample_bytes=2),
    '8UC1': Encoding(_GREY, _ONE),
    '8UC3': Encoding(_BGR, _THREE),
    '8UC4': Encoding(_BGRA, _FOUR),
    '16UC1': Encoding(_GREY, _ONE, sample_bytes=2),
    '16UC3': Encoding(_BGR, _THREE, sample_bytes=2),
    '16UC4': Encoding(_BGRA, _FOUR, sample_bytes=2),
    'bayer_rggb8': Encoding(_RGGB, _ONE, min_side=4),
    'bayer_bggr8': Encoding(_BGGR, _ONE, min_side=4),
    'bayer_gbrg8': Encoding(_GBRG, _ONE, min_side=4),
    'bayer_grbg8': Encoding(_GRBG, _ONE, min_side=4),
    'bayer_rggb16': Encoding(_RGGB, _ONE, sample_bytes=2, min_side=4),
    'bayer_bggr16': Encoding(_BGGR, _ONE, sample_bytes=2, min_side=4),
    'bayer_gbrg16': Encoding(_GBRG, _ONE, sample_bytes=2, min_side=4),
    'bayer_grbg16': Encoding(_GRBG, _ONE, sample_bytes=2, min_side=4),
    'yuv422': Encoding(_UYVY, _TWO, x_multiple=2),
    'uyvy': Encoding(_UYVY, _TWO, x_multiple=2),
    'yuv422_yuy2': Encoding(_YUYV, _TWO, x_multiple=2),
    'yuyv': Encoding(_YUYV, _TWO, x_multiple=2),
    'nv12': Encoding(_NV12, _HALF_CHROMA, x_multiple=2),
    'nv21': Encoding(_NV21, _HALF_CHROMA, x_multiple=2),
    'nv24': Encoding(SemiPlanarYuv(), _FULL_CHROMA),
}
