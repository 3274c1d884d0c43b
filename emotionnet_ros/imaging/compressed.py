# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""JPEG and PNG files: the header read here, the pixels decoded by OpenCV, as few as are needed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from emotionnet_ros.imaging.conversions import Pixels, convert, resize
from emotionnet_ros.imaging.errors import ImageError, check_size

_PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_JPEG_SIGNATURE = b'\xff\xd8\xff'
_JPEG_START_OF_SCAN, _JPEG_END = 0xDA, 0xD9
# Start-of-frame markers; the gaps in C0..CF define tables.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers that no length follows: stuffing, TEM, restarts and start of image.
_JPEG_BARE = frozenset((0x00, 0x01, *range(0xD0, 0xD9)))
# Decoding at 1/8, 1/4 or 1/2 skips most of the inverse transform; the smallest that suffices.
_JPEG_REDUCED = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
    (1, cv2.IMREAD_COLOR),
)


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What a file says of its picture; ``kind`` is 'jpeg' or 'png'."""

    kind: str
    width: int
    height: int
    is_grey: bool


class JpegSource:
    """A colour JPEG, decoded as grey, as colour or as smaller colour when asked.

    A frame is mostly asked for either a small colour picture (detection) or luma (crops of known
    faces); each takes about half the time of a full colour decode.
    """

    __slots__ = ('_bgr', '_data', '_header', '_luma')

    def __init__(self, data: bytes, header: FileHeader) -> None:
        self._data = data
        self._header = header
        self._luma: Pixels | None = None
        self._bgr: Pixels | None = None

    def luma(self, rows: slice, columns: slice) -> Pixels:
        """Luma of the rectangle, uint8 [rows, columns]."""
        if self._bgr is not None:
            return convert(self._bgr[rows, columns], cv2.COLOR_BGR2GRAY)
        if self._luma is None:
            self._luma = decode_pixels(self._data, self._header, cv2.IMREAD_GRAYSCALE)
        return self._luma[rows, columns]

    def bgr(self) -> Pixels:
        """All pixels as BGR, uint8 [height, width, 3]."""
        if self._bgr is None:
            self._bgr = decode_pixels(self._data, self._header, cv2.IMREAD_COLOR)
        return self._bgr

    def resized_bgr(self, width: int, height: int) -> Pixels:
        """All pixels as BGR at the size given, uint8 [height, width, 3]."""
        for division, flag in _JPEG_REDUCED:
            if self._header.width >= width * division and self._header.height >= height * division:
                pixels = decode_pixels(self._data, self._header, flag, division)
                return resize(pixels, width, height)
        return resize(self.bgr(), width, height)


def read_header(data: bytes, file_format: str) -> FileHeader:
    """Size and kind of a JPEG or PNG file, without decoding pixels.

    Raises
    ------
    ImageError
        ``unknown_format`` for another kind of file, ``corrupt_jpeg`` or ``corrupt_png`` for one
        that is cut short or has no readable header, ``zero_size``, ``too_large``.
    """
    if data.startswith(_JPEG_SIGNATURE):
        header = _read_jpeg_header(data)
    elif data.startswith(_PNG_SIGNATURE):
        header = _read_png_header(data)
    else:
        raise ImageError(
            'unknown_format',
            f'a compressed image of format {file_format!r} and {len(data)} bytes begins with '
            f'{data[:8]!r}, which is neither JPEG nor PNG: set the compressed transport to one',
        )
    check_size(header.width, header.height, f'the {header.kind} file')
    return header


def decode_pixels(data: bytes, header: FileHeader, flags: int, division: int = 1) -> Pixels:
    """Decode to 8 bit with a cv2.IMREAD flag, in the orientation in which the file stores rows.

    Raises
    ------
    ImageError
        ``corrupt_jpeg`` or ``corrupt_png`` when the decoder fails.
    """
    try:
        # A rotation noted in the file is ignored: regions refer to the pixels as they are sent.
        pixels: Pixels | None = cv2.imdecode(
            np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except cv2.error:
        pixels = None
    expected = (-(-header.height // division), -(-header.width // division))
    if pixels is None or pixels.shape[:2] != expected:
        raise _corrupt(header.kind, data, 'cannot be decoded')
    return pixels


def _read_png_header(data: bytes) -> FileHeader:
    if len(data) < 26 or data[12:16] != b'IHDR' or b'IEND' not in data[-64:]:
        raise _corrupt('png', data, 'is cut short')
    width, height = (int.from_bytes(data[i : i + 4], 'big') for i in (16, 20))
    return FileHeader('png', width, height, is_grey=data[25] in (0, 4))


def _read_jpeg_header(data: bytes) -> FileHeader:
    """Walk the segments up to the start of frame (ITU-T T.81, annex B)."""
    position = 2
    while 0 <= (position := data.find(b'\xff', position)) < len(data) - 1:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in _JPEG_BARE:
            position += 2
            continue
        if marker in (_JPEG_START_OF_SCAN, _JPEG_END):
            break
        segment = data[position + 4 : position + 10]
        if marker in _JPEG_FRAMES and len(segment) == 6:
            # Within a scan FF is never followed by D9, so the last such pair ends the image; some
            # cameras pad behind it.
            if data.rfind(b'\xff\xd9', position) < 0:
                raise _corrupt('jpeg', data, 'is cut short')
            height, width = (int.from_bytes(segment[i : i + 2], 'big') for i in (1, 3))
            return FileHeader('jpeg', width, height, is_grey=segment[5] == 1)
        position += 2 + max(2, int.from_bytes(data[position + 2 : position + 4], 'big'))
    raise _corrupt('jpeg', data, 'has no readable header')


def _corrupt(kind: str, data: bytes, what: str) -> ImageError:
    return ImageError(
        f'corrupt_{kind}',
        f'a {kind.upper()} of {len(data)} bytes {what}: look for losses between the publisher and '
        'this node (network, queue sizes)',
    )
