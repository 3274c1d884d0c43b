# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from emotionnet_ros.power.governor import (
    CONTROL_PERIOD,
    LIMITED,
    NO_SENSOR,
    OK,
    TABLE_WATTS_PER_CORE,
    UNREACHABLE,
    Governor,
    GovernorSettings,
)
from emotionnet_ros.power.operating_points import BUILT_IN, OperatingPointError

IDLE = 8.0
CAMERA_RATE = 30.0
# On this machine a frame costs more than the table says.
SCALE = 2.0
POINTS = [replace(p, energy_per_frame=2.5 * p.energy_per_frame) for p in BUILT_IN]
BUDGET = 9.5


class Machine:
    """Does what the governor says and reads the power without lag or noise."""

    def __init__(self, period=CONTROL_PERIOD, **values):
        values = {'budget': BUDGET, **values}
        self.governor = Governor(POINTS, GovernorSettings(**values))
        self.period = period
        self.now = 100.0
        self.foreign = 0.0
        self.flags = frozenset()
        self.offered_rate = CAMERA_RATE
        self.cpu_seconds = 0.0
        self.rate = 0.0
        self.point = POINTS[0]
        self.credit = 0.0
        self.commands = []

    @property
    def watts(self):
        return IDLE + self.foreign + self.rate * SCALE * self.point.energy_per_frame

    def run(self, seconds, reading=lambda watts, now: SimpleNamespace(watts=watts, stamp=now)):
        for _ in range(round(seconds / self.period)):
            self.now += self.period
            self.credit += self.rate * self.period
            frames = int(self.credit)
            self.credit -= frames
            energy = SCALE * self.point.energy_per_frame
            self.cpu_seconds += self.rate * self.period * energy / TABLE_WATTS_PER_CORE
            command = self.governor.step(
                self.now,
                reading(self.watts, self.now),
                frames,
                self.offered_rate,
                self.flags,
                self.cpu_seconds,
            )
            self.rate = min(command.rate_limit, self.offered_rate)
            self.point = command.operating_point
            self.commands.append(command)
        return self.commands[-1]

    def change(self, **values):
        self.governor.settings = replace(self.governor.settings, **values)


def no_reading(watts, now):
    return None


def test_it_comes_to_the_budget_from_below_and_says_so():
    machine = Machine()
    command = machine.run(30.0)
    assert 0.98 * BUDGET <= machine.watts <= BUDGET
    assert command.state == LIMITED
    assert '9.5 W' in command.reason
    assert machine.point.name in command.reason
    assert command.energy_per_frame == pytest.approx(
        SCALE * machine.point.energy_per_frame, rel=0.3
    )
    assert command.power == pytest.approx(machine.watts, rel=0.01)


def test_the_first_command_is_the_lowest_rate():
    assert Machine().run(CONTROL_PERIOD).rate_limit == 1.0


@pytest.mark.parametrize('period', [0.05, 0.25, 0.5, 1.0])
def test_other_periods_of_the_caller_do(period):
    machine = Machine(period=period)
    machine.run(60.0)
    assert 0.97 * BUDGET <= machine.watts <= 1.002 * BUDGET


def test_with_plenty_the_best_point_runs_at_the_cameras_rate():
    machine = Machine(budget=30.0)
    command = machine.run(60.0)
    assert command.state == OK
    assert command.operating_point == POINTS[0]
    assert command.rate_limit >= CAMERA_RATE
    assert 'within' in command.reason


def test_without_a_budget_nothing_is_held_back():
    machine = Machine(budget=0.0)
    command = machine.run(1.0, no_reading)
    assert command.state == OK
    assert command.operating_point == POINTS[0]
    assert command.rate_limit >= CAMERA_RATE
    assert math.isnan(command.power)


def test_without_a_budget_the_highest_rate_still_counts():
    assert Machine(budget=0.0, max_rate=10.0).run(1.0).rate_limit == 10.0
    assert Machine(budget=30.0, max_rate=10.0).run(30.0).rate_limit == pytest.approx(10.0)


def test_a_lower_budget_holds_at_once_and_a_higher_one_is_used():
    machine = Machine(budget=11.0)
    machine.run(40.0)
    machine.change(budget=9.5)
    machine.run(4 * CONTROL_PERIOD)
    assert machine.watts <= 1.02 * 9.5
    machine.change(budget=11.0)
    machine.run(40.0)
    assert 0.97 * 11.0 <= machine.watts <= 11.0


def test_useful_rate_comes_before_quality():
    target = 12.0
    machine = Machine(target_rate=target)
    machine.run(90.0)
    ours = BUDGET - IDLE
    cheaper = [p for p in POINTS if ours / (SCALE * p.energy_per_frame) >= target]
    assert machine.rate > 0.9 * target
    assert POINTS.index(machine.point) <= POINTS.index(cheaper[0]) + 1
    # A slow camera needs no cheaper point.
    slow = Machine(target_rate=target)
    slow.offered_rate = 5.0
    slow.run(90.0)
    assert slow.point == POINTS[0]


def test_the_load_of_others_is_made_room_for_and_given_back():
    machine = Machine(budget=11.0)
    machine.run(40.0)
    machine.foreign = 2.0
    machine.run(1.0)
    assert machine.watts <= 1.02 * 11.0
    machine.foreign = 0.0
    machine.run(40.0)
    assert machine.watts >= 0.97 * 11.0


def test_an_unreachable_budget_is_called_so_at_the_floor():
    machine = Machine(budget=7.0)
    command = machine.run(20.0)
    assert command.state == UNREACHABLE
    assert command.rate_limit == 1.0
    assert command.operating_point == POINTS[-1]
    assert '7 W cannot be held' in command.reason
    machine.change(budget=BUDGET)
    assert machine.run(30.0).state == LIMITED


@pytest.mark.parametrize('wins', [False, True])
def test_the_least_rate_wins_only_where_the_user_says_so(wins):
    machine = Machine(budget=7.0, min_rate=5.0, min_rate_wins=wins)
    command = machine.run(20.0)
    assert command.state == UNREACHABLE
    assert command.rate_limit == (5.0 if wins else 1.0)
    assert ('min_rate wins' in command.reason) == wins


def test_a_lost_sensor_decays_to_the_floor_and_comes_back_by_itself():
    machine = Machine()
    machine.run(40.0)
    held = machine.rate
    assert machine.run(1.0, no_reading).state != NO_SENSOR, 'not yet stale'
    assert machine.rate == pytest.approx(held, rel=0.05)
    command = machine.run(8.0, no_reading)
    assert command.state == NO_SENSOR
    assert command.rate_limit == pytest.approx(1.0, abs=0.05)
    assert 'no new reading' in command.reason
    assert math.isnan(command.power)
    assert machine.run(15.0).state == LIMITED
    assert 0.97 * BUDGET <= machine.watts <= BUDGET
    highest = max(c.rate_limit for c in machine.commands[-round(15 / CONTROL_PERIOD) :])
    assert highest <= 1.1 * machine.rate, 'no overshoot on the way back'


@pytest.mark.parametrize('watts', [math.nan, math.inf, 0.0, -5.0, 1e6])
def test_nonsense_is_no_reading(watts):
    machine = Machine()
    machine.run(40.0)
    command = machine.run(8.0, lambda _, now: SimpleNamespace(watts=watts, stamp=now))
    assert command.state == NO_SENSOR
    assert command.rate_limit < 1.1


def test_without_any_reading_it_stays_at_the_floor():
    command = Machine().run(10.0, no_reading)
    assert (command.state, command.rate_limit) == (NO_SENSOR, 1.0)
    assert 'no reading yet' in command.reason


def test_a_flag_cuts_the_budget_and_the_cut_ends():
    machine = Machine(budget=11.0)
    machine.run(40.0)
    before = machine.watts
    machine.flags = frozenset({'hot'})
    command = machine.run(2.0)
    assert machine.watts <= 0.86 * 11.0
    assert command.state == LIMITED
    assert 'hot' in command.reason
    machine.flags = frozenset()
    machine.run(60.0)
    assert machine.watts >= 0.97 * before


def test_a_flag_without_a_budget_lowers_the_rate():
    machine = Machine(budget=0.0)
    machine.run(10.0)
    machine.flags = frozenset({'under_voltage'})
    command = machine.run(3.0)
    assert machine.rate == pytest.approx(0.85 * CAMERA_RATE, rel=0.05)
    assert command.state == LIMITED
    assert 'under_voltage' in command.reason
    machine.flags = frozenset()
    assert machine.run(60.0).state == OK


def test_a_budget_of_cpu_time_needs_no_sensor():
    percent = 25.0
    machine = Machine(budget=0.0, budget_cpu_percent=percent)
    command = machine.run(60.0, no_reading)
    used = machine.rate * SCALE * machine.point.energy_per_frame / TABLE_WATTS_PER_CORE
    assert 0.95 * percent <= 100 * used <= percent
    assert command.state == LIMITED
    assert '25 % CPU' in command.reason


def test_of_two_budgets_the_smaller_holds():
    machine = Machine(budget=30.0, budget_cpu_percent=25.0)
    machine.run(60.0)
    used = machine.rate * SCALE * machine.point.energy_per_frame / TABLE_WATTS_PER_CORE
    assert 100 * used <= 25.0
    machine.change(budget=BUDGET)
    machine.run(20.0)
    assert machine.watts <= BUDGET


def test_time_that_stands_still_or_goes_back_does_no_harm():
    machine = Machine()
    machine.run(30.0)
    for offset in (0.0, -1.0, 1e6, 0.1):
        machine.now += offset
        command = machine.governor.step(machine.now, None, 0, CAMERA_RATE)
        assert 1.0 <= command.rate_limit <= 40.0
    machine.run(30.0)
    assert machine.watts <= BUDGET


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('budget', -1.0),
        ('budget', math.nan),
        ('budget_cpu_percent', math.inf),
        ('min_rate', -0.1),
        ('max_rate', -1.0),
        ('target_rate', 0.0),
        ('floor_rate', 0.0),
        ('stale_after', 0.0),
    ],
)
def test_a_wrong_setting_is_named(name, value):
    with pytest.raises(ValueError, match=f'{name} is {value}'):
        GovernorSettings(**{name: value})


def test_an_empty_table_is_refused():
    with pytest.raises(OperatingPointError, match='empty'):
        Governor([], GovernorSettings())


def test_two_steps_at_almost_the_same_time_leave_the_rate_known():
    governor = Governor(POINTS, GovernorSettings(budget_cpu_percent=50.0))
    governor.step(0.0, None, 1, 30.0, cpu_seconds=1.0)
    governor.step(2.2e-308, None, 665, 30.0, cpu_seconds=1.1)
    assert math.isfinite(governor.step(0.1, None, 3, 30.0, cpu_seconds=1.15).rate_limit)


def test_cpu_time_that_hardly_moves_is_no_trouble():
    governor = Governor(POINTS, GovernorSettings(budget_cpu_percent=50.0))
    for step in range(4):
        now = 4.0 * step
        command = governor.step(now, None, 0, 30.0, cpu_seconds=1e-239 * step)
        assert command.rate_limit >= 1.0


def test_a_reading_of_next_to_nothing_is_not_believed():
    governor = Governor(POINTS, GovernorSettings(budget_cpu_percent=50.0))
    for step in range(3):
        now = 2.0 * step
        reading = SimpleNamespace(watts=3.4e-181, stamp=now)
        assert math.isnan(governor.step(now, reading, 0, 30.0, cpu_seconds=now).power)


# Without shrinking, which takes minutes here.
@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    st.lists(
        st.tuples(
            st.floats(-1.0, 10.0),
            st.one_of(st.none(), st.floats()),
            st.integers(0, 1000),
            st.floats(),
            st.booleans(),
            st.floats(),
        ),
        max_size=80,
    ),
    st.builds(
        GovernorSettings,
        budget=st.floats(0, 100),
        budget_cpu_percent=st.floats(0, 400),
        min_rate=st.floats(0, 50),
        min_rate_wins=st.booleans(),
        max_rate=st.one_of(st.just(0.0), st.floats(0.01, 100)),
    ),
)
def test_whatever_comes_the_command_stays_within_its_bounds(steps, wanted):
    governor = Governor(POINTS, wanted)
    now = 0.0
    for dt, watts, frames, offered, flag, cpu_seconds in steps:
        now += dt
        reading = None if watts is None else SimpleNamespace(watts=watts, stamp=now)
        command = governor.step(
            now, reading, frames, offered, {'hot'} if flag else (), cpu_seconds
        )
        assert wanted.floor <= command.rate_limit <= max(wanted.ceiling, wanted.floor)
        assert command.operating_point in POINTS
        assert command.state in (OK, LIMITED, UNREACHABLE, NO_SENSOR)
        assert command.reason
        assert command.energy_per_frame > 0
