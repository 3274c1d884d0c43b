# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import cv2
import pytest

from emotionnet_ros.faces import DetectorError, open_detector

needs_cascade = pytest.mark.skipif(
    not hasattr(cv2, 'CascadeClassifier'), reason='this OpenCV has no CascadeClassifier'
)


@needs_cascade
def test_real_faces_are_found_where_they_are(scene):
    two = scene(640, 480, (0, 10, 0.8), (320, 200, 0.9))
    found = open_detector('haar').detect(two.frame)
    for face in two.faces:
        assert max(f.box.iou(face) for f in found) > 0.4
    assert all(0.5 <= f.confidence < 1 and f.landmarks is None for f in found)


@needs_cascade
def test_a_higher_threshold_keeps_the_confident_faces_only(scene):
    frame = scene(640, 480, (0, 10, 0.8), (320, 200, 0.9)).frame
    every = open_detector('haar', min_confidence=0.3).detect(frame)
    limit = max(f.confidence for f in every)
    kept = open_detector('haar', min_confidence=limit).detect(frame)
    assert [f.confidence for f in kept] == [limit]
    assert open_detector('haar', min_confidence=1.0).detect(frame) == []


@needs_cascade
def test_nobody_and_tiny_images_give_an_empty_answer(scene):
    detector = open_detector('haar')
    for width, height in ((640, 480), (1, 1), (700, 1), (17, 33)):
        assert detector.detect(scene(width, height).frame) == []


@needs_cascade
@pytest.mark.parametrize('content', [None, b'', b'<opencv_storage>'])
def test_a_file_that_is_no_cascade_is_refused_by_name(tmp_path, content):
    path = tmp_path / 'faces.xml'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DetectorError, match=str(path)):
        open_detector('haar', model_path=str(path))


def test_an_opencv_without_cascades_is_named(monkeypatch):
    monkeypatch.delattr(cv2, 'CascadeClassifier', raising=False)
    with pytest.raises(DetectorError, match=cv2.__version__):
        open_detector('haar')
