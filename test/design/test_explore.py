# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The search with a judge and a clock that are formulas: fast, and the same every time."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('torch', reason='design exploration needs torch')
pytest.importorskip('onnx', reason='design exploration needs onnx')
optuna = pytest.importorskip('optuna', reason='design exploration needs optuna')

from emotionnet_ros.design import explore  # noqa: E402
from emotionnet_ros.design.explore import Explorer, judged, read_baselines  # noqa: E402
from emotionnet_ros.design.front import front_of, write_front  # noqa: E402
from emotionnet_ros.design.prototype import (  # noqa: E402
    DEFAULT_PROTOTYPE,
    Constraints,
    Prototype,
    read_prototype,
)
from emotionnet_ros.design.proxy import ProxyScores  # noqa: E402
from emotionnet_ros.design.space import (  # noqa: E402
    contains,
    genes_of,
    network_of,
    scaled_prototype,
)
from emotionnet_ros.design.study import StudyError  # noqa: E402
from emotionnet_ros.networks.network_file import read_network  # noqa: E402
from emotionnet_ros.networks.tables import (  # noqa: E402
    NANO_A,
    NANO_B,
    Network,
    multiply_adds,
    parameter_count,
)
from emotionnet_ros.training.metrics import score  # noqa: E402


def judge(network: Network) -> ProxyScores:
    """More weights answer better."""
    right = min(40, round(parameter_count(network) / 100))
    labels = np.arange(40) % 8
    answers = np.where(np.arange(40) < right, labels, (labels + 1) % 8)
    return ProxyScores(2.0 / parameter_count(network) ** 0.1, score(np.eye(8)[answers], labels))


def measure(network: Network) -> float:
    return 0.1 + multiply_adds(network) / 1e6


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials without a file: for tests of the search, not of what stays of it."""
    studies: dict[tuple[Path, str], optuna.Study] = {}

    def opened(folder: Path, kind: str) -> optuna.Study:
        new = optuna.create_study(directions=['minimize', 'minimize'])
        return studies.setdefault((folder, kind), new)

    monkeypatch.setattr(explore, 'open_trials', opened)


def limited(prototype: Prototype, **limits: float) -> Prototype:
    return replace(prototype, constraints=Constraints(**limits))


def names(folder: Path, kind: str) -> list[str]:
    return [row.network.name for row in judged(folder, kind)]


@pytest.mark.usefixtures('in_memory')
@pytest.mark.parametrize('kind', ['search', 'random'])
def test_every_design_keeps_to_the_limits(small: Prototype, tmp_path: Path, kind: str):
    prototype = limited(small, max_parameters=4000, max_multiply_adds=600_000, max_latency_ms=0.6)
    rows = Explorer(tmp_path, prototype, judge, measure, population=6).run(kind, 20, 1)
    assert len({row.network.name for row in rows}) == 20
    for row in rows:
        assert parameter_count(row.network) <= 4000
        assert multiply_adds(row.network) <= 600_000
        assert row.latency_ms <= 0.6
        assert row.latency_ms == measure(row.network)
        assert contains(prototype, genes_of(prototype, row.network))
    # Trials above a limit are told apart from those that were judged.
    trials = explore.open_trials(tmp_path, kind).get_trials()
    missed = [trial for trial in trials if any(v > 0 for v in trial.constraints.values())]
    assert missed
    assert not [trial for trial in missed if 'row' in trial.user_attrs]


@pytest.mark.usefixtures('in_memory')
def test_least_accuracies_hold_for_the_front(small: Prototype, tmp_path: Path):
    prototype = limited(small, min_accuracy=0.5, min_balanced_accuracy=0.5)
    rows = Explorer(tmp_path, prototype, judge, measure, population=6).run('random', 20, 1)
    front = front_of(rows, prototype.constraints)
    assert min(row.accuracy for row in rows) < 0.5
    assert front
    assert min(row.accuracy for row in front) >= 0.5
    for row in front:
        assert not [
            other
            for other in rows
            if other.accuracy >= 0.5
            and other.balanced_accuracy >= 0.5
            and other.costs != row.costs
            and all(o <= r for o, r in zip(other.costs, row.costs, strict=True))
        ]


@pytest.mark.parametrize('kind', ['search', 'random'])
def test_an_interrupted_search_goes_on_as_if_nothing_had_been(
    small: Prototype, tmp_path: Path, kind: str
):
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    whole.mkdir()
    broken.mkdir()
    Explorer(whole, small, judge, measure, population=3).run(kind, 8, 7)
    left = iter(range(4))

    def interrupted(network: Network) -> ProxyScores:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return judge(network)

    with pytest.raises(KeyboardInterrupt):
        Explorer(broken, small, interrupted, measure, population=3).run(kind, 8, 7)
    assert len(judged(broken, kind)) == 4
    Explorer(broken, small, judge, measure, population=3).run(kind, 8, 7)
    assert names(broken, kind) == names(whole, kind)
    another = tmp_path / 'another'
    another.mkdir()
    Explorer(another, small, judge, measure, population=4).run(kind, 2, 8)
    assert names(another, kind) != names(whole, kind)[:2]


def test_a_finished_search_is_not_done_again(small: Prototype, tmp_path: Path):
    Explorer(tmp_path, small, judge, measure, population=4).run('search', 3, 1)

    def fail(_: Network) -> ProxyScores:
        raise AssertionError

    rows = Explorer(tmp_path, small, fail, measure, population=4).run('search', 3, 1)
    assert [row.network.name for row in rows] == names(tmp_path, 'search')


@pytest.mark.usefixtures('in_memory')
def test_the_search_begins_with_the_projects_networks(tmp_path: Path):
    prototype = read_prototype(DEFAULT_PROTOTYPE)
    rows = Explorer(tmp_path, prototype, judge, measure).run('search', 2, 1)
    assert [genes_of(prototype, row.network) for row in rows] == [
        genes_of(prototype, network) for network in (NANO_A, NANO_B)
    ]


@pytest.mark.usefixtures('in_memory')
def test_the_search_is_better_than_chance(tmp_path: Path):
    prototype = limited(read_prototype(DEFAULT_PROTOTYPE), max_parameters=232_075)

    def regular(network: Network) -> ProxyScores:
        # Something to find: few multiply-adds at many parameters, and joins are good.
        joins = sum(len(layer.summands) - 1 for layer in network.layers)
        good = judge(network)
        return replace(good, likelihood_cost=good.likelihood_cost - 0.01 * joins)

    explorer = Explorer(tmp_path, prototype, regular, measure, population=10)
    explorer.run('search', 60, 3)
    explorer.run('random', 60, 3)
    explorer.baselines()
    write_front(tmp_path, prototype.constraints)
    volumes = json.loads((tmp_path / 'front.json').read_text())['hypervolume']
    assert volumes['search'] > volumes['random'] > 0


@pytest.mark.usefixtures('in_memory')
def test_other_settings_are_refused(small: Prototype, tmp_path: Path):
    Explorer(tmp_path, small, judge, measure, population=4).run('search', 3, 1)
    with pytest.raises(StudyError, match=r'begun with other settings \(see seed\)'):
        Explorer(tmp_path, small, judge, measure, population=4).run('search', 3, 2)
    with pytest.raises(StudyError, match=r'\(see judged_by\)'):
        Explorer(tmp_path, small, judge, measure, 4, 'another').run('search', 3, 1)
    with pytest.raises(StudyError, match=r'\(see constraints\)'):
        Explorer(tmp_path, limited(small), judge, measure, 4).run('search', 3, 1)


@pytest.mark.usefixtures('in_memory')
def test_limits_that_nothing_keeps_to_end_the_search(small: Prototype, tmp_path: Path):
    prototype = limited(small, max_latency_ms=1e-3)
    with pytest.raises(StudyError, match='50 proposals gave 0 different designs'):
        Explorer(tmp_path, prototype, judge, measure, population=4).run('random', 1, 1)


def test_a_file_that_is_no_study(small: Prototype, tmp_path: Path):
    (tmp_path / 'study.db').write_text('this is no database, and never was one')
    with pytest.raises(StudyError, match=r'study\.db cannot be opened'):
        Explorer(tmp_path, small, judge, measure).run('search', 1, 1)


def test_scaled_prototypes_differ(small: Prototype):
    tables = [replace(network, name='') for network in explore.scaled_prototypes(small).values()]
    assert len(set(tables)) == len(tables) > 1


@pytest.mark.usefixtures('in_memory')
def test_baselines(small: Prototype, tmp_path: Path):
    explorer = Explorer(tmp_path, small, judge, measure, judged_by='first')

    def within(network: Network) -> ProxyScores:
        genes_of(small, network)
        return judge(network)

    explorer.judge = within
    rows = explorer.baselines()
    assert set(rows) == set(explore.scaled_prototypes(small))  # not Nano's
    expected = network_of(small, scaled_prototype(small, 1.0), 'prototype_1')
    assert rows['prototype_1'].network == expected
    assert read_baselines(tmp_path) == rows
    again = Explorer(tmp_path, small, judge, lambda _: 9.0, judged_by='first')
    assert again.baselines()['prototype_1'] == rows['prototype_1']
    fresh = Explorer(tmp_path, small, judge, lambda _: 9.0, judged_by='second')
    assert fresh.baselines()['prototype_1'].latency_ms == 9
    assert 'nano_b' in read_baselines(tmp_path)


@pytest.mark.usefixtures('in_memory')
def test_what_the_front_leaves(small: Prototype, tmp_path: Path):
    prototype = limited(small, watts=5.0, max_latency_ms=0.8)
    explorer = Explorer(tmp_path, prototype, judge, measure, population=6)
    explorer.baselines()
    explorer.run('search', 8, 1)
    explorer.run('random', 4, 1)
    front = write_front(tmp_path, prototype.constraints)
    assert [row.latency_ms for row in front] == sorted(row.latency_ms for row in front)
    for row in front:
        path = tmp_path / 'designs' / f'{row.network.name}.yaml'
        assert read_network(path) == row.network
        assert f'accuracy {row.accuracy:.1%}' in path.read_text()
    table = (tmp_path / 'front.md').read_text()
    assert f'| {front[0].network.name} | {front[0].latency_ms:.3f} |' in table
    assert f'| {5 * front[0].latency_ms:.2f} |' in table
    assert '| random | 4 |' in table
    assert '| nano_b | ' in table
    assert f'| {measure(NANO_B):.3f} |' in table
    assert (tmp_path / 'front.png').read_bytes().startswith(b'\x89PNG')
