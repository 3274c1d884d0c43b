# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From an image message to a Frame, which converts only what it is asked for."""

from __future__ import annotations

import array
from dataclasses import dataclass
from typing import Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.imaging.conversions import Conversion, Pixels, Planes, resize
from emotionnet_ros.imaging.encodings import ENCODINGS, Encoding, Plane
from emotionnet_ros.imaging.errors import ImageError, check_size

__all__ = ['Frame', 'ImageData', 'ImageError', 'RawImage', 'decode']

ImageData: TypeAlias = 'bytes | bytearray | memoryview | array.array[int] | NDArray[np.uint8]'


@dataclass(frozen=True, slots=True)
class RawImage:
    """The fields of a sensor_msgs/Image; ``data`` is anything with the buffer protocol."""

    width: int
    height: int
    encoding: str
    step: int
    is_bigendian: bool
    data: ImageData


class Source(Protocol):
    """What a Frame converts from."""

    def luma(self, rows: slice, columns: slice) -> Pixels:
        """Luma of a rectangle."""

    def bgr(self) -> Pixels:
        """All pixels as BGR."""

    def resized_bgr(self, width: int, height: int) -> Pixels:
        """All pixels as BGR at the size given."""


@dataclass(frozen=True, slots=True)
class PlaneSource:
    """The planes of a raw image, views of its data, and how to convert them."""

    planes: Planes
    conversion: Conversion

    def luma(self, rows: slice, columns: slice) -> Pixels:
        """See Source."""
        return self.conversion.luma(self.planes, rows, columns)

    def bgr(self) -> Pixels:
        """See Source."""
        return self.conversion.bgr(self.planes)

    def resized_bgr(self, width: int, height: int) -> Pixels:
        """See Source."""
        return self.conversion.resized_bgr(self.planes, width, height)


class Frame:
    """One image of ``width`` x ``height`` pixels, converted on demand.

    It refers to the data it was made from, which must not change while the frame is in use. Arrays
    that it returns may be views of that data or its own cache: they are read-only.
    """

    __slots__ = ('_bgr', '_luma', '_source', 'height', 'width')

    def __init__(self, width: int, height: int, source: Source) -> None:
        self.width = width
        self.height = height
        self._source = source
        self._luma: Pixels | None = None
        self._bgr: Pixels | None = None

    def luma(self) -> Pixels:
        """Luma, uint8 [height, width]: a (perhaps strided) view where the source holds it.

        Elsewhere converted once and kept. Luma is 0..255 as stored: video-range sources have
        16..235 in it.
        """
        if self._luma is None:
            self._luma = _read_only(self._source.luma(slice(None), slice(None)))
        return self._luma

    def luma_patch(self, x: int, y: int, width: int, height: int) -> Pixels:
        """Luma of a rectangle inside the image, uint8 [height, width].

        Equal to the same part of ``luma()``, but converts only this part when the whole has not
        been asked for.

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

    def bgr(self) -> Pixels:
        """Colour, uint8 [height, width, 3] in the order blue, green, red; a view of bgr8 data."""
        if self._bgr is None:
            self._bgr = _read_only(self._source.bgr())
        return self._bgr

    def resized_bgr(self, width: int, height: int) -> Pixels:
        """Colour at another size, uint8 [height, width, 3]: resized first, converted small.

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
    width, height = image.width, image.height
    check_size(width, height, 'the image')
    encoding = ENCODINGS.get(image.encoding)
    if encoding is None:
        raise ImageError(
            'unknown_encoding',
            f'unknown encoding {image.encoding!r}: set the camera driver to one of '
            + ', '.join(sorted(ENCODINGS)),
        )
    _check_layout(image, encoding)
    data = _bytes_of(image.data)
    needed = _bytes_needed(encoding.planes, height) * image.step
    if data.nbytes < needed:
        raise ImageError(
            'data_too_short',
            f'{width} x {height} {image.encoding} with step {image.step} needs {needed} bytes of '
            f'data, {data.nbytes} came: the publisher fills the message wrongly',
        )
    planes = [_view(plane, image, encoding.sample_bytes, data) for plane in encoding.planes]
    return Frame(width, height, PlaneSource(planes, encoding.conversion))


def _check_layout(image: RawImage, encoding: Encoding) -> None:
    """Refuse sizes and steps that the encoding cannot have."""
    what = f'{image.width} x {image.height} {image.encoding}'
    x_division = max(plane.x_division for plane in encoding.planes)
    y_division = max(plane.y_division for plane in encoding.planes)
    if image.width % x_division or image.height % y_division:
        raise ImageError(
            'odd_size',
            f'{what}: width must be a multiple of {x_division} and height of {y_division}, as '
            'neighbouring pixels share their colour: choose another size or encoding',
        )
    if min(image.width, image.height) < encoding.min_side:
        raise ImageError(
            'too_small', f'{what}: each side must have {encoding.min_side} pixels or more'
        )
    shortest = max(_row_bytes(p, image.width, encoding.sample_bytes) for p in encoding.planes)
    if image.step < shortest:
        raise ImageError(
            'step_too_small',
            f'{what} needs a step of at least {shortest} bytes, {image.step} came: width, step '
            'and encoding of the message disagree',
        )


def _row_bytes(plane: Plane, width: int, sample_bytes: int) -> int:
    """Smallest step in bytes that holds a row of the plane."""
    pixels = width // plane.x_division
    row = pixels * (plane.pixel_stride or plane.channels) * sample_bytes
    return -(-row // plane.row_steps)


def _bytes_needed(planes: tuple[Plane, ...], height: int) -> int:
    """Rows of ``step`` bytes that all planes take together."""
    return height + sum(height // p.y_division * p.row_steps for p in planes if p.below)


def _bytes_of(data: ImageData) -> memoryview:
    """Lay a view of single bytes over the data, without a copy."""
    try:
        view = memoryview(cast('bytes', data))  # typing has no name for the buffer protocol
        return view.cast('B') if view.nbytes else memoryview(b'')
    except TypeError as error:
        raise ImageError(
            'bad_data', f'image data must be contiguous bytes, {type(data).__name__} came: {error}'
        ) from error


def _view(plane: Plane, image: RawImage, sample_bytes: int, data: memoryview) -> Pixels:
    """Lay an array over the data: [rows, columns], or [rows, columns, channels]."""
    high_byte = sample_bytes - 1 if not image.is_bigendian else 0
    pixel_stride = plane.pixel_stride or plane.channels
    shape = (image.height // plane.y_division, image.width // plane.x_division, plane.channels)
    strides = (
        image.step * plane.row_steps,
        pixel_stride * sample_bytes,
        plane.channel_stride * sample_bytes,
    )
    dimensions = 2 if plane.channels == 1 else 3
    offset = plane.first * sample_bytes + high_byte
    if plane.below:
        offset += image.step * image.height
    pixels: Pixels = np.ndarray(
        shape[:dimensions], np.uint8, data, offset=offset, strides=strides[:dimensions]
    )
    return _read_only(pixels)


def _read_only(pixels: Pixels) -> Pixels:
    pixels.flags.writeable = False
    return pixels
