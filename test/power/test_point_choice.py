# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionnet_ros.power.operating_points import BUILT_IN
from emotionnet_ros.power.point_choice import (
    LEAST_STAY,
    NEWS,
    UP_AFTER,
    PointChoice,
)

PERIOD = 0.125
LAST = len(BUILT_IN) - 1
WANTED = 15.0


def settle(choice, affordable, seconds=200.0, start=0.0):
    """Step at a constant power; give the times of the changes."""
    changes = []
    for step in range(int(seconds / PERIOD)):
        now = start + step * PERIOD
        before = choice.index
        if choice.step(now, affordable, WANTED):
            assert choice.index != before
            changes.append(now)
        else:
            assert choice.index == before
    return changes


@pytest.mark.parametrize('index', range(len(BUILT_IN)))
def test_it_settles_on_the_best_point_that_gives_the_wanted_rate(index):
    choice = PointChoice(BUILT_IN)
    affordable = 1.02 * WANTED * BUILT_IN[index].energy_per_frame
    assert len(settle(choice, affordable)) <= 1
    assert choice.index <= index
    rate = affordable / BUILT_IN[choice.index].energy_per_frame
    assert rate > 0.9 * WANTED


def test_with_too_little_for_any_it_takes_the_cheapest():
    for affordable in (1e-3, 0.0, -5.0):
        choice = PointChoice(BUILT_IN)
        assert len(settle(choice, affordable)) == 1
        assert choice.index == LAST


def test_with_plenty_it_takes_the_best_and_stays():
    choice = PointChoice(BUILT_IN)
    settle(choice, 0.0)
    changes = settle(choice, 100.0, start=1000.0)
    assert choice.index == 0
    assert len(changes) == 1
    assert changes[0] == pytest.approx(1000.0 + UP_AFTER, abs=1.0)


def test_after_a_change_of_the_budget_it_may_improve_soon():
    choice = PointChoice(BUILT_IN)
    settle(choice, 0.0)
    choice.hurry()
    changes = settle(choice, 100.0, start=1000.0)
    assert changes[0] < 1000.0 + NEWS


def test_a_promise_that_fails_is_tried_ever_more_rarely():
    # At the better point a frame costs twice what the table says.
    choice = PointChoice(BUILT_IN)
    settle(choice, 0.0)
    enough = 1.3 * WANTED * BUILT_IN[0].energy_per_frame
    ups = []
    for step in range(int(3600 / PERIOD)):
        now = 1000.0 + step * PERIOD
        before = choice.index
        if choice.step(now, enough if before else enough / 2, WANTED) and choice.index < before:
            ups.append(now)
    waits = [b - a for a, b in itertools.pairwise(ups)]
    assert len(ups) >= 3
    assert waits == sorted(waits)
    assert waits[-1] > 2 * waits[0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1.0, 2.0), min_size=1, max_size=60), st.floats(1.0, 60.0))
def test_it_never_leaves_a_point_early_whatever_comes(powers, wanted):
    choice = PointChoice(BUILT_IN)
    changes = []
    for step in range(600):
        now = step * PERIOD
        if choice.step(now, powers[step % len(powers)], wanted):
            changes.append(now)
        assert 0 <= choice.index <= LAST
    assert all(b - a >= LEAST_STAY for a, b in itertools.pairwise(changes))
