# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionnet_ros.power.lag_filter import SCALE_RANGE
from emotionnet_ros.power.observer import LoadObserver

PERIOD = 0.125


def follow(observer, nominals, base, scale, lag, noise=0.02, seed=0):
    """Feed what a sensor of this lag sees of ``base`` (a number or one a step)."""
    rng = random.Random(seed)
    bases = base if isinstance(base, list) else [base] * len(nominals)
    seen = bases[0]
    keep = math.exp(-PERIOD / lag)
    for nominal, watts in zip(nominals, bases, strict=True):
        seen = keep * seen + (1 - keep) * (watts + scale * nominal)
        observer.step(PERIOD, nominal, seen + rng.gauss(0, noise))


STAIRS = [0.1] * 16 + [1.0] * 24 + [2.0] * 24 + [0.6] * 24 + [1.8] * 24


@pytest.mark.parametrize('lag', [0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize('scale', [0.2, 0.5, 1.0, 2.0, 6.0])
def test_it_learns_base_and_scale_from_its_own_steps(scale, lag):
    observer = LoadObserver()
    follow(observer, STAIRS, 8.0, scale, lag)
    # The steps of a scale of 0.2 are hardly more than ten times the noise.
    assert observer.scale == pytest.approx(scale, rel=0.1 if scale >= 0.5 else 0.2)
    assert observer.base == pytest.approx(8.0, abs=0.15 * max(scale, 1.0))


@pytest.mark.parametrize(('lag', 'most'), [(0.05, 0.15), (1.2, 2.0)])
def test_it_tells_a_fast_sensor_from_a_slow_one(lag, most):
    observer = LoadObserver()
    follow(observer, STAIRS, 8.0, 1.2, lag)
    assert lag / 3 < observer.lag < most


def test_it_sees_the_step_of_another_program_within_a_second():
    observer = LoadObserver()
    follow(observer, STAIRS, 8.0, 1.0, 0.1, noise=0.1)
    follow(observer, [1.0] * 80, 8.0, 1.0, 0.1, noise=0.1)
    follow(observer, [1.0] * 8, 11.0, 1.0, 0.1, noise=0.1)
    assert observer.base == pytest.approx(11.0, abs=0.3)
    assert observer.scale == pytest.approx(1.0, abs=0.15), 'a step of others is no cost of ours'


def test_at_a_standstill_the_scale_does_not_wander():
    observer = LoadObserver()
    follow(observer, STAIRS, 8.0, 1.5, 0.2)
    scale = observer.scale
    rng = random.Random(1)
    nominal = 1.0
    for _ in range(4000):
        # A control that answers the noise: its draw falls where the reading is high.
        error = rng.gauss(0, 0.1)
        observer.step(PERIOD, nominal, 8.0 + 1.5 * nominal + error)
        nominal = 1.0 - 0.05 * error
    assert observer.scale == pytest.approx(scale, abs=0.1)


def test_a_scale_far_too_low_sees_itself_move():
    # What the table foretells of these steps is less than the noise.
    observer = LoadObserver()
    follow(observer, [0.03 * n for n in STAIRS], 8.0, 8.0, 0.25, noise=0.1)
    assert observer.scale == pytest.approx(8.0, rel=0.5)


def test_a_rise_is_more_careful_than_a_fall():
    observer = LoadObserver()
    for _ in range(20):
        observer.step(PERIOD, 0.1, 8.1)
    assert observer.affordable(12.0) < 12.0 - 8.0, 'the cost of a frame is not known yet'
    follow(observer, STAIRS, 8.0, 1.0, 0.1)
    assert observer.affordable(11.0) == pytest.approx(3.0, rel=0.2)
    assert observer.affordable(9.0) == pytest.approx(1.0, rel=0.2)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 5.0),
            st.floats(0.0, 100.0),
            st.one_of(st.none(), st.floats(0.01, 1e4)),
        ),
        min_size=1,
        max_size=200,
    )
)
def test_whatever_is_read_the_estimates_stay_numbers(steps):
    observer = LoadObserver()
    for dt, nominal, watts in steps:
        observer.step(dt, nominal, watts)
        assert math.isfinite(observer.base)
        # It is a weighted mean: rounding.
        assert SCALE_RANGE[0] - 1e-9 <= observer.scale <= SCALE_RANGE[1] + 1e-9
        assert math.isfinite(observer.affordable(20.0))
        assert observer.noise >= 0
