# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How much memory one image takes on its way; docs/architecture.md has the table.

NumPy reports its arrays to tracemalloc, and so those that OpenCV makes for it.
"""

import tracemalloc

import cv2
import numpy as np
import pytest

from emotionnet_ros.expressions import Box
from emotionnet_ros.faces.detection import Detection, open_detector
from emotionnet_ros.imaging import RawImage, compressed
from emotionnet_ros.imaging.conversions import Bayer, PackedYuv
from emotionnet_ros.imaging.encodings import ENCODINGS
from emotionnet_ros.inference.classifier import Classifier
from emotionnet_ros.pipeline import EncodedImage, Pipeline, PipelineSettings

WIDTH, HEIGHT = 1920, 1080
# Whatever an image of this size costs beside its pixels: inputs of detector and network, crops.
FIXED = 0.3

# Bytes a pixel at the peak: where the detector runs, and where faces are followed only. The first
# halving of a picture on its way to the detector's size takes a quarter of its bytes; the second,
# while the first is still there, a sixteenth.
HALVED = 1 / 4 + 1 / 16
BYTES_A_PIXEL = {
    # Luma lies there by itself, colour is made of the small picture.
    **dict.fromkeys(('mono8', '8UC1', 'nv12', 'nv21', 'nv24'), (HALVED, 0)),
    **dict.fromkeys(('bgr8', 'rgb8', '8UC3'), (3 * HALVED, 0)),
    **dict.fromkeys(('bgra8', 'rgba8', '8UC4'), (4 * HALVED, 0)),
    # 16-bit samples are brought to 8 bits once.
    **dict.fromkeys(('mono16', '16UC1'), (1 + HALVED, 0)),
    **dict.fromkeys(('bgr16', 'rgb16', '16UC3'), (3 + 3 / 4, 0)),
    **dict.fromkeys(('bgra16', 'rgba16', '16UC4'), (4 + 1, 0)),
    # Colour is shared between pixels or lies in a mosaic: converted once, at full size.
    **dict.fromkeys(('yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv'), (3 + 3 * HALVED, 0)),
    **{e: (3 + 3 * HALVED, 0) for e in ENCODINGS if e.startswith('bayer_')},
    'jpeg': (3 + 3 * HALVED, 1),
    'png': (3 + 3 * HALVED, 3),
    'grey jpeg': (1 + HALVED, 1),
    'grey png': (1 + HALVED, 1),
}


class Seeing:
    """Looks as a real detector does, and sees a face of 300 pixels whatever there is."""

    name, crop_side_over_box, crop_shift_y = 'seeing', 1.14, -0.04

    def __init__(self, detector):
        self._detector = detector

    def detect(self, frame):
        self._detector.detect(frame)
        return [Detection(Box(900, 400, 300, 300), 0.9)]


@pytest.fixture(scope='module')
def network():
    return Classifier('nano_b')


@pytest.fixture(scope='module', params=['blazeface', 'haar'])
def detector(request):
    if request.param == 'blazeface':
        pytest.importorskip('ai_edge_litert')
    return Seeing(open_detector(request.param))


def picture():
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    return cv2.resize(noise, (WIDTH, HEIGHT))


def image_of(kind):
    if kind.endswith(('jpeg', 'png')):
        pixels = picture()[..., 0] if kind.startswith('grey') else picture()
        extension = '.' + kind.split()[-1]
        return EncodedImage(cv2.imencode(extension, np.ascontiguousarray(pixels))[1].tobytes())
    row = ENCODINGS[kind]
    step = WIDTH * row.planes[0].channels * row.sample_bytes + 64
    rows = sum(p.row_steps * HEIGHT // p.y_division for p in row.planes)
    return RawImage(WIDTH, HEIGHT, kind, step, False, bytes(step * rows))


def peak_a_pixel(pipeline, image, stamp):
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    result = pipeline.process(image, stamp)
    assert len(result.faces) == 1
    peak = (tracemalloc.get_traced_memory()[1] - before) / (WIDTH * HEIGHT)
    return result.times.detector_ran, peak


def test_the_table_is_complete():
    assert set(BYTES_A_PIXEL) - set(ENCODINGS) == {'jpeg', 'png', 'grey jpeg', 'grey png'}
    assert set(ENCODINGS) <= set(BYTES_A_PIXEL)


def converted_at_full_size(kind):
    row = ENCODINGS.get(kind)
    return row is None or isinstance(row.conversion, Bayer | PackedYuv)


@pytest.mark.parametrize('kind', BYTES_A_PIXEL)
def test_an_image_is_converted_at_full_size_once_or_never(kind, detector, network, monkeypatch):
    made = []

    def recording(function):
        def record(*arguments, **options):
            result = function(*arguments, **options)
            if result.shape[:2] == (HEIGHT, WIDTH):
                made.append(function.__name__)
            return result

        return record

    for name in ('cvtColor', 'cvtColorTwoPlane', 'imdecode', 'merge', 'resize', 'transform'):
        monkeypatch.setattr(cv2, name, recording(getattr(cv2, name)))
    image = image_of(kind)
    pipeline = Pipeline(detector, network, PipelineSettings(detector_interval=2))
    pipeline.process(image, 0.0)
    for stamp in (0.1, 0.2):
        made.clear()
        assert len(pipeline.process(image, stamp).faces) == 1
        if kind in ('png', 'jpeg'):
            assert made == ['imdecode']
        assert len(made) <= converted_at_full_size(kind)


@pytest.mark.parametrize('kind', BYTES_A_PIXEL)
def test_one_image_takes_no_more_than_the_table_says(kind, detector, network):
    image = image_of(kind)
    pipeline = Pipeline(detector, network, PipelineSettings(detector_interval=2))
    pipeline.process(image, 0.0)
    tracemalloc.start()
    try:
        followed, detected = (peak_a_pixel(pipeline, image, stamp) for stamp in (0.1, 0.2))
    finally:
        tracemalloc.stop()
    assert (followed[0], detected[0]) == (False, True)
    while_detecting, while_following = BYTES_A_PIXEL[kind]
    assert detected[1] < while_detecting + FIXED
    assert followed[1] < while_following + FIXED


@pytest.mark.parametrize('kind', ['jpeg', 'png', 'grey jpeg', 'grey png'])
@pytest.mark.parametrize('interval', [1, 3])
def test_a_file_is_decoded_once(kind, interval, detector, network, monkeypatch):
    flags = []
    imdecode = cv2.imdecode

    def counting(data, flag):
        flags.append(flag & ~cv2.IMREAD_IGNORE_ORIENTATION)
        return imdecode(data, flag)

    monkeypatch.setattr(compressed.cv2, 'imdecode', counting)
    image = image_of(kind)
    pipeline = Pipeline(detector, network, PipelineSettings(detector_interval=interval))
    pipeline.process(image, 0.0)
    # Where a face comes up, a small picture was decoded before anybody was known to be there.
    assert len(flags) <= (2 if kind == 'jpeg' else 1)
    for step in range(1, 7):
        flags.clear()
        assert len(pipeline.process(image, step / 10).faces) == 1
        assert len(flags) == 1


def test_as_long_as_nobody_is_there_a_jpeg_is_decoded_small(network, monkeypatch):
    pytest.importorskip('ai_edge_litert')
    flags = []
    imdecode = cv2.imdecode
    monkeypatch.setattr(
        compressed.cv2, 'imdecode', lambda data, flag: flags.append(flag) or imdecode(data, flag)
    )
    pipeline = Pipeline(open_detector('blazeface'), network)
    for step in range(3):
        assert pipeline.process(image_of('jpeg'), step / 10).faces == ()
    assert flags == [cv2.IMREAD_REDUCED_COLOR_8 | cv2.IMREAD_IGNORE_ORIENTATION] * 3
