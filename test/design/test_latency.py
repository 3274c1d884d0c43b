# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='design exploration needs torch')
pytest.importorskip('onnx', reason='networks are measured as ONNX files')

from emotionnet_ros.design import latency, layer_latency  # noqa: E402
from emotionnet_ros.design.latency import Latency, LatencyCache, machine  # noqa: E402
from emotionnet_ros.design.layer_latency import (  # noqa: E402
    keys_of_space,
    layer_keys,
    measure_table,
    read_table,
    report,
)
from emotionnet_ros.design.prototype import (  # noqa: E402
    DEFAULT_PROTOTYPE,
    Prototype,
    read_prototype,
)
from emotionnet_ros.design.space import extreme, network_of, sample  # noqa: E402
from emotionnet_ros.design.study import StudyError  # noqa: E402
from emotionnet_ros.networks.network_file import network_as_dict  # noqa: E402
from emotionnet_ros.networks.tables import NANO_B, Layer, Network  # noqa: E402

TINY = Network('tiny', (Layer('a', 'image', 4, stride=2),), 'a')


def test_a_network_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / 'latency.json'
    before = torch.random.get_rng_state()
    first = LatencyCache(path, rounds=3).measure(TINY)
    assert 0 < first.milliseconds < first.reference  # Nano-B does 3000 times the work
    assert torch.equal(torch.random.get_rng_state(), before)
    monkeypatch.setattr(latency, 'interleaved_ms', None)  # would fail if it were called
    assert LatencyCache(path).measure(TINY) == first
    renamed = Network('other', TINY.layers, 'a')
    assert LatencyCache(path).measure(renamed) == first


def test_a_disturbed_measurement_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    answers = iter([[9.0, 2.0], [8.0, 1.0], [7.0, 1.6], [4.0, 1.04]])
    monkeypatch.setattr(latency, 'interleaved_ms', lambda *_: next(answers))
    cache = LatencyCache(tmp_path / 'latency.json')
    assert cache.measure(TINY) == Latency(8.0, 1.0)  # the first of all needs two that agree
    assert cache.measure(NANO_B) == Latency(4.0, 1.04)


def test_latencies_of_another_machine_do_not_count(tmp_path: Path):
    path = tmp_path / 'latency.json'
    LatencyCache(path, rounds=1).measure(TINY)
    content = json.loads(path.read_text())
    assert content['machine'] == machine()
    key = next(iter(content['networks']))
    path.write_text(json.dumps({'machine': 'another', 'networks': {key: [123.0, 1.0]}}))
    assert LatencyCache(path, rounds=1).measure(TINY).milliseconds < 100
    path.write_text('{}')
    with pytest.raises(StudyError, match=r'latency\.json holds no latencies'):
        LatencyCache(path)


def test_the_layers_of_a_space_are_those_of_its_designs(small: Prototype):
    for prototype, count in ((small, 200), (read_prototype(DEFAULT_PROTOTYPE), 100)):
        keys = set(keys_of_space(prototype))
        chance = random.Random(1)
        for _ in range(count):
            assert set(layer_keys(network_of(prototype, sample(prototype, chance)))) <= keys
    assert (3, 8, 12, 12, 2) in keys_of_space(small)  # b_out


def table_of(path: Path, prototype: Prototype, bend: float = 0.0) -> Path:
    """A table in which a network takes 0.1 ms and half of its layers' sum, give or take."""
    generator = np.random.default_rng(1)
    layers = {key: float(generator.uniform(0.01, 0.1)) for key in keys_of_space(prototype)}
    chance = random.Random(3)
    networks = {}
    for index in range(8):
        network = network_of(prototype, sample(prototype, chance))
        whole = 0.1 + 0.5 * sum(layers[key] for key in layer_keys(network))
        networks[str(index)] = [network_as_dict(network), whole * (1 + bend * (-1) ** index)]
    texts = {','.join(map(str, key)): value for key, value in layers.items()}
    path.write_text(json.dumps({'machine': machine(), 'layers': texts, 'networks': networks}))
    return path


def test_the_sum_of_layers_is_fitted_to_whole_networks(small: Prototype, tmp_path: Path):
    table = read_table(table_of(tmp_path / 'exact.json', small))
    assert (table.scale, table.offset) == pytest.approx((0.5, 0.1))
    assert table.largest_error < 1e-9
    network = network_of(small, extreme(small, widest=True))
    expected = 0.1 + 0.5 * sum(table.layers[key] for key in layer_keys(network))
    assert table.milliseconds(network) == pytest.approx(expected)
    bent = read_table(table_of(tmp_path / 'bent.json', small, 0.1))
    assert 0.05 < bent.error <= bent.largest_error < 0.4
    assert f'relative error {bent.error:.1%}' in report(bent, tmp_path)
    with pytest.raises(StudyError, match=r'the layer table lacks .* of nano_b'):
        table.milliseconds(NANO_B)


def test_a_table_is_measured_and_completed(
    small: Prototype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / 'layers.json'
    monkeypatch.setattr(layer_latency, 'NETWORKS', {})
    monkeypatch.setattr(
        layer_latency, 'interleaved_ms', lambda all_: latency.interleaved_ms(all_, 2, 3)
    )
    table = measure_table(small, path, networks=4)
    assert set(table.layers) == set(keys_of_space(small))
    assert min(table.layers.values()) > 0
    content = json.loads(path.read_text())
    lost = sorted(content['layers'])[0]
    kept = {key: value for key, value in content['layers'].items() if key != lost}
    path.write_text(json.dumps({**content, 'layers': kept}))
    again = measure_table(small, path, networks=4)
    assert set(again.layers) == set(table.layers)
    unlike = [key for key, value in again.layers.items() if value != table.layers[key]]
    assert len(unlike) <= 1
    path.write_text(json.dumps({**content, 'machine': 'another'}))
    with pytest.raises(StudyError, match='measured on another machine'):
        measure_table(small, path)
    path.write_text('{"layers": {}}')
    with pytest.raises(StudyError, match='is no table of layers'):
        read_table(path)
