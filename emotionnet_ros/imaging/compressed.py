# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pixels of JPEG and PNG files, decoded by OpenCV, as few as are needed."""

from __future__ import annotations

import cv2
import numpy as np

from emotionnet_ros.imaging.conversions import Pixels, convert, resize
from emotionnet_ros.imaging.image_file import ImageFile

# Decoding at 1/8, 1/4 or 1/2 skips most of the inverse transform; the smallest that suffices.
_JPEG_REDUCED = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
    (1, cv2.IMREAD_COLOR),
)


class JpegSource:
    """A colour JPEG, decoded as grey, as colour or as smaller colour when asked.

    A frame is mostly asked for either a small colour picture (detection) or luma (crops of known
    faces); each takes about half to three quarters of the time of a full colour decode. Where
    both are expected, one full decode serves them.
    """

    __slots__ = ('_bgr', '_file', '_luma', '_luma_expected')

    def __init__(self, file: ImageFile) -> None:
        self._file = file
        self._luma: Pixels | None = None
        self._bgr: Pixels | None = None
        self._luma_expected = False

    def expect_luma(self) -> None:
        """Decode once, in full colour, when colour is asked for."""
        self._luma_expected = True

    def luma(self, rows: slice, columns: slice) -> Pixels:
        """Luma of the rectangle, uint8 [rows, columns]."""
        if self._bgr is not None:
            return convert(self._bgr[rows, columns], cv2.COLOR_BGR2GRAY)
        if self._luma is None:
            self._luma = decode_pixels(self._file, cv2.IMREAD_GRAYSCALE)
        return self._luma[rows, columns]

    def resized_luma(self, width: int, height: int) -> Pixels:
        """All luma at the size given, uint8 [height, width]."""
        return resize(self.luma(slice(None), slice(None)), width, height)

    def bgr(self) -> Pixels:
        """All pixels as BGR, uint8 [height, width, 3]."""
        if self._bgr is None:
            self._bgr = decode_pixels(self._file, cv2.IMREAD_COLOR)
        return self._bgr

    def resized_bgr(self, width: int, height: int) -> Pixels:
        """All pixels as BGR at the size given, uint8 [height, width, 3]."""
        for division, flag in () if self._luma_expected else _JPEG_REDUCED:
            if self._file.width >= width * division and self._file.height >= height * division:
                pixels = decode_pixels(self._file, flag, division)
                return resize(pixels, width, height)
        return resize(self.bgr(), width, height)


def decode_pixels(file: ImageFile, flags: int, division: int = 1) -> Pixels:
    """Decode to 8 bit with a cv2.IMREAD flag, in the orientation in which the file stores rows.

    Raises
    ------
    ImageError
        ``corrupt_jpeg`` or ``corrupt_png`` when the decoder fails.
    """
    try:
        # A rotation noted in the file is ignored: regions refer to the pixels as they are sent.
        pixels: Pixels | None = cv2.imdecode(
            np.frombuffer(file.data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except cv2.error:
        pixels = None
    expected = (-(-file.height // division), -(-file.width // division))
    if pixels is None or pixels.shape[:2] != expected:
        raise file.corrupt('cannot be decoded')
    return pixels
