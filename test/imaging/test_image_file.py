# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files that would cost a decoder much, or harm it, and what they cost here."""

import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotionnet_ros.imaging import ImageError, compressed, decode_compressed
from emotionnet_ros.imaging.image_file import check_file


def chunk(name, content):
    checksum = zlib.crc32(name + content).to_bytes(4, 'big')
    return len(content).to_bytes(4, 'big') + name + content + checksum


def with_chunks(png, *chunks):
    """Put chunks behind the header of a PNG."""
    return png[:33] + b''.join(chunks) + png[33:]


def with_claim(jpeg, width, height):
    frame = max(jpeg.find(b'\xff\xc0'), jpeg.find(b'\xff\xc2'))
    return jpeg[: frame + 5] + struct.pack('>HH', height, width) + jpeg[frame + 9 :]


@pytest.fixture(scope='module')
def png(astronaut):
    return cv2.imencode('.png', astronaut[:64, :80])[1].tobytes()


@pytest.fixture(scope='module')
def jpeg(astronaut):
    return cv2.imencode('.jpg', astronaut[:64, :80])[1].tobytes()


def complaint(data):
    with pytest.raises(ImageError) as error:
        decode_compressed(data)
    assert error.value.reason in ('corrupt_png', 'corrupt_jpeg')
    return str(error.value)


def test_an_animation_is_its_picture(png):
    """OpenCV 4.11 writes outside its memory where an animation's frame exceeds the picture."""
    animation = with_chunks(
        png,
        chunk(b'acTL', struct.pack('>II', 1000, 0)),
        chunk(b'fcTL', struct.pack('>IIIIIHHBB', 0, 8000, 8000, 0, 0, 1, 1, 0, 0)),
    )
    np.testing.assert_array_equal(decode_compressed(animation).bgr(), decode_compressed(png).bgr())


def test_texts_and_profiles_are_not_inflated(png):
    """50 texts of 8 MB in a file of 400 kB; OpenCV alone takes seconds for it."""
    text = chunk(b'zTXt', b'a\0\0' + zlib.compress(bytes(7_900_000), 9))
    profile = chunk(b'iCCP', b'a\0\0' + zlib.compress(bytes(7_900_000), 9))
    plain, loaded = (
        min(seconds_to_decode(file) for _ in range(3))
        for file in (png, with_chunks(png, *[text] * 50, profile))
    )
    assert loaded < 50 * plain
    assert check_file(with_chunks(png, text), '').data == png
    assert check_file(png, '').data is png


def seconds_to_decode(file):
    start = time.perf_counter()
    decode_compressed(file)
    return time.perf_counter() - start


def test_a_checksum_is_named(png):
    place = png.index(b'IDAT') + 20
    damaged = png[:place] + bytes([png[place] ^ 4]) + png[place + 1 :]
    assert 'wrong checksum in IDAT' in complaint(damaged)


@pytest.mark.parametrize(('bits', 'colour_type'), [(3, 2), (4, 6), (16, 3), (8, 1), (8, 255)])
def test_an_impossible_kind_of_png(bits, colour_type, monkeypatch):
    monkeypatch.setattr(compressed.cv2, 'imdecode', None)
    head = struct.pack('>IIBBBBB', 8, 8, bits, colour_type, 0, 0, 0)
    data = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IEND', b'')
    assert f'{bits} bits of colour type {colour_type}' in complaint(data)


def test_more_pixels_than_so_few_bytes_can_hold(png, jpeg, monkeypatch):
    monkeypatch.setattr(compressed.cv2, 'imdecode', None)  # to call it would raise TypeError
    head = struct.pack('>IIBBBBB', 7000, 7000, 8, 2, 0, 0, 0)
    claiming = png[:8] + chunk(b'IHDR', head) + png[33:]
    assert 'too small for the 7000 x 7000 pixels' in complaint(claiming)
    assert 'too small for the 7000 x 8000 pixels' in complaint(with_claim(jpeg, 7000, 8000))


@pytest.mark.parametrize('progressive', [0, 1])
@pytest.mark.parametrize('channels', [1, 3])
def test_the_smallest_possible_files_are_taken(progressive, channels):
    """One colour all over: nothing of this size is smaller."""
    shape = (1500, 2000, 3) if channels == 3 else (1500, 2000)
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    options += [cv2.IMWRITE_JPEG_QUALITY, 1, cv2.IMWRITE_PNG_COMPRESSION, 9]
    for extension in ('.jpg', '.png'):
        file = cv2.imencode(extension, np.zeros(shape, np.uint8), options)[1].tobytes()
        assert np.ptp(decode_compressed(file).luma()) == 0
    bits = cv2.imencode('.png', np.zeros(shape[:2], np.uint8), [cv2.IMWRITE_PNG_BILEVEL, 1])
    assert not decode_compressed(bits[1].tobytes()).luma().any()


def test_a_jpeg_of_a_thousand_scans_is_refused(astronaut):
    jpeg = cv2.imencode('.jpg', astronaut, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    last = jpeg.rindex(b'\xff\xda')
    many = jpeg[:last] + jpeg[last:-2] * 1000 + b'\xff\xd9'
    assert 'scans, more than 32' in complaint(many)
    decode_compressed(jpeg)


def test_what_a_message_says_of_itself_is_quoted_in_part():
    with pytest.raises(ImageError) as error:
        decode_compressed(b'rubbish', 'x' * 1_000_000)
    assert len(str(error.value)) < 400
    assert '1000000 characters' in str(error.value)


# Peak memory in a process of its own: what the last lines print are the pixels of the file and by
# how many bytes the peak rose while it was opened and used.
MEASURE = """
import resource, sys
from pathlib import Path
import cv2
from emotionnet_ros.imaging import ImageError, decode_compressed
cv2.setNumThreads(1)
decode_compressed(Path(sys.argv[1]).read_bytes()).bgr()
data = Path(sys.argv[2]).read_bytes()
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
try:
    frame = decode_compressed(data)
    frame.resized_bgr(192, 192), frame.luma_patch(0, 0, 9, 9), frame.luma(), frame.bgr()
except ImageError as error:
    print(error.reason)
print(peak() - before)
"""
SIDE = 4000
SAMPLING = getattr(cv2, 'IMWRITE_JPEG_SAMPLING_FACTOR', 7)  # OpenCV 4.6 has no name for it
SLACK = 16_000_000


def bombs():
    """Valid files, as small as can be for their size, of each way of storing pixels."""
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    for name, options in (
        ('baseline', []),
        ('progressive', [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        (
            'progressive 4:4:4',
            [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, SAMPLING, 0x111111],
        ),
    ):  # fmt: skip
        yield pytest.param('.jpg', black, options, id=f'jpeg {name}')
    yield pytest.param('.png', black, [], id='png colour')
    yield pytest.param('.png', np.dstack([black, black[..., 0]]), [], id='png with alpha')
    yield pytest.param('.png', black[..., 0], [], id='png grey')
    yield pytest.param('.png', black.astype(np.uint16), [], id='png 16 bit')
    yield pytest.param('.png', black[..., 0], [cv2.IMWRITE_PNG_BILEVEL, 1], id='png 1 bit')


def rise_of_peak(tmp_path, png, data, package_environment):
    (tmp_path / 'small').write_bytes(png)
    (tmp_path / 'bomb').write_bytes(data)
    answer = subprocess.run(
        [sys.executable, '-c', MEASURE, tmp_path / 'small', tmp_path / 'bomb'],
        capture_output=True, text=True, check=True, timeout=120,
        env=package_environment,
    )  # fmt: skip
    *reason, rise = answer.stdout.split()
    return reason, int(rise)


@pytest.mark.skipif(not Path('/proc').exists(), reason='ru_maxrss is in kB on Linux only')
@pytest.mark.parametrize(('extension', 'pixels', 'options'), list(bombs()))
def test_a_bomb_takes_no_more_than_is_stated(
    tmp_path, png, extension, pixels, options, package_environment
):
    """6 bytes a pixel (errors.MAX_PIXELS), and what the frame keeps: luma beside colour."""
    data = cv2.imencode(extension, pixels, options)[1].tobytes()
    assert len(data) < SIDE * SIDE / 10
    reason, rise = rise_of_peak(tmp_path, png, data, package_environment)
    assert reason == []
    assert rise < 7 * SIDE * SIDE + SLACK


@pytest.mark.skipif(not Path('/proc').exists(), reason='ru_maxrss is in kB on Linux only')
def test_a_file_that_only_claims_its_size_takes_nothing(tmp_path, png, jpeg, package_environment):
    claiming = with_claim(jpeg, 7000, 8000)
    reason, rise = rise_of_peak(tmp_path, png, claiming, package_environment)
    assert reason == ['corrupt_jpeg']
    assert rise < SLACK
