# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.networks.network_file import (
    NetworkFileError,
    network_as_dict,
    network_from,
    read_network,
    table_digest,
    write_network,
)
from emotionnet_ros.networks.tables import NANO_B, NETWORKS, Layer, Network

SMALL = {
    'name': 'small',
    'layers': [
        {'name': 'a1', 'inputs': 'image', 'width': 8},
        {'name': 'a2', 'inputs': 'a1', 'width': 16, 'stride': 2},
    ],
    'head_inputs': 'a2',
}


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Chains of layers of every kind, each with joins to earlier ones of its shape."""
    layers: list[Layer] = []
    shapes = {'image': (1, 48)}
    for index in range(draw(st.integers(1, 6))):
        first = draw(st.sampled_from(sorted(shapes)))
        alike = sorted(name for name in shapes if shapes[name] == shapes[first] and name != first)
        more = draw(st.lists(st.sampled_from(alike), unique=True)) if alike else []
        width, stride = draw(st.integers(1, 9)), draw(st.sampled_from([1, 2]))
        layer = Layer(
            f'l{index}',
            '+'.join([first, *more]),
            width,
            stride,
            draw(st.sampled_from([1, 3, 5])),
            draw(st.booleans()),
        )
        layers.append(layer)
        shapes[layer.name] = (width, -(-shapes[first][1] // stride))
    return Network('drawn', tuple(layers), layers[-1].name)


@given(networks())
def test_a_table_survives_being_written(
    tmp_path_factory: pytest.TempPathFactory, network: Network
):
    assert network_from(json.loads(json.dumps(network_as_dict(network)))) == network
    path = tmp_path_factory.mktemp('networks') / 'network.yaml'
    write_network(path, network, 'a comment\nof two lines')
    assert read_network(path) == network
    assert path.read_text().startswith('# a comment\n# of two lines\n')


@pytest.mark.parametrize('network', NETWORKS.values(), ids=NETWORKS)
def test_the_projects_networks_survive(tmp_path: Path, network: Network):
    path = tmp_path / 'network.json'
    path.write_text(json.dumps(network_as_dict(network)))
    assert read_network(path) == network
    fewer = replace(network, name='fewer', classes=('calm', 'not calm'))
    write_network(path, fewer)
    assert read_network(path) == fewer


@given(networks(), networks())
def test_the_digest_is_the_tables(one: Network, other: Network):
    assert table_digest(one) == table_digest(replace(one, name='renamed'))
    assert (table_digest(one) == table_digest(other)) == (one == other)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'depth': 3}, "unknown key 'depth' in the network"),
        ({'name': None}, 'name must be text, not None'),
        ({'name': 'a/b'}, "name 'a/b' must consist of letters"),
        ({'name': 'nano_b'}, 'nano_b is the name of another network'),
        ({'layers': []}, 'layers must be a list of one layer or more'),
        ({'layers': ['a1']}, 'layer 1 must be a table'),
        ({'layers': [{'name': 'a1', 'inputs': 'image'}]}, 'layer 1 has no width'),
        ({'head_inputs': 'a1+a2'}, 'small: head adds up unlike shapes'),
        ({'head_inputs': 'a3'}, r"head reads \['a3'\], not computed before it"),
        ({'classes': 'two'}, 'classes must be a list of names'),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, change: dict[str, object], message: str):
    path = tmp_path / 'network.yaml'
    path.write_text(yaml.safe_dump({**SMALL, **change}))
    with pytest.raises(NetworkFileError, match=message) as caught:
        read_network(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'color': 3}, r"unknown key 'color' in layer 2 \(a2\)"),
        ({'width': '16'}, r'width of layer 2 \(a2\) must be int'),
        ({'width': True}, r'width of layer 2 \(a2\) must be int'),
        ({'width': 0}, r'width of layer 2 \(a2\) must be from 1'),
        ({'kernel': 2}, r'kernel of layer 2 \(a2\) must be odd'),
        ({'relu': 1}, r'relu of layer 2 \(a2\) must be bool'),
    ],
)
def test_a_wrong_layer_is_named(change: dict[str, object], message: str):
    first, second = SMALL['layers']
    with pytest.raises(NetworkFileError, match=message):
        network_from({**SMALL, 'layers': [first, {**second, **change}]})


def test_a_file_without_a_table(tmp_path: Path):
    path = tmp_path / 'list.yaml'
    path.write_text('- 1')
    with pytest.raises(NetworkFileError, match='a network must be a table'):
        read_network(path)


def test_weights_of_a_design_are_read_back_and_run(tmp_path: Path):
    torch = pytest.importorskip('torch', reason='weight files need torch')
    onnx = pytest.importorskip('onnx', reason='weight files are written with onnx')
    import numpy as np

    from emotionnet_ros.inference.classifier import Classifier
    from emotionnet_ros.networks.modules import NanoModule
    from emotionnet_ros.networks.onnx_file import (
        WeightFileError,
        read_weight_file,
        write_weight_file,
    )

    torch.manual_seed(1)
    module = NanoModule(network_from(SMALL)).eval()
    path = tmp_path / 'small.onnx'
    write_weight_file(path, module, '3')
    loaded = read_weight_file(path)
    assert loaded.module.network == module.network
    crops = np.random.default_rng(1).integers(0, 256, (3, 48, 48), dtype=np.uint8)
    classifier = Classifier(str(path))
    assert classifier.name == 'small'
    images = torch.from_numpy(crops)[:, None].float()
    with torch.no_grad():
        for network in (module, loaded.module):
            expected = network(images).softmax(dim=1).numpy()
            np.testing.assert_allclose(classifier.classify(crops), expected, atol=1e-5)

    model = onnx.load(path)
    table = next(item for item in model.metadata_props if item.key == 'table')
    table.value = '{"name": "small"}'
    onnx.save(model, path)
    with pytest.raises(WeightFileError, match=r'layers must be a list|head_inputs must be text'):
        read_weight_file(path)
    # The project's own networks need no table: their files stay as they were.
    write_weight_file(path, NanoModule(NANO_B), '1')
    assert 'table' not in {item.key for item in onnx.load(path).metadata_props}
