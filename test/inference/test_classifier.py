# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

import os

import numpy as np
import pytest

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.inference.classifier import (
    Classifier,
    ModelError,
    find_model,
    shipped_networks,
)


@pytest.fixture
def crops():
    return np.random.default_rng(1).integers(0, 256, (5, 48, 48), np.uint8)


def test_shipped_networks_load_and_answer_with_probabilities(crops):
    assert 'nano_b' in shipped_networks()
    for network in shipped_networks():
        answer = Classifier(network).classify(crops)
        assert answer.shape == (5, len(EXPRESSIONS))
        assert answer.dtype == np.float32
        np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-5)


def test_answer_for_a_face_does_not_depend_on_its_batch(crops):
    classifier = Classifier('nano_b')
    alone = np.concatenate([classifier.classify(crop[np.newaxis]) for crop in crops])
    np.testing.assert_allclose(classifier.classify(crops), alone, atol=1e-5)


def test_threads_give_the_same_answer(crops):
    np.testing.assert_allclose(
        Classifier('nano_b', threads=2).classify(crops),
        Classifier('nano_b', threads=1).classify(crops),
        atol=1e-5,
    )


def test_no_face_gives_no_answer():
    answer = Classifier('nano_b').classify(np.empty((0, 48, 48), np.uint8))
    assert answer.shape == (0, len(EXPRESSIONS))


@pytest.mark.parametrize('shape', [(48, 48), (1, 48, 47), (1, 1, 48, 48)])
def test_crops_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r'shape \(N, 48, 48\)'):
        Classifier('nano_b').classify(np.zeros(shape, np.uint8))


def test_network_by_path(make_network, crops):
    path = make_network()
    assert find_model(str(path)) == path
    assert Classifier(str(path)).classify(crops).shape == (5, 8)


def test_missing_file_is_named():
    with pytest.raises(ModelError, match=r'/no/such/net\.onnx.*nano_b'):
        Classifier('/no/such/net.onnx')


@pytest.mark.parametrize('content', [b'', b'not a network', 'truncated'])
def test_corrupt_file_is_named(tmp_path, content):
    if content == 'truncated':
        whole = find_model('nano_b').read_bytes()
        content = whole[: len(whole) // 2]
    path = tmp_path / 'broken.onnx'
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r'broken\.onnx: ONNX Runtime .* cannot load it'):
        Classifier(str(path))


@pytest.mark.parametrize(
    ('change', 'complaint'),
    [
        ({'image': 'picture'}, r"inputs are \['picture'\]"),
        ({'probabilities': 'scores'}, r"outputs \['scores'\]"),
        ({'side': 64}, r"'image' is tensor\(float\) \['N', 1, 64, 64\]"),
        ({'classes': 7}, r"'probabilities' is .*\['N', 7\], not .*\[N, 8\]"),
        ({'count': 2}, r"'image' is .*\[2, 1, 48, 48\], .*any count N"),
        ({'names': ()}, r'metadata does not name its classes; they must be neutral,'),
        ({'names': sorted(EXPRESSIONS)}, r'its classes are anger,contempt,'),
        ({'domain': 'somebodys.own'}, r'somebodys\.own:Flatten'),
        ({'opset': 99}, r'[Oo]pset 99'),
        ({'softmax': False}, r'not probabilities'),
    ],
)
def test_network_of_another_kind_is_refused(make_network, change, complaint):
    with pytest.raises(ModelError, match=complaint):
        Classifier(str(make_network(**change)))


def test_telemetry_is_off():
    assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'
