# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.node.rate_limit import RateLimit


def passed(limit, times):
    return [time for time in times if limit.allows(time)]


def test_no_limit_passes_all():
    times = np.arange(0, 1, 0.01)
    assert len(passed(RateLimit(0.0), times)) == len(times)


@pytest.mark.parametrize(
    ('camera_hz', 'limit_hz'), [(30, 15), (30, 10), (30, 7), (60, 25), (30, 20), (30, 25)]
)
def test_rate_is_held_with_a_camera_that_jitters(camera_hz, limit_hz):
    rng = np.random.default_rng(0)
    times = np.arange(0, 60, 1 / camera_hz)
    times = times + rng.uniform(-0.1, 0.1, len(times)) / camera_hz
    rate_hz = len(passed(RateLimit(limit_hz), times)) / 60
    assert 0.9 * limit_hz <= rate_hz <= 1.01 * limit_hz


def test_a_slower_camera_loses_nothing():
    times = np.arange(0, 10, 1 / 14.9)
    assert len(passed(RateLimit(15.0), times)) == len(times)


def test_a_pause_earns_no_burst():
    limit = RateLimit(10.0)
    passed(limit, np.arange(0, 1, 0.01))
    burst = passed(limit, np.arange(100, 101, 0.01))
    assert len(burst) <= 11


@given(
    st.floats(0.1, 100.0),
    st.lists(st.one_of(st.floats(0.0, 3.0), st.none()), max_size=50),
    st.floats(0.1, 100.0),
)
def test_whoever_waits_as_long_as_is_said_may_pass(first_hz, pauses, then_hz):
    """Any pauses, or waiting for as long as the limit says (None); the rate changes half way."""
    limit, now = RateLimit(first_hz), 0.0
    for number, pause in enumerate(pauses):
        if number == len(pauses) // 2:
            limit.rate_hz = then_hz
        delay = limit.delay(now)
        assert 0 <= delay <= 1 / limit.rate_hz + 1e-9
        if delay > 1e-6:
            assert not limit.allows(now + delay / 2)
        if pause is None:
            now += delay + 1e-9
            assert limit.allows(now)
        else:
            now += pause
            limit.allows(now)


def test_a_higher_rate_takes_effect_at_once():
    limit = RateLimit(0.01)
    assert limit.allows(0.0)
    assert not limit.allows(0.1)
    limit.rate_hz = 10.0
    assert len(passed(limit, np.arange(0.2, 1.2, 0.01))) >= 9
