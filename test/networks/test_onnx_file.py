# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='networks need torch')
onnx = pytest.importorskip('onnx', reason='weight files are written with onnx')

import onnxruntime  # noqa: E402

from emotionnet_ros.expressions import EXPRESSIONS  # noqa: E402
from emotionnet_ros.networks.modules import NanoModule  # noqa: E402
from emotionnet_ros.networks.onnx_file import (  # noqa: E402
    OPSET,
    Padding,
    WeightFileError,
    read_weight_file,
    write_weight_file,
)
from emotionnet_ros.networks.rewrite import main as rewrite  # noqa: E402
from emotionnet_ros.networks.tables import NETWORKS, parameter_count  # noqa: E402

WEIGHTS = Path(__file__).parents[2] / 'emotionnet_ros' / 'weights'
SHIPPED = sorted(WEIGHTS.glob('*.onnx'))
TOLERANCE = 1e-4


def images_of_every_kind() -> np.ndarray:
    generator = np.random.default_rng(3)
    y, x = np.mgrid[0:48, 0:48].astype(np.float32)
    kinds = [
        generator.uniform(0, 255, (48, 48)),
        generator.uniform(100, 110, (48, 48)),
        np.zeros((48, 48)),
        np.full((48, 48), 255),
        255 * x / 47,
        128 + 100 * np.sin(x / 5) * np.cos(y / 7),
        np.where((x - 24) ** 2 + (y - 20) ** 2 < 300, 200, 30),
    ]
    return np.stack(kinds)[:, None].astype(np.float32)


def run_onnx(path: Path, images: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    return session.run(['probabilities'], {'image': images})[0]


def run_torch(module: NanoModule, images: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    with torch.no_grad():
        return (module(torch.from_numpy(images)) / temperature).softmax(dim=1).numpy()


def trained_looking(name: str) -> NanoModule:
    torch.manual_seed(5)
    module = NanoModule(NETWORKS[name])
    module.train()
    for _ in range(3):  # moves the running statistics of batch norm away from 0 and 1
        module(torch.rand(8, 1, 48, 48) * 255)
    return module.eval()


@pytest.mark.parametrize('name', NETWORKS)
@pytest.mark.parametrize('temperature', [1.0, 1.7])
def test_onnx_runtime_gives_what_torch_gives(tmp_path: Path, name: str, temperature: float):
    module = trained_looking(name)
    path = tmp_path / 'weights.onnx'
    write_weight_file(path, module, '0', temperature)
    images = images_of_every_kind()
    expected = run_torch(module, images, temperature)
    np.testing.assert_allclose(run_onnx(path, images), expected, atol=TOLERANCE, rtol=0)
    loaded = read_weight_file(path)
    assert loaded.temperature == temperature
    np.testing.assert_allclose(run_torch(loaded.module, images), expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize('path', SHIPPED, ids=lambda path: path.name)
def test_shipped_weights(path: Path):
    loaded = read_weight_file(path)
    assert loaded.module.network.name == path.stem
    assert loaded.module.network.classes == EXPRESSIONS
    assert loaded.version
    images = images_of_every_kind()
    probabilities = run_onnx(path, images)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(
        probabilities, run_torch(loaded.module, images), atol=TOLERANCE, rtol=0
    )


def test_nano_b_is_shipped():
    assert 'nano_b.onnx' in [path.name for path in SHIPPED]


def test_any_count_of_images(tmp_path: Path):
    path = tmp_path / 'weights.onnx'
    write_weight_file(path, trained_looking('nano_b'), '0')
    images = images_of_every_kind()
    together = run_onnx(path, images)
    for index in range(len(images)):
        alone = run_onnx(path, images[index : index + 1])
        np.testing.assert_allclose(alone[0], together[index], atol=1e-5)
    assert run_onnx(path, images[:0]).shape == (0, 8)


def test_what_the_file_says_about_itself(tmp_path: Path):
    path = tmp_path / 'weights.onnx'
    write_weight_file(path, trained_looking('nano_a'), '2.1', 1.25)
    model = onnx.load(path)
    metadata = {item.key: item.value for item in model.metadata_props}
    assert metadata['name'] == 'nano_a'
    assert metadata['version'] == '2.1'
    assert metadata['classes'].split(',') == list(EXPRESSIONS)
    assert model.opset_import[0].version == OPSET <= 18
    operators = [node.op_type for node in model.graph.node]
    assert 'BatchNormalization' not in operators
    assert operators.count('Conv') == 21
    floats = sum(int(np.prod(item.dims)) for item in model.graph.initializer)
    assert floats == parameter_count(NETWORKS['nano_a']) + 1  # and the variance floor


@pytest.mark.parametrize('temperature', [0.0, -1.0, float('nan')])
def test_an_impossible_temperature_is_refused(tmp_path: Path, temperature: float):
    with pytest.raises(ValueError, match='temperature'):
        write_weight_file(tmp_path / 'w.onnx', trained_looking('nano_b'), '0', temperature)
    assert not (tmp_path / 'w.onnx').exists()


def test_files_that_are_no_weight_files(tmp_path: Path):
    missing = tmp_path / 'missing.onnx'
    with pytest.raises(WeightFileError, match=r'missing\.onnx'):
        read_weight_file(missing)
    garbage = tmp_path / 'garbage.onnx'
    garbage.write_bytes(b'\x00\x01 this is no model')
    with pytest.raises(WeightFileError, match=r'garbage\.onnx'):
        read_weight_file(garbage)
    foreign = tmp_path / 'foreign.onnx'
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], 'empty', [], [])), foreign)
    with pytest.raises(WeightFileError, match='not a weight file of this project'):
        read_weight_file(foreign)


def test_weights_that_do_not_fit_the_named_network(tmp_path: Path):
    path = tmp_path / 'weights.onnx'
    write_weight_file(path, trained_looking('nano_b'), '0')
    model = onnx.load(path)
    next(item for item in model.metadata_props if item.key == 'name').value = 'nano_a'
    onnx.save(model, path)
    with pytest.raises(WeightFileError, match='does not hold'):
        read_weight_file(path)


@pytest.mark.parametrize(
    'padding', [Padding(4), Padding(16), Padding(4, minimum=16), Padding(4, from_width=16)]
)
def test_channels_of_zeros_change_nothing(tmp_path: Path, padding: Padding):
    module = trained_looking('nano_b')
    plain, padded = tmp_path / 'plain.onnx', tmp_path / 'padded.onnx'
    write_weight_file(plain, module, '3', 1.3)
    write_weight_file(padded, module, '3', 1.3, padding)
    images = images_of_every_kind()
    np.testing.assert_allclose(run_onnx(padded, images), run_onnx(plain, images), atol=1e-6)
    for item in onnx.load(padded).graph.initializer:
        if item.name.endswith('.bias') and item.name != 'head.bias':
            narrow = item.dims[0] < padding.from_width
            assert narrow or item.dims[0] % padding.multiple == 0
            assert item.dims[0] >= padding.minimum
    loaded = read_weight_file(padded)
    assert loaded.temperature == 1.3
    original = read_weight_file(plain).module.state_dict()
    assert all(torch.equal(v, original[name]) for name, v in loaded.module.state_dict().items())


@pytest.mark.parametrize(
    ('padding', 'widths'),
    [
        (Padding(), {7: 7, 16: 16, 27: 27}),
        (Padding(4), {7: 8, 16: 16, 27: 28}),
        (Padding(4, from_width=16), {7: 7, 15: 15, 16: 16, 27: 28}),
        (Padding(4, minimum=16), {7: 16, 16: 16, 27: 28}),
    ],
)
def test_padded_widths(padding: Padding, widths: dict[int, int]):
    assert {width: padding.width(width) for width in widths} == widths


def test_rewriting_there_and_back(tmp_path: Path):
    plain, padded, back = (tmp_path / f'{name}.onnx' for name in ('plain', 'padded', 'back'))
    write_weight_file(plain, trained_looking('nano_a'), '3', 1.3)
    assert rewrite([str(plain), str(padded), '--multiple', '8']) == 0
    assert padded.stat().st_size > plain.stat().st_size
    assert rewrite([str(padded), str(back)]) == 0
    assert back.read_bytes() == plain.read_bytes()


def test_what_cannot_be_rewritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert rewrite([str(tmp_path / 'missing.onnx'), str(tmp_path / 'target.onnx')]) == 1
    assert 'missing.onnx' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        rewrite([str(tmp_path / 'a.onnx'), str(tmp_path / 'b.onnx'), '--multiple', '0'])
    assert not list(tmp_path.iterdir())


def test_weights_beyond_the_table_are_not_cut_away(tmp_path: Path):
    path = tmp_path / 'weights.onnx'
    write_weight_file(path, trained_looking('nano_b'), '0', padding=Padding(4))
    model = onnx.load(path)
    bias = next(item for item in model.graph.initializer if item.name == 'a1.bias')
    bias.CopyFrom(onnx.numpy_helper.from_array(np.ones(12, np.float32), 'a1.bias'))
    onnx.save(model, path)
    with pytest.raises(WeightFileError, match=r'a1\.bias has weights beyond'):
        read_weight_file(path)


def test_each_sum_is_computed_once(tmp_path: Path):
    path = tmp_path / 'weights.onnx'
    write_weight_file(path, trained_looking('nano_b'), '0')
    sums = [node.name for node in onnx.load(path).graph.node if '+' in node.name]
    assert len(sums) == 13
    assert len({frozenset(name.split('+')) for name in sums}) == 13
