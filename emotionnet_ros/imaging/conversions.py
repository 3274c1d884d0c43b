# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From the planes of an image to luma and BGR: one class per way of storing colour.

Each class is a row's recipe in the table of encodings. Its methods take the planes that the row
describes (views of the source) and convert no more than they are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Planes = Sequence[Pixels]


class Conversion(Protocol):
    """How the planes of one family of encodings become luma and BGR."""

    def luma(self, planes: Planes, rows: slice, columns: slice) -> Pixels:
        """Luma [height, width] of the rectangle; a view where the source holds luma."""

    def resized_luma(self, planes: Planes, width: int, height: int) -> Pixels:
        """Luma [height, width], resized to the size given."""

    def bgr(self, planes: Planes) -> Pixels:
        """All pixels as BGR [height, width, 3]; a view where the source is BGR."""

    def resized_bgr(self, planes: Planes, width: int, height: int) -> Pixels:
        """All pixels as BGR [height, width, 3], resized to the size given."""


def convert(pixels: Pixels, code: int) -> Pixels:
    """Apply a colour conversion of cv2.cvtColor, which accepts padded rows as they are."""
    converted: Pixels = cv2.cvtColor(pixels, code)
    return converted


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Resize [h, w] or [h, w, c]: exact halvings as far as they go, then bilinear.

    The halvings average 2 x 2 pixels, so nothing is skipped and aliasing stays low; at 4:1 this
    takes a third of the time of INTER_AREA in one step, which is fast for exact halves only.
    """
    while pixels.shape[1] >= 2 * width and pixels.shape[0] >= 2 * height:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)
    if pixels.shape[:2] != (height, width):
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    return pixels


@dataclass(frozen=True, slots=True)
class Colour:
    """One plane [height, width, 3 or 4] of interleaved colours; the codes are cv2.cvtColor's."""

    to_grey: int
    to_bgr: int | None = None

    def luma(self, planes: Planes, rows: slice, columns: slice) -> Pixels:
        """See Conversion."""
        return convert(planes[0][rows, columns], self.to_grey)

    def resized_luma(self, planes: Planes, width: int, height: int) -> Pixels:
        """See Conversion."""
        return convert(resize(planes[0], width, height), self.to_grey)

    def bgr(self, planes: Planes) -> Pixels:
        """See Conversion."""
        if self.to_bgr is not None:
            return convert(planes[0], self.to_bgr)
        # 16-bit samples lie two bytes apart: every OpenCV call on such a view would copy it anew.
        return planes[0] if planes[0].strides[2] == 1 else np.ascontiguousarray(planes[0])

    def resized_bgr(self, planes: Planes, width: int, height: int) -> Pixels:
        """See Conversion."""
        return self.bgr([resize(planes[0], width, height)])


@dataclass(frozen=True, slots=True)
class Grey:
    """One plane [height, width]: it is the luma."""

    def luma(self, planes: Planes, rows: slice, columns: slice) -> Pixels:
        """See Conversion."""
        return planes[0][rows, columns]

    def resized_luma(self, planes: Planes, width: int, height: int) -> Pixels:
        """See Conversion."""
        return resize(planes[0], width, height)

    def bgr(self, planes: Planes) -> Pixels:
        """See Conversion."""
        return convert(planes[0], cv2.COLOR_GRAY2BGR)

    def resized_bgr(self, planes: Planes, width: int, height: int) -> Pixels:
        """See Conversion."""
        return self.bgr([resize(planes[0], width, height)])


@dataclass(frozen=True, slots=True)
class Bayer:
    """One plane [height, width] seen through a colour mosaic; bilinear demosaicing.

    Resizing demosaics all pixels first: binning 2 x 2 cells would take half the time, but leaves
    the colours displaced against each other by up to a pixel.
    """

    to_grey: int
    to_bgr: int

    def luma(self, planes: Planes, rows: slice, columns: slice) -> Pixels:
        """See Conversion; a patch is demosaiced with a margin, beginning at an even pixel."""
        top, bottom, _ = rows.indices(planes[0].shape[0])
        left, right, _ = columns.indices(planes[0].shape[1])
        y, x = max(top // 2 * 2 - 2, 0), max(left // 2 * 2 - 2, 0)
        patch = convert(planes[0][y : bottom + 2, x : right + 2], self.to_grey)
        return patch[top - y : bottom - y, left - x : right - x]

    def resized_luma(self, planes: Planes, width: int, height: int) -> Pixels:
        """See Conversion."""
        return resize(convert(planes[0], self.to_grey), width, height)

    def bgr(self, planes: Planes) -> Pixels:
        """See Conversion."""
        return convert(planes[0], self.to_bgr)

    def resized_bgr(self, planes: Planes, width: int, height: int) -> Pixels:
        """See Conversion."""
        return resize(self.bgr(planes), width, height)


@dataclass(frozen=True, slots=True)
class PackedYuv:
    """One plane [height, width, 2]: luma in one channel, U and V in turn in the other.

    Resizing converts all pixels first: taking the channels apart costs as much.
    """

    luma_channel: int
    to_bgr: int

    def luma(self, planes: Planes, rows: slice, columns: slice) -> Pixels:
        """See Conversion."""
        return planes[0][rows, columns, self.luma_channel]

    def resized_luma(self, planes: Planes, width: int, height: int) -> Pixels:
        """See Conversion."""
        return resize(planes[0][..., self.luma_channel], width, height)

    def bgr(self, planes: Planes) -> Pixels:
        """See Conversion."""
        return convert(planes[0], self.to_bgr)

    def resized_bgr(self, planes: Planes, width: int, height: int) -> Pixels:
        """See Conversion."""
        return resize(self.bgr(planes), width, height)


# Video-range YUV to BGR, ITU-R BT.601: what OpenCV's own YUV 4:2:0 and 4:2:2 conversions apply.
_BGR_OF_YUV = np.array(
    [[255 / 219, 2.018, 0.0], [255 / 219, -0.391, -0.813], [255 / 219, 0.0, 1.596]]
)


@dataclass(frozen=True, slots=True)
class SemiPlanarYuv:
    """Luma [height, width], and below it a plane of interleaved chroma, often at half size.

    ``v_first`` is set where V lies before U; ``to_bgr`` is the code of cv2.cvtColorTwoPlane, which
    knows chroma of half size only.
    """

    v_first: bool = False
    to_bgr: int | None = None

    def luma(self, planes: Planes, rows: slice, columns: slice) -> Pixels:
        """See Conversion."""
        return planes[0][rows, columns]

    def resized_luma(self, planes: Planes, width: int, height: int) -> Pixels:
        """See Conversion."""
        return resize(planes[0], width, height)

    def bgr(self, planes: Planes) -> Pixels:
        """See Conversion."""
        if self.to_bgr is None:
            return self._mix(*planes)
        converted: Pixels = cv2.cvtColorTwoPlane(planes[0], planes[1], self.to_bgr)
        return converted

    def resized_bgr(self, planes: Planes, width: int, height: int) -> Pixels:
        """See Conversion."""
        luma, chroma = planes
        # Rows of chroma are skipped, as nothing sharp is in them: an average of two channels is
        # OpenCV's slow path and would take longer than all the rest.
        every = max(chroma.shape[0] // height, 1)
        chroma = cv2.resize(chroma[every // 2 :: every], (width, height))
        return self._mix(resize(luma, width, height), chroma)

    def _mix(self, luma: Pixels, chroma: Pixels) -> Pixels:
        """Convert planes of one size."""
        factors = _BGR_OF_YUV[:, [0, 2, 1]] if self.v_first else _BGR_OF_YUV
        offsets = factors @ [-16.0, -128.0, -128.0]
        yuv = cv2.merge((luma, chroma))
        mixed: Pixels = cv2.transform(yuv, np.column_stack((factors, offsets)))
        return mixed
