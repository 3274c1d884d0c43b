# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every encoding of the table against formulas written out here."""

import array

import cv2
import numpy as np
import pytest

from emotionnet_ros.imaging.encodings import ENCODINGS
from emotionnet_ros.imaging.frame import RawImage, decode

# ITU-R BT.601, video range: rows Y, U, V of R, G, B.
YUV_OF_RGB = (
    np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]])
    / 255
)
PADDING_BYTE = 0xA7


def rounded(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def yuv_of(rgb):
    return rounded(rgb @ YUV_OF_RGB.T + [16, 128, 128])


def rgb_of(yuv):
    return rounded((yuv - np.array([16.0, 128, 128])) @ np.linalg.inv(YUV_OF_RGB).T)


def halved(plane, vertical):
    plane = plane.astype(float)
    plane = (plane[:, ::2] + plane[:, 1::2]) / 2
    return rounded((plane[::2] + plane[1::2]) / 2 if vertical else plane)


def samples_of(order):
    return lambda rgb: [
        np.dstack(
            [
                dict(zip('rgba', [*np.moveaxis(rgb, 2, 0), rgb[..., 0] * 0 + 9], strict=True))[c]
                for c in order
            ]
        )
    ]


def grey_of(rgb):
    return [rounded(rgb @ [0.299, 0.587, 0.114])]


def mosaic_of(pattern):
    def pack(rgb):
        mosaic = np.empty(rgb.shape[:2], np.uint8)
        for i, colour in enumerate(pattern):
            y, x = divmod(i, 2)
            mosaic[y::2, x::2] = rgb[y::2, x::2, 'rgb'.index(colour)]
        return [mosaic]

    return pack


def packed_yuv(luma_first):
    def pack(rgb):
        yuv = yuv_of(rgb)
        chroma = np.empty(rgb.shape[:2], np.uint8)
        chroma[:, ::2] = halved(yuv[..., 1], False)
        chroma[:, 1::2] = halved(yuv[..., 2], False)
        pair = (yuv[..., 0], chroma)
        return [np.dstack(pair if luma_first else pair[::-1])]

    return pack


def half_planes(first, second):
    def pack(rgb):
        yuv = yuv_of(rgb)
        return [yuv[..., 0], np.dstack([halved(yuv[..., i], True) for i in (first, second)])]

    return pack


def full_planes(rgb):
    yuv = yuv_of(rgb)
    return [yuv[..., 0], yuv[..., 1:]]


# Planes of 8-bit samples as each encoding stores them.
PACKERS = {
    'bgr8': samples_of('bgr'), 'rgb8': samples_of('rgb'), 'bgra8': samples_of('bgra'),
    'rgba8': samples_of('rgba'), 'bgr16': samples_of('bgr'), 'rgb16': samples_of('rgb'),
    'bgra16': samples_of('bgra'), 'rgba16': samples_of('rgba'), '8UC3': samples_of('bgr'),
    '8UC4': samples_of('bgra'), '16UC3': samples_of('bgr'), '16UC4': samples_of('bgra'),
    'mono8': grey_of, 'mono16': grey_of, '8UC1': grey_of, '16UC1': grey_of,
    **{f'bayer_{p}{bits}': mosaic_of(p) for p in ('rggb', 'bggr', 'gbrg', 'grbg')
       for bits in (8, 16)},
    'yuv422': packed_yuv(False), 'uyvy': packed_yuv(False),
    'yuv422_yuy2': packed_yuv(True), 'yuyv': packed_yuv(True),
    'nv12': half_planes(1, 2), 'nv21': half_planes(2, 1), 'nv24': full_planes,
}  # fmt: skip
LUMA_IN_SOURCE = {'mono8', 'mono16', '8UC1', '16UC1', 'yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv',
                  'nv12', 'nv21', 'nv24'}  # fmt: skip
BGR_IN_SOURCE = {'bgr8', '8UC3'}


def image_of(encoding, rgb, padding=0, big=False):
    """Lay the planes out row by row as a message would; low bytes and padding hold rubbish."""
    planes = PACKERS[encoding](rgb)
    if encoding.endswith('16') or encoding.startswith('16'):
        low = np.random.default_rng(3).integers(0, 256, planes[0].shape, dtype=np.uint8)
        planes = [np.stack([planes[0], low] if big else [low, planes[0]], axis=-1)]
    height, width = rgb.shape[:2]
    step = planes[0].reshape(height, -1).shape[1] + padding
    rows = []
    for plane in planes:
        flat = plane.reshape(plane.shape[0], -1)
        row = -(-flat.shape[1] // step) * step
        padded = np.full((len(flat), row), PADDING_BYTE, np.uint8)
        padded[:, : flat.shape[1]] = flat
        rows.append(padded.ravel())
    return RawImage(width, height, encoding, step, big, np.concatenate(rows).tobytes())


def expected_luma(encoding, rgb):
    return yuv_of(rgb)[..., 0] if is_yuv(encoding) else grey_of(rgb)[0]


def is_yuv(encoding):
    return encoding.startswith(('yu', 'uyvy', 'nv'))


def expected_bgr(encoding, rgb):
    """BGR of what the encoding keeps: all colours, no colour, or colours shared by neighbours."""
    if PACKERS[encoding] is grey_of:
        return np.dstack([grey_of(rgb)[0]] * 3)
    if not is_yuv(encoding):
        return rgb[..., ::-1]
    yuv = yuv_of(rgb)
    if encoding != 'nv24':
        vertical = encoding.startswith('nv')
        for i in (1, 2):
            small = halved(yuv[..., i], vertical).repeat(2, axis=1)
            yuv[..., i] = small.repeat(2, axis=0) if vertical else small
    return rgb_of(yuv)[..., ::-1]


def difference(a, b):
    assert a.shape == b.shape
    assert a.dtype == b.dtype == np.uint8
    return np.abs(a.astype(int) - b)


VARIANTS = [(e, big) for e in ENCODINGS for big in ((False, True) if '16' in e else (False,))]


def test_every_encoding_of_the_table_is_tested():
    assert set(PACKERS) == set(ENCODINGS)


@pytest.mark.parametrize('padding', [0, 7])
@pytest.mark.parametrize(('encoding', 'big'), VARIANTS)
def test_luma_and_bgr(encoding, big, padding, picture):
    frame = decode(image_of(encoding, picture, padding, big))
    assert (frame.width, frame.height) == (picture.shape[1], picture.shape[0])
    luma = difference(frame.luma(), expected_luma(encoding, picture))
    bgr = difference(frame.bgr(), expected_bgr(encoding, picture))
    if encoding.startswith('bayer'):  # two of three colours are interpolated
        inner = (slice(2, -2), slice(2, -2))
        assert luma[inner].mean() < 4
        assert bgr[inner].mean() < 5
    else:
        assert luma.max() <= 1
        assert bgr.max() <= 2


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_only_the_right_bayer_pattern_gives_the_colours(pattern, bits, gradients):
    image = image_of(f'bayer_{pattern}{bits}', gradients)
    errors = {}
    for other in ('rggb', 'bggr', 'gbrg', 'grbg'):
        seen = decode(RawImage(72, 56, f'bayer_{other}{bits}', image.step, False, image.data))
        inner = difference(seen.bgr(), gradients[..., ::-1])[2:-2, 2:-2]
        errors[other] = inner.max()
    assert errors.pop(pattern) <= 3
    assert min(errors.values()) > 20


@pytest.mark.parametrize(('encoding', 'big'), VARIANTS)
@pytest.mark.parametrize('where', [(0, 0, 72, 56), (0, 0, 1, 1), (13, 7, 30, 21), (71, 55, 1, 1)])
def test_a_patch_equals_that_part_of_the_luma(encoding, big, where, gradients):
    image = image_of(encoding, gradients, 6, big)
    x, y, width, height = where
    patch = decode(image).luma_patch(*where)
    whole = decode(image)
    expected = whole.luma()[y : y + height, x : x + width]
    np.testing.assert_array_equal(whole.luma_patch(*where), expected)
    # OpenCV 4 rounds a demosaiced pixel differently by its place in the row.
    assert difference(patch, expected).max() <= (1 if encoding.startswith('bayer') else 0)


@pytest.mark.parametrize(
    'size', [(36, 28), (24, 20), (18, 14), (15, 9), (7, 13), (91, 80), (72, 56)]
)
@pytest.mark.parametrize('encoding', ENCODINGS)
def test_resized_bgr_is_the_resized_picture(encoding, size, gradients):
    image = image_of(encoding, gradients, 5)
    resized = decode(image).resized_bgr(*size)
    interpolation = cv2.INTER_AREA if size[0] < 72 else cv2.INTER_LINEAR
    expected = cv2.resize(expected_bgr(encoding, gradients), size, interpolation=interpolation)
    assert difference(resized, expected).mean() < 2
    after_bgr = decode(image)
    after_bgr.bgr()
    assert difference(after_bgr.resized_bgr(*size), resized).mean() < 2.5


@pytest.mark.parametrize('size', [(36, 28), (24, 20), (15, 9), (91, 80), (72, 56)])
@pytest.mark.parametrize('encoding', ENCODINGS)
def test_resized_luma_is_the_resized_luma(encoding, size, gradients):
    image = image_of(encoding, gradients, 5)
    resized = decode(image).resized_luma(*size)
    assert not resized.flags.writeable
    interpolation = cv2.INTER_AREA if size[0] < 72 else cv2.INTER_LINEAR
    expected = cv2.resize(expected_luma(encoding, gradients), size, interpolation=interpolation)
    assert difference(resized, expected).mean() < 2
    after_luma = decode(image)
    after_luma.luma()
    assert difference(after_luma.resized_luma(*size), resized).mean() < 1


@pytest.mark.parametrize('size', [(40, 40), (50, 40), (27, 27)])
def test_shrinking_does_not_alias(size):
    """A pattern of single pixels is uniform grey from afar; skipping pixels would show stripes."""
    stripes = np.zeros((160, 160, 3), np.uint8)
    stripes[:, ::2] = 255
    for pixels in (stripes, stripes.transpose(1, 0, 2).copy()):
        frame = decode(RawImage(160, 160, 'bgr8', 480, False, pixels))
        assert (
            difference(frame.resized_bgr(*size), np.full((*size[::-1], 3), 128, np.uint8)).max()
            <= 2
        )


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_what_the_source_holds_is_seen_not_copied(encoding, gradients):
    image = image_of(encoding, gradients, 3)
    source = np.frombuffer(image.data, np.uint8)
    frame = decode(image)
    patch = frame.luma_patch(10, 10, 20, 20)
    assert np.shares_memory(frame.luma(), source) == (encoding in LUMA_IN_SOURCE)
    assert np.shares_memory(patch, source) == (encoding in LUMA_IN_SOURCE)
    assert np.shares_memory(frame.bgr(), source) == (encoding in BGR_IN_SOURCE)


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_conversions_are_kept_and_read_only(encoding, gradients):
    data = bytearray(image_of(encoding, gradients).data)
    image = image_of(encoding, gradients)
    frame = decode(RawImage(72, 56, encoding, image.step, False, data))
    assert frame.luma() is frame.luma()
    assert frame.bgr() is frame.bgr()
    assert np.shares_memory(frame.luma_patch(1, 1, 9, 9), frame.luma())
    results = (frame.luma(), frame.bgr(), frame.luma_patch(1, 1, 9, 9), frame.resized_bgr(20, 20))
    assert not any(pixels.flags.writeable for pixels in results)


@pytest.mark.parametrize(
    'wrap',
    [
        bytes,
        bytearray,
        memoryview,
        lambda data: array.array('B', data),
        lambda data: np.frombuffer(data, np.uint8),
        lambda data: np.frombuffer(data, np.uint8).reshape(56, -1),
        lambda data: np.frombuffer(data, np.uint16),
    ],
)
def test_data_of_any_buffer_type(wrap, gradients):
    image = image_of('rgb8', gradients)
    frame = decode(RawImage(72, 56, 'rgb8', image.step, False, wrap(image.data)))
    np.testing.assert_array_equal(frame.bgr(), gradients[..., ::-1])
