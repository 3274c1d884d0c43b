# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From the supernet to a design's weight file in the classifier, on generated pictures."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

torch = pytest.importorskip('torch', reason='design exploration needs torch')
pytest.importorskip('onnx', reason='design exploration needs onnx')
pytest.importorskip('optuna', reason='design exploration needs optuna')

from emotionnet_ros.design import __main__ as commands  # noqa: E402
from emotionnet_ros.design import explore, supernet_run  # noqa: E402
from emotionnet_ros.design.correlation import correlation_table, pairs  # noqa: E402
from emotionnet_ros.design.latency import LatencyCache  # noqa: E402
from emotionnet_ros.design.prototype import Prototype  # noqa: E402
from emotionnet_ros.design.proxy import ProxyScores, proxy_data, trained_proxy  # noqa: E402
from emotionnet_ros.design.space import network_of, scaled_prototype  # noqa: E402
from emotionnet_ros.design.supernet_run import SupernetRun, train_supernet  # noqa: E402
from emotionnet_ros.inference.classifier import Classifier  # noqa: E402
from emotionnet_ros.networks.network_file import (  # noqa: E402
    network_as_dict,
    read_network,
    write_network,
)
from emotionnet_ros.networks.onnx_file import read_weight_file  # noqa: E402
from emotionnet_ros.training import export, train  # noqa: E402
from emotionnet_ros.training.config import TrainingConfig  # noqa: E402
from emotionnet_ros.training.metrics import score  # noqa: E402

CONFIG = TrainingConfig(
    epochs=2,
    batch_size=16,
    learning_rate=5e-3,
    ema_decay=0.5,
    threads=1,
    bfloat16=False,
    compile=False,
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few recalibration images and runs: here it matters what is done, not how well."""
    monkeypatch.setattr('emotionnet_ros.design.proxy.RECALIBRATION_IMAGES', 64)
    monkeypatch.setattr(commands, 'LatencyCache', partial(LatencyCache, rounds=1))
    monkeypatch.setattr(explore, 'SCALES', (0.5, 1.0))


def written(path: Path, content: object) -> str:
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_an_interrupted_supernet_ends_as_if_nothing_had_been(
    small: Prototype, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(supernet_run, 'write_history', lambda *_: None)  # pictures take a second
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    history = train_supernet(CONFIG, small, data, whole)
    assert [row['epoch'] for row in history] == [1, 2]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(supernet_run, 'write_history', interrupt)
        with pytest.raises(KeyboardInterrupt):
            train_supernet(CONFIG, small, data, broken)
    assert train_supernet(CONFIG, small, data, broken) == history
    first, second = (
        torch.load(study / 'supernet' / 'last.pt', weights_only=True)['average']
        for study in (whole, broken)
    )
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, atol=0, rtol=0)
    # The proxy gives the same answer every time.
    network = network_of(small, scaled_prototype(small, 1.0))
    scores = [trained_proxy(study, small, data).scores(network) for study in (whole, broken)]
    assert scores[0].likelihood_cost == scores[1].likelihood_cost


def test_a_step_takes_the_widest_the_narrowest_and_one_by_chance(small: Prototype, tmp_path: Path):
    run = SupernetRun(CONFIG, small, tmp_path, 1)
    taken = []
    run.module.register_forward_pre_hook(lambda _, given: taken.append(given[1]))
    for _ in range(3):
        run.backpropagate(torch.rand(4, 1, 48, 48) * 255, torch.full((4, 8), 1 / 8))
    names = [network.name for network in taken]
    assert len(set(names[0::3])) == len(set(names[1::3])) == 1
    assert taken[0].head_inputs == 'c1+p2+c3'
    assert taken[1].head_inputs == 'b1'
    assert len(set(names[2::3])) > 1


def test_the_images_to_judge_by(data: Path):
    some = proxy_data(data, CONFIG, 10)
    assert len(some.labels) == len(some.images) == 10
    assert sum(len(batch) for batch in some.batches) == 64
    again = proxy_data(data, CONFIG, 10)
    assert all(torch.equal(a, b) for a, b in zip(some.batches, again.batches, strict=True))
    assert torch.equal(some.images, again.images)
    assert len(proxy_data(data, CONFIG, 0).labels) == 24


def test_from_the_supernet_to_a_weight_file(
    small_file: Path,
    small: Prototype,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    study = ['--study', str(tmp_path / 'study')]
    given = ['--prototype', str(small_file), *study]
    short = replace(CONFIG, epochs=1).as_dict()
    config = written(tmp_path / 'config.yaml', short)
    fer = ['--data', str(data)]
    assert commands.main(['explore', *given, *fer, '--trials', '3']) == 1
    assert 'last.pt: No such file' in capsys.readouterr().err
    assert commands.main(['supernet', *given, *fer, '--config', config]) == 0
    assert commands.main(['explore', *given, *fer, '--trials', '3', '--population', '2']) == 0
    assert 'on the front' in capsys.readouterr().out
    front = json.loads((tmp_path / 'study' / 'front.json').read_text())
    assert front['judged'] == {'search': 3, 'random': 3}
    design = sorted((tmp_path / 'study' / 'designs').glob('*.yaml'))[0]

    scaled = tmp_path / 'scaled.yaml'
    write_network(scaled, network_of(small, scaled_prototype(small, 1)))
    runs = []
    for number, path in enumerate((design, scaled)):
        settings = written(tmp_path / 'train.yaml', {**short, 'network': str(path)})
        runs.append(str(tmp_path / f'run{number}'))
        assert train.main(['--config', settings, *fer, '--run', runs[-1]]) == 0
    weights = tmp_path / 'design.onnx'
    told = ['--run', runs[0], *fer, '--weights', str(weights), '--version', '1']
    assert export.main(told) == 0
    assert read_weight_file(weights).module.network == read_network(design)
    answer = Classifier(str(weights)).classify(np.zeros((2, 48, 48), np.uint8))
    assert answer.shape == (2, 8)

    capsys.readouterr()
    assert commands.main(['front', *given, '--weights', str(weights)]) == 1
    assert '--weights needs --data' in capsys.readouterr().err
    assert commands.main(['front', *given, '--weights', str(weights), *fer]) == 0
    assert '| design | ' in capsys.readouterr().out
    assert commands.main(['correlate', *given, *fer, *runs, '--last', '1']) == 0
    assert '| over 2 designs | Kendall tau | Spearman rho |' in capsys.readouterr().out
    changed = {**yaml.safe_load(small_file.read_text()), 'subnetworks_per_step': 2}
    other = written(tmp_path / 'other.yaml', changed)
    assert commands.main(['front', '--prototype', other, *study]) == 1
    assert 'space.json is of another space of designs' in capsys.readouterr().err


def test_correlation_of_known_orders(tmp_path: Path, small: Prototype):
    runs, costs = [], {}
    for index, (scale, trained, predicted) in enumerate(
        [(0.5, 1.0, 1.5), (1.0, 0.9, 1.6), (1.5, 0.8, 1.2)]
    ):
        network = network_of(small, scaled_prototype(small, scale))
        costs[network.name] = predicted
        state = {
            'config': {
                **TrainingConfig().as_dict(),
                'network': network.name,
                'design': network_as_dict(network),
            },
            'epoch': 1,
            'history': [{'nll': trained, 'accuracy': 1 - trained / 2, 'balanced_accuracy': 0.5}],
            'average': {},
        }
        runs.append(tmp_path / f'run{index}')
        runs[-1].mkdir()
        torch.save(state, runs[-1] / 'last.pt')
    labels = np.arange(8)

    def judge(network: object) -> ProxyScores:
        return ProxyScores(costs[network.name], score(np.eye(8)[labels], labels))

    table = correlation_table(pairs(runs, judge))
    # Of three pairs two agree; the ranks differ by 1, 1 and 0: 1 - 6 * 2 / (3 * 8).
    assert '| likelihood cost | 0.33 | 0.50 |' in table
    assert '| balanced accuracy | nan | nan |' in table
