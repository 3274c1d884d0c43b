# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

import math
import random

import numpy as np
import pytest

from emotionnet_ros.power import simulation
from emotionnet_ros.power.plant import RECORD_PERIOD, simulate
from emotionnet_ros.power.scenarios import FAST_LAG, SCENARIOS, SENSORS, draw_case

SEEDS = range(1000, 1020)


@pytest.fixture(scope='module')
def outcomes():
    """Every scenario on the same twenty machines that no constant was chosen on."""
    return {s.name: [simulation.run(s, seed)[0] for seed in SEEDS] for s in SCENARIOS}


NAMES = [scenario.name for scenario in SCENARIOS]


def of(outcomes, name, quantity):
    values = [getattr(outcome, quantity) for outcome in outcomes[name]]
    return np.array([value for value in values if math.isfinite(value)])


@pytest.mark.parametrize('name', NAMES)
def test_the_steady_mean_is_just_below_the_budget(outcomes, name):
    steady = of(outcomes, name, 'steady')
    assert len(steady) >= 5
    assert -0.01 <= np.median(steady) <= 0.0
    assert steady.min() >= -0.02
    assert steady.max() <= 0.002


@pytest.mark.parametrize('name', NAMES)
def test_our_own_steps_hardly_overshoot(outcomes, name):
    overshoot = of(outcomes, name, 'overshoot')
    assert np.median(overshoot) <= 0.01
    assert np.quantile(overshoot, 0.8) <= 0.0125
    assert overshoot.max() <= 0.03


def test_the_budget_is_back_soon_after_the_step_of_another_program(outcomes):
    late = [o for o in outcomes['foreign load'] if o.recovery > o.recovery_target]
    assert len(late) <= 1
    assert {o.recovery_target for o in outcomes['foreign load']} == {1.0, 4.0}


@pytest.mark.parametrize('name', NAMES)
def test_the_rate_is_nearly_that_of_the_best_constant_one(outcomes, name):
    useful = of(outcomes, name, 'useful')
    assert np.median(useful) >= 0.96
    assert np.quantile(useful, 0.2) >= 0.95
    assert useful.min() >= 0.9


@pytest.mark.parametrize('cost_factor', [0.25, 4.0])
def test_the_table_of_another_machine_will_do(cost_factor):
    # Frames cost 1/8 to 1/2, or 2 to 8 times, of what the table says.
    runs = [
        simulation.run(scenario, seed, cost_factor=cost_factor)[0]
        for scenario in SCENARIOS
        if scenario.name in ('cold start', 'budget up')
        for seed in SEEDS[:10]
    ]
    steady = np.array([o.steady for o in runs if math.isfinite(o.steady)])
    assert -0.01 <= np.median(steady) <= 0.0
    assert steady.max() <= 0.002
    overshoot = np.array([o.overshoot for o in runs])
    assert np.median(overshoot) <= 0.0125
    assert overshoot.max() <= 0.05
    assert np.median([o.useful for o in runs]) >= 0.95
    assert max(o.changes for o in runs) <= 1


@pytest.mark.parametrize('name', NAMES)
def test_the_operating_point_does_not_hunt(outcomes, name):
    assert of(outcomes, name, 'changes').max() <= 1


@pytest.mark.parametrize('name', NAMES)
def test_the_state_is_what_it_should_be(outcomes, name):
    assert all(outcome.state_right for outcome in outcomes[name])


def test_a_run_depends_on_its_seed_alone():
    scenario = SCENARIOS[0]
    first, second = simulation.run(scenario, 7)[1], simulation.run(scenario, 7)[1]
    assert first.joules == second.joules
    assert first.joules != simulation.run(scenario, 8)[1].joules


def test_the_plant_spends_what_its_frames_and_its_idle_power_cost():
    case = draw_case(random.Random(3))
    course, _ = SCENARIOS[0].build(case)
    trace = simulate(case.plant, case.points, course, 3)
    at = np.array(trace.command_times)
    energies = {p.name: e for p, e in zip(case.points, case.plant.energies, strict=True)}
    frames = np.diff(np.interp(at, trace.times, trace.frames))
    costs = [energies[c.operating_point.name] for c in trace.commands[:-1]]
    seconds = trace.times[-1]
    warm = case.plant.drift * (seconds - 60 * (1 - math.exp(-seconds / 60)))
    expected = case.plant.idle * seconds + warm + float(frames @ costs)
    assert trace.joules[-1] == pytest.approx(expected, rel=0.01)
    assert np.allclose(np.diff(trace.times), RECORD_PERIOD)


@pytest.mark.parametrize('kind', sorted(SENSORS))
def test_machines_are_as_their_kind_says(kind):
    for seed in range(30):
        case = draw_case(random.Random(seed), 3.5, kind)
        assert case.sensor == kind
        assert case.ours >= 3.5
        assert (case.plant.lag > FAST_LAG) == (kind == 'slow')
        assert case.budget == pytest.approx(case.plant.idle + case.ours)


def test_the_command_prints_a_row_for_each_scenario(capsys, monkeypatch):
    monkeypatch.setattr(simulation, 'SCENARIOS', SCENARIOS[:1])
    assert simulation.main(['--seeds', '1']) == 0
    heading, rule, row = capsys.readouterr().out.splitlines()
    assert heading.count('|') == rule.count('|') == row.count('|')
    assert row.startswith('| cold start | 1 |')
