# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with an image, and the limits that hold for every image."""

from __future__ import annotations

# Refused before any pixel is decoded. Decoding a JPEG or PNG takes 6 bytes a pixel at its peak, so
# no file costs more than 384 MB, however small it is.
MAX_PIXELS = 64_000_000
# OpenCV's warps index rows and columns with 16 bits.
MAX_SIDE = 32_000


class ImageError(ValueError):
    """An image or a crop that cannot be used.

    ``reason`` is a short stable word (``'step_too_small'``) to count by; the message gives the
    numbers and what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def check_size(width: int, height: int, what: str) -> None:
    """Refuse an empty or an absurdly large image.

    Raises
    ------
    ImageError
        ``zero_size`` or ``too_large``.
    """
    if width <= 0 or height <= 0:
        raise ImageError(
            'zero_size', f'{what} is {width} x {height} pixels: the source must send real frames'
        )
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageError(
            'too_large',
            f'{what} is {width} x {height} pixels; at most {MAX_SIDE} a side and {MAX_PIXELS} in '
            'all are accepted: lower the resolution of the source',
        )


def shortened(text: str, length: int = 40) -> str:
    """Quote what a message says of itself, for an error: no more of it than people need."""
    return repr(text) if len(text) <= length else f'{text[:length]!r}... ({len(text)} characters)'
