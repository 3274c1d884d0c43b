# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Thousands of malformed images through the whole pipeline, with a detector and a network at work.

``EMOTIONNET_LONG=1`` tries more than 10,000; the counts are printed (``pytest -s``).
"""

import gc
import os
import struct
import zlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from emotionnet_ros.imaging import ImageError, RawImage
from emotionnet_ros.imaging.encodings import ENCODINGS
from emotionnet_ros.pipeline import EncodedImage, Pipeline

LONG = bool(os.environ.get('EMOTIONNET_LONG'))
COUNT = {'blazeface': 10_000 if LONG else 1_000, 'haar': 2_000 if LONG else 250}
BATCH = 125
MAX_GROWTH_MB = 12
REASONS = {
    'zero_size', 'too_large', 'unknown_encoding', 'odd_size', 'too_small', 'step_too_small',
    'data_too_short', 'bad_data', 'unknown_format', 'corrupt_jpeg', 'corrupt_png', 'not_an_image',
}  # fmt: skip

UINT32 = st.integers(0, 2**32 - 1)
LENGTHS = st.one_of(
    st.integers(1, 200),
    st.integers(1, 100).map(lambda half: 2 * half),
    st.sampled_from([0, 1, 2, 3, 32_000, 32_001, 2**31, 2**32 - 1]),
)
NEARLY = st.sampled_from([0, 0, 0, 0, 0, 0, -1, 1, -2, 7, 1000])
FLOATS = np.array([np.nan, np.inf, -np.inf, 1e38, -0.0, 0.5], np.float32).tobytes()


@st.composite
def raw_images(draw):
    """Fields that nearly agree with each other, and fields that have nothing to do with it."""
    floats = ['32FC1', '32FC3', '64FC1']
    encoding = draw(st.sampled_from([*ENCODINGS, *floats, '']))
    if not encoding:
        encoding = draw(st.text(max_size=60))
    width, height = draw(LENGTHS), draw(LENGTHS)
    row = ENCODINGS.get(encoding)
    pixel_bytes = row.planes[0].channels * row.sample_bytes if row else 4
    nearly = NEARLY.map(lambda n: max(width * pixel_bytes + n, 0))
    step = draw(st.one_of(nearly, nearly, UINT32))
    planes = {'nv12': 1.5, 'nv21': 1.5, 'nv24': 3}.get(encoding, 1)
    length = max(int(min(step * height * planes, 300_000)) + draw(NEARLY), 0)
    seed = draw(st.integers(0, 2**16))
    noise = np.random.default_rng(seed).integers(0, 256, length, dtype=np.uint8)
    if seed % 5 == 0:
        noise = np.resize(np.frombuffer(FLOATS, np.uint8), length)
    return RawImage(width, height, encoding, step, draw(st.booleans()), noise.tobytes())


def png_chunk(name, content):
    checksum = zlib.crc32(name + content).to_bytes(4, 'big')
    return len(content).to_bytes(4, 'big') + name + content + checksum


def good_files():
    rng = np.random.default_rng(5)
    colour = cv2.resize(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8), (96, 72))
    grey = colour[..., 0].copy()
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    restarts = [cv2.IMWRITE_JPEG_RST_INTERVAL, 4]
    made = [('.jpg', colour, []), ('.jpg', colour, progressive), ('.jpg', colour, restarts),
            ('.jpg', grey, []), ('.png', colour, []), ('.png', np.dstack([colour, grey]), []),
            ('.png', grey.astype(np.uint16) * 257, [])]  # fmt: skip
    return [cv2.imencode(*arguments)[1].tobytes() for arguments in made]


FILES = good_files()
CLAIMS = st.sampled_from([0, 1, 71, 73, 4000, 8000, 32_001, 65_535])


@st.composite
def damaged_files(draw):
    """A good JPEG or PNG with bits turned, parts lost or doubled, another size in the header."""
    file = bytearray(draw(st.sampled_from(FILES)))
    header = st.integers(0, min(700, len(file) - 1))
    for where in draw(st.lists(st.one_of(header, st.integers(0, len(file) - 1)), max_size=8)):
        file[where] ^= 1 << draw(st.integers(0, 7))
    damage = draw(st.sampled_from(['none', 'cut', 'lost', 'doubled', 'claim', 'mended']))
    start, end = sorted(draw(st.integers(0, len(file))) for _ in range(2))
    if damage == 'cut':
        del file[start:]
    elif damage == 'lost':
        del file[start:end]
    elif damage == 'doubled':
        file[end:end] = file[start:end]
    elif damage == 'claim':
        width, height = draw(CLAIMS), draw(CLAIMS)
        if file.startswith(b'\x89PNG'):
            file[16:24] = struct.pack('>II', width, height)
        elif (frame := max(file.find(b'\xff\xc0'), file.find(b'\xff\xc2'))) > 0:
            file[frame + 5 : frame + 9] = struct.pack('>HH', height, width)
    if damage in ('claim', 'mended') and file.startswith(b'\x89PNG'):
        file = with_right_checksums(bytes(file))
    return EncodedImage(
        bytes(file), draw(st.sampled_from(['', 'jpeg', 'png', 'bayer_rggb8; png']))
    )


def with_right_checksums(png):
    """So that damage gets past the checksums, as that of a faulty or hostile encoder would."""
    out, position = png[:8], 8
    while position + 12 <= len(png):
        length = int.from_bytes(png[position : position + 4], 'big')
        content = png[position + 8 : position + 8 + length]
        out += png_chunk(png[position + 4 : position + 8], content)
        position += 12 + length
    return bytearray(out)


@st.composite
def hostile_pngs(draw):
    """PNG files with chunks of every kind, valid each for itself, in any order."""
    width, height = draw(st.integers(1, 80)), draw(st.integers(1, 80))
    depth, colour = draw(st.sampled_from([(8, 2), (8, 0), (16, 6), (1, 3), (4, 3), (3, 5)]))
    head = struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, draw(st.integers(0, 1)))
    size = draw(st.integers(0, 40_000))
    pixels = zlib.compress(np.random.default_rng(size).bytes(size) + bytes(size))
    place = [draw(st.sampled_from([0, 1, 64, 8000, 2**31])) for _ in range(4)]
    others = {
        b'acTL': struct.pack('>II', draw(UINT32), 0),
        b'fcTL': struct.pack('>IIIIIHHBB', 0, *place, 1, 1, 0, 0),
        b'fdAT': b'\0\0\0\1' + pixels,
        b'PLTE': bytes(draw(st.integers(0, 800))),
        b'tRNS': bytes(draw(st.integers(0, 300))),
        b'zTXt': b'a\0\0' + zlib.compress(bytes(100_000)),
        b'iCCP': b'a\0\0' + zlib.compress(bytes(1000)),
        b'IDAT': pixels,
        b'IHDR': head,
    }
    names = draw(st.lists(st.sampled_from(sorted(others)), max_size=6))
    chunks = [png_chunk(name, others[name]) for name in [*names, b'IDAT']]
    return EncodedImage(
        b'\x89PNG\r\n\x1a\n'
        + png_chunk(b'IHDR', head)
        + b''.join(chunks)
        + png_chunk(b'IEND', b'')
    )


@st.composite
def rubbish(draw):
    start = draw(
        st.sampled_from([b'', b'\xff\xd8\xff', b'\xff\xd8\xff\xc0', b'\x89PNG\r\n\x1a\n'])
    )
    end = draw(st.sampled_from([b'', b'\xff\xd9', png_chunk(b'IEND', b'')]))
    data = start + draw(st.binary(max_size=400)) + end
    return EncodedImage(data, draw(st.text(max_size=60)))


@st.composite
def arrays(draw):
    """What a Python program might hand over."""
    shape = draw(st.lists(st.integers(0, 40), max_size=4))
    kind = draw(st.sampled_from([np.uint8, np.int16, np.float32, np.float64, bool]))
    array = np.zeros(shape, kind)
    if array.size and array.dtype.kind == 'f':
        array.flat[0] = draw(st.sampled_from([np.nan, np.inf]))
    return draw(st.sampled_from([array, array[::-2] if array.ndim else array, None, 'text']))


KINDS = [raw_images] * 6 + [damaged_files] * 5 + [hostile_pngs] * 2 + [rubbish, arrays]
IMAGES = st.sampled_from(KINDS).flatmap(lambda kind: kind())


def resident_mb():
    return int(Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGESIZE') / 2**20


class Trial:
    """A pipeline under malformed images, with a good picture in between to see that it is well."""

    def __init__(self, detector, picture):
        self.pipeline = Pipeline.open(detector)
        self.picture = picture
        self.picture_pipeline = Pipeline(self.pipeline.detector, self.pipeline.classifier)
        self.reference = self.answer_to_the_picture()
        self.answered = 0
        self.refused = Counter()
        self.longest_message = 0
        self.resident = []

    def answer_to_the_picture(self):
        self.picture_pipeline.reset()
        for stamp in (0.0, 0.1):
            result = self.picture_pipeline.process(self.picture, stamp)
        (face,) = result.faces
        return (face.roi, face.detection_confidence, face.probabilities.tolist())

    def process(self, image):
        tried = self.answered + self.refused.total()
        try:
            result = self.pipeline.process(image, stamp=tried / 30)
        except ImageError as error:
            self.refused[error.reason] += 1
            self.longest_message = max(self.longest_message, len(str(error)))
        else:
            self.answered += 1
            for face in result.faces:
                assert np.isfinite(face.probabilities).all()


@pytest.mark.skipif(not Path('/proc/self/statm').exists(), reason='memory is read from /proc')
@pytest.mark.timeout(3600 if LONG else 300)
@pytest.mark.parametrize('detector', COUNT)
def test_malformed_images_harm_nothing(detector, face_picture):
    pytest.importorskip('ai_edge_litert' if detector == 'blazeface' else 'cv2')
    trial = Trial(detector, face_picture)

    @given(image=IMAGES)
    @settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(image):
        trial.process(image)

    for _ in range(COUNT[detector] // BATCH):
        run()
        assert trial.answer_to_the_picture() == trial.reference
        gc.collect()  # hypothesis remembers the images of a batch
        trial.resident.append(resident_mb())
    refused = trial.refused.total()
    half = len(trial.resident) // 2
    middle, end = (
        np.median(part) for part in (trial.resident[half // 2 : half], trial.resident[half:])
    )
    print(
        f'\n{detector}: {trial.answered + refused} images, {trial.answered} answered, {refused} '
        f'refused {dict(trial.refused.most_common())}; resident {middle:.0f} -> {end:.0f} MB'
    )
    assert trial.answered + refused >= COUNT[detector] * 0.9
    # The trial itself is worth something: all kinds of faults and usable images came up.
    assert trial.answered > refused / 20
    assert len(trial.refused) >= 7
    assert set(trial.refused) <= REASONS
    assert trial.longest_message < 700
    assert end - middle < MAX_GROWTH_MB
