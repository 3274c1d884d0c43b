# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='training needs torch')

from torch.nn import functional  # noqa: E402

from emotionnet_ros.networks.face_resnet import (  # noqa: E402
    BLOCKS,
    INPUT_DEVIATION,
    NAME,
    SIDE_PX,
    STEM_KERNEL,
    STEM_WIDTH,
    FaceResNet,
)
from emotionnet_ros.networks.modules import standardise  # noqa: E402
from emotionnet_ros.training import export, train  # noqa: E402
from emotionnet_ros.training.augmentation import Geometry  # noqa: E402
from emotionnet_ros.training.config import ConfigError, TrainingConfig  # noqa: E402
from emotionnet_ros.training.distillation import read_averaged  # noqa: E402
from emotionnet_ros.training.face_recognition import (  # noqa: E402
    MANIFEST,
    FaceWeightsError,
    read_face_weights,
    transplant,
)

QUICK = TrainingConfig(
    network=NAME,
    epochs=1,
    batch_size=16,
    learning_rate=1e-3,
    geometry=Geometry(mirror=0.0),
    threads=1,
    bfloat16=False,
    channels_last=False,
    compile=False,
)


@pytest.fixture(scope='module')
def arrays() -> dict[str, np.ndarray]:
    """Random weights in the recognition network's form."""
    random = np.random.default_rng(7)
    shapes = {'conv32_down': (STEM_KERNEL, STEM_KERNEL, 3, STEM_WIDTH)}
    width = STEM_WIDTH
    for block in BLOCKS:
        shapes[f'{block.name}/conv1'] = (3, 3, width, block.width)
        shapes[f'{block.name}/conv2'] = (3, 3, block.width, block.width)
        width = block.width
    made = {}
    for name, shape in shapes.items():
        scale = np.sqrt(1.0 / np.prod(shape[:3]))
        made[f'{name}/conv/filters'] = random.normal(0, scale, shape)
        made[f'{name}/conv/bias'] = random.normal(0, 0.01, shape[-1])
        made[f'{name}/scale/weights'] = random.uniform(0.5, 1.5, shape[-1])
        made[f'{name}/scale/biases'] = random.normal(0, 0.1, shape[-1])
    return {name: values.astype(np.float32) for name, values in made.items()}


def write_weights(folder: Path, arrays: dict[str, np.ndarray], quantised: bool = True) -> None:
    """Write the two files as the package has them."""
    content, entries = b'', []
    for name, values in arrays.items():
        entry = {'name': name, 'shape': list(values.shape), 'dtype': 'float32'}
        if quantised and name.endswith('filters'):
            low = float(values.min())
            scale = float(np.ptp(values)) / 255
            entry['quantization'] = {'dtype': 'uint8', 'scale': scale, 'min': low}
            content += np.round((values - low) / scale).astype(np.uint8).tobytes()
        else:
            content += values.tobytes()
        entries.append(entry)
    (folder / 'weights.bin').write_bytes(content)
    manifest = [{'paths': ['weights.bin'], 'weights': entries}]
    (folder / MANIFEST).write_text(json.dumps(manifest))


def faces(count: int) -> torch.Tensor:
    noise = np.random.default_rng(3).uniform(0, 255, (count, 1, 12, 12)).astype(np.float32)
    return functional.interpolate(torch.from_numpy(noise), size=(48, 48), mode='bilinear')


def recognition_features(images: torch.Tensor, arrays: dict[str, np.ndarray]) -> torch.Tensor:
    """What the arrays compute, with gains and offsets as they are, in colour."""

    def layer(features: torch.Tensor, name: str, stride: int) -> torch.Tensor:
        get = {
            part: torch.from_numpy(arrays[f'{name}/{part}'])
            for part in ('conv/filters', 'conv/bias', 'scale/weights', 'scale/biases')
        }
        filters = get['conv/filters'].permute(3, 2, 0, 1)
        padding = filters.shape[2] // 2
        made = functional.conv2d(features, filters, get['conv/bias'], stride, padding)
        gain, offset = get['scale/weights'], get['scale/biases']
        return made * gain[:, None, None] + offset[:, None, None]

    size = (SIDE_PX, SIDE_PX)
    enlarged = functional.interpolate(images, size=size, mode='bilinear', align_corners=False)
    colour = (INPUT_DEVIATION * standardise(enlarged)).repeat(1, 3, 1, 1)
    features = functional.relu(layer(colour, 'conv32_down', 2))
    features = functional.max_pool2d(features, 3, 2, 1)
    for block in BLOCKS:
        stride = 2 if block.halves else 1
        new = functional.relu(layer(features, f'{block.name}/conv1', stride))
        new = layer(new, f'{block.name}/conv2', 1)
        if block.halves:
            features = functional.avg_pool2d(features, 2, ceil_mode=True)
        missing = block.width - features.shape[1]
        features = functional.relu(new + functional.pad(features, (0, 0, 0, 0, 0, missing)))
    return features.mean(dim=(2, 3))


def test_the_network_has_the_stated_size():
    module = FaceResNet()
    assert sum(parameter.numel() for parameter in module.parameters()) == pytest.approx(
        5.58e6, rel=2e-3
    )
    assert module(faces(2)).shape == (2, 8)


def test_a_transplanted_network_computes_what_the_recognition_network_does(arrays):
    module = FaceResNet()
    images = faces(6)
    transplant(module, arrays, images)
    seen = []
    module.dropout.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    with torch.no_grad():
        module(images)
        expected = recognition_features(images, arrays)
    assert expected.std() > 0.1
    torch.testing.assert_close(seen[0], expected, rtol=1e-3, atol=1e-3 * float(expected.max()))


@pytest.mark.parametrize('quantised', [False, True])
def test_weights_are_read(tmp_path, arrays, quantised):
    write_weights(tmp_path, arrays, quantised)
    read = read_face_weights(tmp_path)
    assert set(read) == set(arrays)
    for name, values in arrays.items():
        step = np.ptp(values) / 255 if quantised and name.endswith('filters') else 0.0
        np.testing.assert_allclose(read[name], values, atol=0.51 * step + 1e-7)


def test_weights_that_cannot_be_used_are_named(tmp_path, arrays):
    with pytest.raises(FaceWeightsError, match=r'manifest\.json.*No such file'):
        read_face_weights(tmp_path)
    small = {'conv32_down/scale/biases': arrays['conv32_down/scale/biases']}
    write_weights(tmp_path, small)
    content = (tmp_path / 'weights.bin').read_bytes()
    (tmp_path / 'weights.bin').write_bytes(content[:-1])
    with pytest.raises(FaceWeightsError, match=r'conv32_down/scale/biases.*cut short'):
        read_face_weights(tmp_path)
    (tmp_path / 'weights.bin').write_bytes(content + b'x')
    with pytest.raises(FaceWeightsError, match='lists 128 of 129 bytes'):
        read_face_weights(tmp_path)
    (tmp_path / MANIFEST).write_text('[{"paths": []}]')
    with pytest.raises(FaceWeightsError, match=r"list of weights: KeyError\('weights'"):
        read_face_weights(tmp_path)
    with pytest.raises(FaceWeightsError, match='no array conv32_down/conv/filters'):
        transplant(FaceResNet(), small, faces(2))
    wrong = {**arrays, 'conv32_down/conv/filters': np.zeros((3, 3, 3, 32), np.float32)}
    with pytest.raises(FaceWeightsError, match=r'conv32_down: filters of \[32, 1, 3, 3\]'):
        transplant(FaceResNet(), wrong, faces(2))


def test_it_learns_and_teaches(tmp_path, tree, arrays):
    """From the recognition network's weights to a student, through the checkpoints."""
    write_weights(tmp_path, arrays)
    teacher, student = tmp_path / 'teacher', tmp_path / 'student'
    history = train.train(QUICK, tree, teacher, face_weights=tmp_path)
    assert np.isfinite(history[0]['loss'])
    averaged = read_averaged(teacher / 'last.pt', torch.device('cpu'))
    assert isinstance(averaged, FaceResNet)
    config = replace(QUICK, network='nano_b', distillation=0.5, teacher_views=2)
    history = train.train(config, tree, student, [teacher / 'last.pt'])
    assert np.isfinite(history[0]['loss'])


def test_it_begins_with_the_weights_only_once(tmp_path, tree, arrays):
    write_weights(tmp_path, arrays)
    run = train.open_run(QUICK, tmp_path / 'run', 100)
    train.begin_with_face_weights(run, tmp_path, faces(2))
    expected = arrays['conv32_1/conv1/conv/filters'].transpose(3, 2, 0, 1)
    for module in (run.module, run.average):
        weight = module.blocks['conv32_1'].conv1[0].weight.detach().numpy()
        np.testing.assert_allclose(weight, expected, atol=0.01)
    nano = train.open_run(replace(QUICK, network='nano_b'), tmp_path / 'nano', 100)
    with pytest.raises(ConfigError, match='nano_b cannot begin with a recognition network'):
        train.begin_with_face_weights(nano, tmp_path, faces(2))


def test_it_is_not_exported(tmp_path, tree):
    run = train.open_run(QUICK, tmp_path, 100)
    run.save(is_best=True)
    with pytest.raises(export.ExportError, match='only teaches'):
        export.export(tmp_path, tree, tmp_path / 'a.onnx', '1')


def test_the_command_names_what_is_wrong_with_the_weights(tmp_path, tree, capsys):
    path = tmp_path / 'config.yaml'
    path.write_text('network: face_resnet\nepochs: 1\nbatch_size: 16\ncompile: false\n')
    arguments = ['--config', str(path), '--data', str(tree), '--run', str(tmp_path / 'run')]
    assert train.main([*arguments, '--face-weights', str(tmp_path)]) == 1
    assert MANIFEST in capsys.readouterr().err
