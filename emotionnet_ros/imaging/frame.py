# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From an image message to a Frame, which converts only what it is asked for."""

from __future__ import annotations

from typing import Protocol

import cv2

from emotionnet_ros.imaging.compressed import JpegSource, decode_pixels
from emotionnet_ros.imaging.conversions import Pixels, resize
from emotionnet_ros.imaging.encodings import ENCODINGS
from emotionnet_ros.imaging.errors import MAX_PIXELS, ImageError, check_size, shortened
from emotionnet_ros.imaging.image_file import check_file
from emotionnet_ros.imaging.raw import ImageData, RawImage, bytes_of, open_raw

__all__ = [
    'Frame',
    'ImageData',
    'ImageError',
    'MAX_PIXELS',
    'RawImage',
    'decode',
    'decode_compressed',
]


class Source(Protocol):
    """What a Frame converts from."""

    def expect_luma(self) -> None:
        """Be told that luma will be asked for beside colour."""

    def luma(self, rows: slice, columns: slice) -> Pixels:
        """Luma of the rectangle, uint8 [rows, columns]."""

    def resized_luma(self, width: int, height: int) -> Pixels:
        """All luma at the size given, uint8 [height, width]."""

    def bgr(self) -> Pixels:
        """All pixels as BGR, uint8 [height, width, 3]."""

    def resized_bgr(self, width: int, height: int) -> Pixels:
        """All pixels as BGR at the size given, uint8 [height, width, 3]."""


class Frame:
    """One image of ``width`` x ``height`` pixels, converted on demand.

    It refers to the data it was made from, which must not change while the frame is in use. Arrays
    that it returns may be views of that data or its own cache: they are read-only. All methods
    raise ImageError ``corrupt_jpeg`` when a JPEG, whose pixels are decoded when they are first
    asked for, turns out to be undecodable; frames from other sources cannot fail any more.
    """

    __slots__ = ('_bgr', '_luma', '_source', 'height', 'width')

    def __init__(self, width: int, height: int, source: Source) -> None:
        self.width = width
        self.height = height
        self._source = source
        self._luma: Pixels | None = None
        self._bgr: Pixels | None = None

    def expect_luma(self) -> None:
        """Say, before asking for colour, that luma will be needed too: files are decoded once."""
        self._source.expect_luma()

    def luma(self) -> Pixels:
        """Luma, uint8 [height, width]: a (perhaps strided) view where the source holds it.

        Elsewhere converted once and kept. The values are those of the source: 0..255 from colour
        images, usually 16..235 from the YUV encodings.
        """
        if self._luma is None:
            self._luma = _read_only(self._source.luma(slice(None), slice(None)))
        return self._luma

    def luma_patch(self, x: int, y: int, width: int, height: int) -> Pixels:
        """Luma of a rectangle inside the image, uint8 [height, width].

        The same part of ``luma()`` (Bayer: to one level), but only this part is converted when
        the whole has not been asked for.

        Raises
        ------
        ImageError
            ``patch_outside`` when the rectangle is empty or not inside the image.
        """
        inside = 0 <= x < x + width <= self.width and 0 <= y < y + height <= self.height
        if not inside:
            raise ImageError(
                'patch_outside',
                f'patch {width} x {height} at ({x}, {y}) is not inside the '
                f'{self.width} x {self.height} image: clip it first',
            )
        rows, columns = slice(y, y + height), slice(x, x + width)
        if self._luma is not None:
            return self._luma[rows, columns]
        return _read_only(self._source.luma(rows, columns))

    def resized_luma(self, width: int, height: int) -> Pixels:
        """Luma at another size, uint8 [height, width]; see ``resized_bgr``."""
        check_size(width, height, 'the size asked for')
        if (width, height) == (self.width, self.height):
            return self.luma()
        if self._luma is not None:
            return _read_only(resize(self._luma, width, height))
        return _read_only(self._source.resized_luma(width, height))

    def bgr(self) -> Pixels:
        """Colour, uint8 [height, width, 3] in the order blue, green, red; a view of bgr8 data."""
        if self._bgr is None:
            self._bgr = _read_only(self._source.bgr())
        return self._bgr

    def resized_bgr(self, width: int, height: int) -> Pixels:
        """Colour at another size, uint8 [height, width, 3]: resized first, converted small.

        Shrinking averages over the pixels (see ``conversions.resize``), growing is bilinear.

        Raises
        ------
        ImageError
            ``zero_size`` or ``too_large`` for a size that no image can have.
        """
        check_size(width, height, 'the size asked for')
        if (width, height) == (self.width, self.height):
            return self.bgr()
        if self._bgr is not None:
            return _read_only(resize(self._bgr, width, height))
        return _read_only(self._source.resized_bgr(width, height))


def decode(image: RawImage) -> Frame:
    """Lay views over a raw image; no pixel is read or copied.

    Raises
    ------
    ImageError
        ``zero_size``, ``too_large``, ``unknown_encoding``, ``odd_size``, ``too_small``,
        ``step_too_small``, ``data_too_short`` or ``bad_data``.
    """
    return Frame(image.width, image.height, open_raw(image))


def decode_compressed(data: ImageData, format: str = '') -> Frame:
    """Open a JPEG or PNG file, recognised by its first bytes.

    The file is checked here (see ``image_file``). A colour JPEG is decoded when its pixels are
    first asked for, and only as far as needed; grey JPEG and PNG are decoded here, 16-bit PNG to
    its high bytes. ``format`` is the field of sensor_msgs/CompressedImage. It matters in two
    cases: depth images are refused, and a grey file whose source encoding is a Bayer mosaic is
    demosaiced.

    Raises
    ------
    ImageError
        ``unknown_format``, ``corrupt_jpeg``, ``corrupt_png``, ``zero_size``, ``too_large``,
        ``too_small`` or ``bad_data``.
    """
    if 'compresseddepth' in format.lower():
        raise ImageError(
            'unknown_format',
            f'format {shortened(format)} is a depth image, which shows no expressions: '
            'subscribe to the compressed colour or infrared image of the camera',
        )
    file = check_file(data if isinstance(data, bytes) else bytes(bytes_of(data)), format)
    if file.kind == 'jpeg' and not file.is_grey:
        return Frame(file.width, file.height, JpegSource(file))
    pixels = decode_pixels(file, cv2.IMREAD_ANYCOLOR)
    height, width = pixels.shape[:2]
    encoding = _encoding_in_file(format) if pixels.ndim == 2 else 'bgr8'
    return decode(RawImage(width, height, encoding, pixels.strides[0], False, pixels))


def _encoding_in_file(file_format: str) -> str:
    """Name the encoding of a file of one channel; image_transport stores a mosaic as it is."""
    source = file_format.split(';')[0].strip()
    if source.startswith('bayer_') and source in ENCODINGS:
        return source.replace('16', '8')
    return 'mono8'


def _read_only(pixels: Pixels) -> Pixels:
    pixels.flags.writeable = False
    return pixels
