# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Raw image messages: checked, then seen through views of their data."""

from __future__ import annotations

import array
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.imaging.conversions import Conversion, Pixels, Planes
from emotionnet_ros.imaging.encodings import ENCODINGS, Encoding, Plane
from emotionnet_ros.imaging.errors import ImageError, check_size, shortened

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


@dataclass(frozen=True, slots=True)
class RawSource:
    """The planes of a raw image, views of its data, and how to convert them."""

    planes: Planes
    conversion: Conversion

    def expect_luma(self) -> None:
        """Nothing to prepare: luma is taken from the data where it lies."""

    def luma(self, rows: slice, columns: slice) -> Pixels:
        """Luma of the rectangle, uint8 [rows, columns]."""
        return self.conversion.luma(self.planes, rows, columns)

    def resized_luma(self, width: int, height: int) -> Pixels:
        """All luma at the size given, uint8 [height, width]."""
        return self.conversion.resized_luma(self.planes, width, height)

    def bgr(self) -> Pixels:
        """All pixels as BGR, uint8 [height, width, 3]."""
        return self.conversion.bgr(self.planes)

    def resized_bgr(self, width: int, height: int) -> Pixels:
        """All pixels as BGR at the size given, uint8 [height, width, 3]."""
        return self.conversion.resized_bgr(self.planes, width, height)


def open_raw(image: RawImage) -> RawSource:
    """Check the fields against each other and lay views over the data; nothing is copied.

    Raises
    ------
    ImageError
        As ``frame.decode`` says.
    """
    check_size(image.width, image.height, 'the image')
    encoding = ENCODINGS.get(image.encoding)
    if encoding is None:
        raise ImageError(
            'unknown_encoding',
            f'unknown encoding {shortened(image.encoding)}: set the camera driver to one of '
            + ', '.join(sorted(ENCODINGS)),
        )
    _check_layout(image, encoding)
    data = bytes_of(image.data)
    offsets = [0]
    for plane in encoding.planes:
        rows = image.height // plane.y_division
        offsets.append(offsets[-1] + rows * plane.row_steps * image.step)
    if data.nbytes < offsets[-1]:
        raise ImageError(
            'data_too_short',
            f'{_describe(image)} with step {image.step} needs {offsets[-1]} bytes of data, '
            f'{data.nbytes} came: the publisher fills the message wrongly',
        )
    high_byte = 0 if image.is_bigendian else encoding.sample_bytes - 1
    planes = [
        _view(plane, image, encoding.sample_bytes, data, offset + high_byte)
        for plane, offset in zip(encoding.planes, offsets[:-1], strict=True)
    ]
    return RawSource(planes, encoding.conversion)


def bytes_of(data: ImageData) -> memoryview:
    """Lay a view of single bytes over the data, without a copy.

    Raises
    ------
    ImageError
        ``bad_data`` when it is no contiguous buffer.
    """
    try:
        view = memoryview(cast('bytes', data))  # typing has no name for the buffer protocol
        return view.cast('B') if view.nbytes else memoryview(b'')
    except TypeError as error:
        raise ImageError(
            'bad_data', f'image data must be contiguous bytes, {type(data).__name__} came: {error}'
        ) from error


def _check_layout(image: RawImage, encoding: Encoding) -> None:
    """Refuse sizes and steps that the encoding cannot have."""
    y_multiple = max(plane.y_division for plane in encoding.planes)
    if image.width % encoding.x_multiple or image.height % y_multiple:
        raise ImageError(
            'odd_size',
            f'{_describe(image)}: width must be a multiple of {encoding.x_multiple} and height of '
            f'{y_multiple}, as pixels share their colour: choose another size or encoding',
        )
    if min(image.width, image.height) < encoding.min_side:
        raise ImageError(
            'too_small',
            f'{_describe(image)}: each side must have at least {encoding.min_side} pixels',
        )
    shortest = max(
        -(-_row_bytes(plane, image, encoding.sample_bytes) // plane.row_steps)
        for plane in encoding.planes
    )
    if image.step < shortest:
        raise ImageError(
            'step_too_small',
            f'{_describe(image)} needs a step of at least {shortest} bytes, {image.step} came: '
            'width, step and encoding of the message disagree',
        )


def _describe(image: RawImage) -> str:
    return f'{image.width} x {image.height} {image.encoding}'


def _row_bytes(plane: Plane, image: RawImage, sample_bytes: int) -> int:
    return image.width // plane.x_division * plane.channels * sample_bytes


def _view(
    plane: Plane, image: RawImage, sample_bytes: int, data: memoryview, offset: int
) -> Pixels:
    """Lay an array over the data: [rows, columns], or [rows, columns, channels]."""
    rows, columns = image.height // plane.y_division, image.width // plane.x_division
    shape: tuple[int, ...] = (rows, columns, plane.channels)
    strides: tuple[int, ...] = (
        image.step * plane.row_steps,
        plane.channels * sample_bytes,
        sample_bytes,
    )
    if plane.channels == 1:
        shape, strides = shape[:2], strides[:2]
    pixels: Pixels = np.ndarray(shape, np.uint8, data, offset=offset, strides=strides)
    return pixels
