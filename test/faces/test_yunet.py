# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import os

import cv2
import numpy as np
import pytest

from emotionnet_ros.faces import DetectorError, open_detector

MODEL = os.environ.get('EMOTIONNET_YUNET', '')
needs_model = pytest.mark.skipif(
    not MODEL, reason='set EMOTIONNET_YUNET to the path of face_detection_yunet_2023mar.onnx'
)


@needs_model
def test_a_model_file_makes_it_the_automatic_choice():
    assert open_detector('auto', model_path=MODEL).name == 'yunet'


@needs_model
@pytest.mark.parametrize('input_size', [0, 160, 640])
def test_real_faces_are_found_where_they_are(scene, input_size):
    detector = open_detector('yunet', model_path=MODEL, input_size=input_size)
    for width, height in ((640, 480), (360, 640), (640, 480)):
        two = scene(width, height, (10, 60, 0.5), (180, 200, 0.5))
        found = detector.detect(two.frame)
        assert len(found) == 2
        for face in two.faces:
            assert max(f.box.iou(face) for f in found) > 0.5
        for face in found:
            left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
            assert left_eye[0] < nose[0] < right_eye[0]
            assert left_mouth[0] < right_mouth[0]
            assert left_eye[1] < nose[1] < left_mouth[1]
            assert face.landmarks.dtype == np.float32


@needs_model
def test_nobody_and_tiny_images_give_an_empty_answer(scene):
    detector = open_detector('yunet', model_path=MODEL)
    for width, height in ((640, 480), (1, 1), (700, 1), (17, 33)):
        assert detector.detect(scene(width, height).frame) == []


@needs_model
def test_no_more_than_the_most_confident_faces_are_returned(scene):
    frame = scene(640, 480, (10, 60, 0.5), (180, 200, 0.5)).frame
    every = open_detector('yunet', model_path=MODEL).detect(frame)
    (first,) = open_detector('yunet', model_path=MODEL, max_faces=1).detect(frame)
    assert first.confidence == max(f.confidence for f in every)


def test_without_a_file_it_says_where_to_get_one():
    with pytest.raises(DetectorError, match=r'face_detection_yunet_2023mar\.onnx'):
        open_detector('yunet')
    with pytest.raises(DetectorError, match=r'nowhere\.onnx'):
        open_detector('yunet', model_path='nowhere.onnx')


@pytest.mark.parametrize('content', [b'', b'no model at all' * 100])
def test_a_file_that_is_no_model_is_refused_by_name(tmp_path, content):
    path = tmp_path / 'faces.onnx'
    path.write_bytes(content)
    with pytest.raises(DetectorError, match=str(path)):
        open_detector('yunet', model_path=str(path))


def test_an_opencv_without_the_class_is_named(monkeypatch, tmp_path):
    monkeypatch.delattr(cv2, 'FaceDetectorYN', raising=False)
    path = tmp_path / 'faces.onnx'
    path.write_bytes(b'anything')
    with pytest.raises(DetectorError, match=cv2.__version__):
        open_detector('yunet', model_path=str(path))
