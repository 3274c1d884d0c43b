# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""JPEG and PNG files, checked before a decoder sees them.

What a few bytes can claim is checked against what so few bytes can hold, so that a small file
never costs much memory or time; a decoder gets no part of a file that it does not need.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from emotionnet_ros.imaging.errors import ImageError, check_size, shortened

_PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
# Channels and the bits that a sample may have, by colour type (W3C PNG, table 11.1).
_PNG_COLOUR_TYPES = {
    0: (1, (1, 2, 4, 8, 16)),
    2: (3, (8, 16)),
    3: (1, (1, 2, 4, 8)),
    4: (2, (8, 16)),
    6: (4, (8, 16)),
}
_PNG_GREY = (0, 4)
# All that makes up the picture. The rest costs or harms: OpenCV inflates texts and profiles for
# nothing (seconds for a file of 400 kB) and, in 4.11, writes outside its memory where a frame of
# an animation is larger than the picture.
_PNG_CHUNKS = frozenset((b'IHDR', b'PLTE', b'IDAT', b'IEND'))
# Deflate gives at most 258 bytes for two bits (RFC 1951).
_DEFLATE_LIMIT = 1032

_JPEG_SIGNATURE = b'\xff\xd8\xff'
_JPEG_START_OF_SCAN, _JPEG_END = 0xDA, 0xD9
# Start-of-frame markers; the gaps in C0..CF define tables.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers that no length follows: stuffing, TEM, restarts and start of image.
_JPEG_BARE = frozenset((0x00, 0x01, *range(0xD0, 0xD9)))
# A block of 8 x 8 pixels takes one bit at least, with Huffman codes.
_JPEG_PIXELS_PER_BYTE = 512
# Each is another pass over all pixels; encoders make about ten.
_JPEG_MAX_SCANS = 32


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file fit for a decoder; ``kind`` is 'jpeg' or 'png', sizes are in pixels."""

    kind: str
    width: int
    height: int
    is_grey: bool
    data: bytes

    def corrupt(self, what: str) -> ImageError:
        """Make the error for a file whose pixels cannot be decoded."""
        return _corrupt(self.kind, self.data, what)


def check_file(data: bytes, file_format: str) -> ImageFile:
    """Check a JPEG or PNG file as far as that goes without decoding pixels.

    Raises
    ------
    ImageError
        ``unknown_format`` for another kind of file, ``corrupt_jpeg`` or ``corrupt_png`` for one
        that is cut short, damaged, or too small for the size it claims, ``zero_size``,
        ``too_large``.
    """
    if data.startswith(_JPEG_SIGNATURE):
        return _check_jpeg(data)
    if data.startswith(_PNG_SIGNATURE):
        return _check_png(data)
    raise ImageError(
        'unknown_format',
        f'a compressed image of format {shortened(file_format)} and {len(data)} bytes begins with '
        f'{data[:8]!r}, which is neither JPEG nor PNG: set the compressed transport to one',
    )


def _check_png(data: bytes) -> ImageFile:
    """Walk the chunks (W3C PNG, section 5), keep those of the picture."""
    if len(data) < 33 or data[8:16] != b'\0\0\0\x0dIHDR':
        raise _corrupt('png', data, 'is cut short')
    width, height = (int.from_bytes(data[i : i + 4], 'big') for i in (16, 20))
    bits, colour_type = data[24], data[25]
    check_size(width, height, 'the png file')
    channels, allowed_bits = _PNG_COLOUR_TYPES.get(colour_type, (0, ()))
    if bits not in allowed_bits:
        raise _corrupt('png', data, f'claims {bits} bits of colour type {colour_type}')
    kept, kept_bytes, pixel_bytes = [data[:8]], 8, 0
    position, name = 8, b''
    while name != b'IEND':
        end = position + 12 + int.from_bytes(data[position : position + 4], 'big')
        name = data[position + 4 : position + 8]
        if end > len(data):
            raise _corrupt('png', data, 'is cut short')
        if name in _PNG_CHUNKS:
            checksum = zlib.crc32(memoryview(data)[position + 4 : end - 4])
            if checksum != int.from_bytes(data[end - 4 : end], 'big'):
                raise _corrupt('png', data, f'has a wrong checksum in {name.decode()}')
            kept.append(data[position:end])
            kept_bytes += end - position
            pixel_bytes += (end - position - 12) * (name == b'IDAT')
        position = end
    needed = width * height * bits * channels // 8
    if pixel_bytes * _DEFLATE_LIMIT < needed:
        raise _corrupt('png', data, f'is too small for the {width} x {height} pixels it claims')
    file = data if kept_bytes == len(data) else b''.join(kept)
    return ImageFile('png', width, height, colour_type in _PNG_GREY, file)


def _check_jpeg(data: bytes) -> ImageFile:
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
            return _check_jpeg_frame(data, position, segment)
        position += 2 + max(2, int.from_bytes(data[position + 2 : position + 4], 'big'))
    raise _corrupt('jpeg', data, 'has no readable header')


def _check_jpeg_frame(data: bytes, position: int, segment: bytes) -> ImageFile:
    # Within a scan FF is never followed by D9, so the last such pair ends the image; some cameras
    # pad behind it.
    if data.rfind(b'\xff\xd9', position) < 0:
        raise _corrupt('jpeg', data, 'is cut short')
    height, width = (int.from_bytes(segment[i : i + 2], 'big') for i in (1, 3))
    check_size(width, height, 'the jpeg file')
    if (len(data) - position) * _JPEG_PIXELS_PER_BYTE < width * height:
        raise _corrupt('jpeg', data, f'is too small for the {width} x {height} pixels it claims')
    # Nor by DA.
    scans = data.count(b'\xff\xda', position)
    if scans > _JPEG_MAX_SCANS:
        raise _corrupt('jpeg', data, f'has {scans} scans, more than {_JPEG_MAX_SCANS}')
    return ImageFile('jpeg', width, height, segment[5] == 1, data)


def _corrupt(kind: str, data: bytes, what: str) -> ImageError:
    return ImageError(
        f'corrupt_{kind}',
        f'a {kind.upper()} of {len(data)} bytes {what}: look for losses between the publisher and '
        'this node (network, queue sizes)',
    )
