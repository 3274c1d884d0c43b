# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import pytest

from emotionnet_ros.power import profile
from emotionnet_ros.power.operating_points import BUILT_IN, OperatingPointError, load_points


@pytest.fixture
def points(make_network):
    network = str(make_network())
    return [replace(p, network=network) for p in BUILT_IN if p.network == 'nano_c'][:2]


def test_cost_is_cpu_time_times_watts(points, face_picture):
    first, second = profile.profile(points, [face_picture], 10, 4.0, 'haar')
    assert (first.point.name, second.point.name) == tuple(p.name for p in points)
    for cost in (first, second):
        assert cost.cpu_ms > 0
        assert cost.energy == pytest.approx(4.0 * cost.cpu_ms / 1e3)
        assert cost.point.energy_per_frame == cost.energy
    assert second.cpu_ms < first.cpu_ms, 'the detector runs half as often'


def test_a_counter_of_energy_takes_the_place_of_cpu_time(points, face_picture):
    # 100 J until the frames are done, 40 J in the rest that follows.
    totals = iter([0.0, 100.0, 140.0])
    detector = profile.open_detector('haar')
    cost = profile.measure_cost(points[0], detector, [face_picture], 10, 4.0, lambda: next(totals))
    assert cost.energy == pytest.approx(6.0)


def test_points_that_cost_no_less_than_a_better_one_are_left_out():
    energies = (0.03, 0.02, 0.02, 0.025, 0.0, 0.01)
    costs = [
        profile.Cost(replace(p, energy_per_frame=e or 1.0), 1.0, 1.0, 1.0, e)
        for p, e in zip(BUILT_IN, energies, strict=False)
    ]
    kept = profile.worth_having(costs)
    assert [p.energy_per_frame for p in kept] == [0.03, 0.02, 0.01]


def test_the_command_writes_the_table_that_the_node_reads(
    tmp_path, points, face_video, monkeypatch, capsys
):
    monkeypatch.setattr(profile, 'BUILT_IN', [BUILT_IN[0], *points])
    monkeypatch.setattr(profile, 'shipped_networks', list)
    calibration = tmp_path / 'model.yaml'
    calibration.write_text('idle_watts: 2.7\nwatts_per_core: 0.93\n')
    output = tmp_path / 'points.yaml'
    arguments = ['--source', str(face_video), '--frames', '20', '--detector', 'haar']
    arguments += ['--calibration', str(calibration), '--output', str(output)]
    assert profile.main(arguments) == 0
    told = capsys.readouterr().out
    assert f'{BUILT_IN[0].name} left out: there is no network nano_a' in told
    written = load_points(output)
    assert {p.name for p in written} <= {p.name for p in points}
    assert written[0].name == points[0].name
    assert '0.93 W a core' in output.read_text()


@pytest.mark.parametrize(
    'text', ['', '3', 'watts_per_core: -1', 'watts_per_core: yes', 'idle_watts: 2', '[']
)
def test_a_wrong_calibration_is_named(tmp_path, text, capsys):
    path = tmp_path / 'model.yaml'
    path.write_text(text)
    with pytest.raises(OperatingPointError, match=r'model\.yaml'):
        profile.watts_per_core_of(path)
    assert profile.main(['--calibration', str(path)]) == 1
    assert 'model.yaml' in capsys.readouterr().err


@pytest.mark.parametrize(
    'arguments', [[], ['--watts-per-core', '0'], ['--watts-per-core', '4', '--frames', '0']]
)
def test_wrong_options_are_refused(arguments):
    with pytest.raises(SystemExit) as caught:
        profile.main(arguments)
    assert caught.value.code == 2
