# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whatever a message holds, the answer is a frame or an ImageError."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionnet_ros.expressions import Box
from emotionnet_ros.imaging import ImageError, RawImage, decode, decode_compressed, face_crop
from emotionnet_ros.imaging.encodings import ENCODINGS

REASONS = {
    'zero_size', 'too_large', 'unknown_encoding', 'odd_size', 'too_small', 'step_too_small',
    'data_too_short', 'bad_data', 'unknown_format', 'corrupt_jpeg', 'corrupt_png',
}  # fmt: skip


def use(frame):
    """Ask a frame for all that it can give."""
    height, width = frame.height, frame.width
    assert frame.luma_patch(width // 2, height // 2, 1, 1).shape == (1, 1)
    assert frame.resized_bgr(9, 7).shape == (7, 9, 3)
    assert face_crop(frame, Box(0, 0, width, height), size=16).shape == (16, 16)
    assert frame.luma().shape == (height, width)
    assert frame.bgr().shape == (height, width, 3)
    assert frame.resized_bgr(max(width // 3, 1), max(height // 4, 1)).dtype == np.uint8


def reason_against(open_frame):
    """Open and use a frame; None, or the reason why that cannot be."""
    try:
        use(open_frame())
    except ImageError as error:
        return error.reason
    return None


@pytest.mark.parametrize(
    ('reason', 'fields', 'words'),
    [
        ('zero_size', (0, 4, 'bgr8', 12, 48), '0 x 4'),
        ('zero_size', (4, -1, 'bgr8', 12, 48), '4 x -1'),
        ('too_large', (40000, 2, 'mono8', 40000, 80000), '40000 x 2'),
        ('too_large', (9000, 9000, 'mono8', 9000, 10), '9000 x 9000'),
        ('unknown_encoding', (4, 4, 'bgr9', 12, 48), 'bgr8, '),
        ('unknown_encoding', (4, 4, '', 12, 48), 'yuv422_yuy2'),
        ('odd_size', (5, 4, 'yuyv', 12, 48), 'multiple of 2'),
        ('odd_size', (5, 4, 'nv12', 12, 72), 'multiple of 2'),
        ('odd_size', (4, 5, 'nv21', 12, 90), 'multiple of 2'),
        ('too_small', (2, 2, 'bayer_rggb8', 12, 48), '4 pixels'),
        ('step_too_small', (4, 4, 'bgr8', 11, 48), '12 bytes, 11 came'),
        ('step_too_small', (4, 4, 'mono16', 7, 48), '8 bytes, 7 came'),
        ('step_too_small', (4, 4, 'nv12', 3, 48), '4 bytes, 3 came'),
        ('step_too_small', (4, 4, 'bgr8', 0, 48), '12 bytes, 0 came'),
        ('data_too_short', (4, 4, 'bgr8', 12, 47), '48 bytes of data, 47 came'),
        ('data_too_short', (4, 4, 'bgr8', 2**32 - 1, 48), f'{4 * (2**32 - 1)} bytes'),
        ('data_too_short', (4, 4, 'nv12', 8, 47), '48 bytes of data, 47 came'),
        ('data_too_short', (4, 4, 'nv24', 8, 95), '96 bytes of data, 95 came'),
        ('data_too_short', (4, 4, 'mono8', 4, 0), '16 bytes of data, 0 came'),
    ],
)
def test_a_message_that_disagrees_with_itself(reason, fields, words):
    *head, length = fields
    with pytest.raises(ImageError) as error:
        decode(RawImage(*head, False, bytes(length)))
    assert error.value.reason == reason
    assert words in str(error.value)


def test_data_that_is_no_buffer_or_has_gaps():
    for data in (None, 'text', [1, 2, 3], np.zeros((8, 8), np.uint8)[:, ::2]):
        with pytest.raises(ImageError) as error:
            decode(RawImage(4, 4, 'mono8', 4, False, data))
        assert error.value.reason == 'bad_data'
        with pytest.raises(ImageError) as error:
            decode_compressed(data)
        assert error.value.reason == 'bad_data'


def test_a_patch_or_size_that_cannot_be():
    frame = decode(RawImage(4, 4, 'mono8', 4, False, bytes(16)))
    for patch in ((0, 0, 5, 1), (-1, 0, 2, 2), (0, 0, 0, 3), (3, 3, 1, 2), (1, 1, -1, 1)):
        with pytest.raises(ImageError) as error:
            frame.luma_patch(*patch)
        assert error.value.reason == 'patch_outside'
    for size, reason in (((0, 3), 'zero_size'), ((3, 10**6), 'too_large')):
        with pytest.raises(ImageError) as error:
            frame.resized_bgr(*size)
        assert error.value.reason == reason


@pytest.mark.parametrize('encoding', ENCODINGS)
@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    padding=st.integers(-2, 40),
    big=st.booleans(),
    missing=st.integers(-3, 3),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=25, deadline=None)
def test_nearly_right_raw_images(encoding, width, height, padding, big, missing, seed):
    """Sizes, steps and lengths round the border between right and wrong; rubbish for pixels."""
    row = ENCODINGS[encoding]
    step = width * row.planes[0].channels * row.sample_bytes + padding
    total = step * height * {'nv12': 1.5, 'nv21': 1.5, 'nv24': 3}.get(encoding, 1)
    length = max(int(total) - missing, 0)
    data = np.random.default_rng(seed).integers(0, 256, length, dtype=np.uint8).tobytes()
    odd = encoding.startswith(('yu', 'uyvy', 'nv1', 'nv2')) and encoding != 'nv24' and width % 2
    odd_rows = encoding in ('nv12', 'nv21') and height % 2
    tiny = encoding.startswith('bayer') and min(width, height) < 4
    refused = bool(padding < 0 or missing > 0 or odd or odd_rows or tiny)
    image = RawImage(width, height, encoding, step, big, data)
    if refused:
        with pytest.raises(ImageError) as error:
            decode(image)
        assert error.value.reason in REASONS
    else:
        use(decode(image))


uint32 = st.integers(0, 2**32 - 1)


@given(
    width=st.one_of(st.integers(-5, 70), uint32),
    height=st.one_of(st.integers(-5, 70), uint32),
    encoding=st.one_of(st.sampled_from(sorted(ENCODINGS)), st.text(max_size=12)),
    step=st.one_of(st.integers(-5, 300), uint32),
    big=st.booleans(),
    data=st.binary(max_size=5000),
)
@settings(max_examples=200, deadline=None)
def test_any_raw_image(width, height, encoding, step, big, data):
    assert reason_against(lambda: decode(RawImage(width, height, encoding, step, big, data))) in {
        None,
        *REASONS,
    }


def files():
    rng = np.random.default_rng(5)
    colour = cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (40, 30))
    grey = colour[..., 0].copy()
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    made = [('.jpg', colour, []), ('.jpg', colour, progressive), ('.jpg', grey, []),
            ('.png', colour, []), ('.png', grey.astype(np.uint16) * 257, [])]  # fmt: skip
    return [cv2.imencode(*arguments)[1].tobytes() for arguments in made]


def try_file(data, file_format=''):
    assert reason_against(lambda: decode_compressed(data, file_format)) in {None, *REASONS}


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_damaged_files(data):
    file = bytearray(data.draw(st.sampled_from(files())))
    place = st.one_of(st.integers(0, min(700, len(file) - 1)), st.integers(0, len(file) - 1))
    for where in data.draw(st.lists(place, max_size=6)):
        file[where] ^= 1 << data.draw(st.integers(0, 7))
    if data.draw(st.booleans()):
        del file[data.draw(st.integers(0, len(file))) :]
    try_file(bytes(file))


@given(
    start=st.sampled_from([b'', b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n']),
    rest=st.binary(max_size=300),
    end=st.sampled_from([b'', b'\xff\xd9', b'\0\0\0\0IEND\xaeB`\x82']),
    file_format=st.text(max_size=20),
)
@settings(max_examples=200, deadline=None)
def test_any_file(start, rest, end, file_format):
    try_file(start + rest + end, file_format)


def test_intact_files_are_used():
    for file in files():
        use(decode_compressed(file))
