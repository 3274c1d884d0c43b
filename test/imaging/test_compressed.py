# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""JPEG and PNG: what comes out, and how little is decoded."""

import array
import zlib

import cv2
import numpy as np
import pytest

from emotionnet_ros.imaging import ImageError, compressed, decode_compressed


def encoded(extension, pixels, *parameters):
    done, data = cv2.imencode(extension, pixels, list(parameters))
    assert done
    return data.tobytes()


def difference(a, b):
    assert a.shape == b.shape
    assert a.dtype == b.dtype == np.uint8
    return np.abs(a.astype(int) - b)


def grey_of(rgb):
    return np.rint(rgb @ [0.299, 0.587, 0.114]).astype(np.uint8)


def png_claiming(width, height):
    """A PNG of a few dozen bytes with valid checksums that claims any size."""

    def chunk(name, content):
        checksum = zlib.crc32(name + content).to_bytes(4, 'big')
        return len(content).to_bytes(4, 'big') + name + content + checksum

    header = width.to_bytes(4, 'big') + height.to_bytes(4, 'big') + bytes([8, 2, 0, 0, 0])
    pixels = chunk(b'IDAT', zlib.compress(b'\0'))
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + pixels + chunk(b'IEND', b'')


def jpeg_claiming(jpeg, width, height):
    start = jpeg.index(b'\xff\xc0') + 5
    size = height.to_bytes(2, 'big') + width.to_bytes(2, 'big')
    return jpeg[:start] + size + jpeg[start + 4 :]


@pytest.fixture(scope='module')
def jpeg(astronaut):
    return encoded('.jpg', astronaut[..., ::-1], cv2.IMWRITE_JPEG_QUALITY, 92)


@pytest.mark.parametrize('file_format', ['jpeg', 'bgr8; jpeg compressed bgr8', ''])
@pytest.mark.parametrize('wrap', [bytes, lambda data: array.array('B', data), memoryview])
def test_colour_jpeg(jpeg, astronaut, file_format, wrap):
    frame = decode_compressed(wrap(jpeg), file_format)
    assert (frame.width, frame.height) == (512, 512)
    assert difference(frame.luma(), grey_of(astronaut)).mean() < 3
    assert difference(frame.bgr(), astronaut[..., ::-1]).mean() < 4
    assert not frame.luma().flags.writeable
    assert not frame.bgr().flags.writeable


def test_luma_of_a_jpeg_is_the_same_before_and_after_colour(jpeg):
    before = decode_compressed(jpeg)
    after = decode_compressed(jpeg)
    after.bgr()
    assert difference(before.luma(), after.luma()).mean() < 0.5
    np.testing.assert_array_equal(before.luma_patch(30, 40, 50, 60), before.luma()[40:100, 30:80])
    np.testing.assert_array_equal(after.luma_patch(30, 40, 50, 60), after.luma()[40:100, 30:80])


@pytest.mark.parametrize(
    'size', [(600, 700), (400, 300), (256, 256), (200, 150), (128, 90), (50, 41)]
)
def test_small_jpeg_is_the_resized_picture(jpeg, astronaut, size):
    interpolation = cv2.INTER_AREA if size[0] < 512 else cv2.INTER_LINEAR
    expected = cv2.resize(astronaut[..., ::-1], size, interpolation=interpolation)
    assert difference(decode_compressed(jpeg).resized_bgr(*size), expected).mean() < 4


def test_a_jpeg_is_decoded_no_more_than_needed(jpeg, monkeypatch):
    calls = []
    imdecode = cv2.imdecode

    def recorded(data, flags):
        calls.append(flags & ~cv2.IMREAD_IGNORE_ORIENTATION)
        return imdecode(data, flags)

    monkeypatch.setattr(compressed.cv2, 'imdecode', recorded)
    frame = decode_compressed(jpeg)
    assert calls == []
    frame.resized_bgr(128, 128)
    assert calls == [cv2.IMREAD_REDUCED_COLOR_4]
    frame.luma_patch(3, 4, 5, 6)
    frame.luma_patch(60, 70, 80, 90)
    frame.luma()
    assert calls[1:] == [cv2.IMREAD_GRAYSCALE]
    frame.bgr()
    frame.bgr()
    frame.resized_bgr(100, 100)
    assert calls[2:] == [cv2.IMREAD_COLOR]


@pytest.mark.parametrize('extension', ['.jpg', '.png'])
def test_grey_files(extension, astronaut):
    grey = grey_of(astronaut)
    frame = decode_compressed(encoded(extension, grey), 'mono8; jpeg compressed ')
    assert difference(frame.luma(), grey).mean() < (2 if extension == '.jpg' else 1e-9)
    np.testing.assert_array_equal(frame.bgr(), np.dstack([frame.luma()] * 3))


@pytest.mark.parametrize('alpha', [False, True])
def test_colour_png(alpha, astronaut):
    bgr = astronaut[..., ::-1]
    stored = np.dstack([bgr, np.full(bgr.shape[:2], 200, np.uint8)]) if alpha else bgr
    frame = decode_compressed(encoded('.png', stored), 'rgb8; png compressed')
    np.testing.assert_array_equal(frame.bgr(), bgr)
    assert difference(frame.luma(), grey_of(astronaut)).max() <= 1


def test_16_bit_png_gives_the_high_bytes():
    stored = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 15
    frame = decode_compressed(encoded('.png', stored), 'mono16; png compressed ')
    np.testing.assert_array_equal(frame.luma(), stored >> 8)


@pytest.mark.parametrize('encoding', ['bayer_rggb8', 'bayer_rggb16'])
def test_a_mosaic_in_a_grey_png_is_demosaiced(encoding, gradients):
    mosaic = gradients[..., 1].copy()
    mosaic[::2, ::2] = gradients[::2, ::2, 0]
    mosaic[1::2, 1::2] = gradients[1::2, 1::2, 2]
    frame = decode_compressed(encoded('.png', mosaic), f'{encoding}; png compressed ')
    assert difference(frame.bgr(), gradients[..., ::-1])[2:-2, 2:-2].max() <= 3


def test_a_rotation_noted_in_the_file_is_ignored(gradients):
    jpeg = encoded('.jpg', gradients[..., ::-1])
    little_endian_exif = (
        b'Exif\0\0II*\0\x08\0\0\0\x01\0' + b'\x12\x01\x03\0\x01\0\0\0\x06\0\0\0' + b'\0\0\0\0'
    )
    segment = b'\xff\xe1' + (len(little_endian_exif) + 2).to_bytes(2, 'big') + little_endian_exif
    rotated = jpeg[:2] + segment + jpeg[2:]
    assert cv2.imdecode(np.frombuffer(rotated, np.uint8), 1).shape == (72, 56, 3)
    frame = decode_compressed(rotated)
    assert frame.luma().shape == (56, 72)
    np.testing.assert_array_equal(frame.bgr(), decode_compressed(jpeg).bgr())


@pytest.mark.parametrize('padding', [b'', b'\0' * 500, b'\xff\xff\xff', b'rubbish' * 30])
def test_what_a_camera_pads_behind_the_end_is_ignored(jpeg, padding):
    frame = decode_compressed(jpeg + padding)
    np.testing.assert_array_equal(frame.luma(), decode_compressed(jpeg).luma())


def reason_of(data, file_format=''):
    with pytest.raises(ImageError) as error:
        decode_compressed(data, file_format).bgr()
    return error.value.reason, str(error.value)


@pytest.mark.parametrize('kept', [3, 20, 200, 0.3, 0.99])
def test_a_file_cut_short_is_refused(jpeg, gradients, kept):
    for name, data in (('jpeg', jpeg), ('png', encoded('.png', gradients))):
        length = kept if isinstance(kept, int) else int(len(data) * kept)
        expected = 'unknown_format' if (name, length) == ('png', 3) else f'corrupt_{name}'
        reason, message = reason_of(data[:length])
        assert reason == expected
        assert str(length) in message


def test_a_corrupt_file_is_refused_in_words(gradients):
    png = bytearray(encoded('.png', gradients))
    png[60] ^= 1
    assert reason_of(png)[0] == 'corrupt_png'
    jpeg = encoded('.jpg', gradients)
    without_quantisation = jpeg.replace(b'\xff\xdb', b'\xff\xe9')
    assert reason_of(without_quantisation)[0] == 'corrupt_jpeg'
    assert reason_of(b'\xff\xd8\xff\xd9')[0] == 'corrupt_jpeg'


@pytest.mark.parametrize('data', [b'', b'GIF89a' * 9, b'\xff\xd8', b'BM' + bytes(60)])
def test_other_files_are_refused(data):
    reason, message = reason_of(data, 'gif')
    assert reason == 'unknown_format'
    assert 'JPEG' in message
    assert "'gif'" in message


@pytest.mark.parametrize('file_format', ['16UC1; compressedDepth', '16UC1; compressedDepth png'])
def test_depth_is_refused(file_format):
    reason, message = reason_of(bytes(12) + png_claiming(8, 8), file_format)
    assert reason == 'unknown_format'
    assert 'depth' in message


def test_a_file_that_claims_an_absurd_size_is_refused_unread(jpeg, monkeypatch):
    monkeypatch.setattr(compressed.cv2, 'imdecode', None)  # to call it would raise TypeError
    assert reason_of(png_claiming(30000, 30000))[0] == 'too_large'
    assert reason_of(png_claiming(2**31 - 1, 1))[0] == 'too_large'
    assert reason_of(png_claiming(0, 5))[0] == 'zero_size'
    assert reason_of(jpeg_claiming(jpeg, 65500, 65500))[0] == 'too_large'
    assert reason_of(jpeg_claiming(jpeg, 512, 0))[0] == 'zero_size'
