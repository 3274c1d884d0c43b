# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('torch', reason='weight files are written from torch')
onnx = pytest.importorskip('onnx', reason='weight files are written with onnx')

from emotionnet_ros.inference.classifier import Classifier  # noqa: E402
from emotionnet_ros.networks.onnx_file import WeightFileError  # noqa: E402
from emotionnet_ros.training.quantise import faces_of, main, quantise  # noqa: E402


def pictures(count: int, seed: int) -> np.ndarray:
    """Blurred noise: smooth as photographs are."""
    generator = np.random.default_rng(seed)
    coarse = generator.uniform(0, 255, (count, 6, 6))
    return np.kron(coarse, np.ones((8, 8))).astype(np.uint8)


def test_int8_answers_nearly_as_float32(tmp_path: Path):
    classifier = Classifier('nano_b')
    target = tmp_path / 'int8.onnx'
    quantise(classifier.path, target, pictures(20, seed=1))
    assert target.stat().st_size < classifier.path.stat().st_size / 2
    metadata = {item.key: item.value for item in onnx.load(target).metadata_props}
    assert metadata['name'] == 'nano_b'
    assert metadata['precision'] == 'int8'
    images = pictures(40, seed=2)
    difference = np.abs(Classifier(str(target)).classify(images) - classifier.classify(images))
    assert difference.mean() < 0.03


def test_one_step_from_own_pictures_to_what_the_node_takes(
    tmp_path: Path, face_video: Path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(['nano_b', '--pictures', str(face_video)]) == 0
    path = tmp_path / 'nano_b_int8.onnx'
    assert f'network.model:={path.resolve()}' in capsys.readouterr().out
    crops = faces_of(str(face_video))
    assert crops.shape == (30, 48, 48)
    difference = np.abs(
        Classifier(str(path)).classify(crops) - Classifier('nano_b').classify(crops)
    )
    assert difference.mean() < 0.03


def test_too_few_faces_are_refused(tmp_path: Path, capsys):
    onnx_file = tmp_path / 'int8.onnx'
    photograph = tmp_path / 'grey.png'
    cv2.imwrite(str(photograph), np.full((64, 64), 128, np.uint8))
    assert main(['--pictures', str(photograph), '--output', str(onnx_file)]) == 1
    assert '0 faces found' in capsys.readouterr().err
    assert not onnx_file.exists()


def test_what_is_no_weight_file_is_refused(tmp_path: Path):
    with pytest.raises(WeightFileError):
        quantise(tmp_path / 'missing.onnx', tmp_path / 'int8.onnx', pictures(1, seed=1))
    assert not list(tmp_path.iterdir())
