# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

import math
from types import SimpleNamespace

import pytest

from emotionnet_ros.power.guards import (
    FLAG_CUT,
    FLAG_HOLD,
    FLAG_LEAST,
    FLAG_PERIOD,
    FLAG_RECOVERY,
    FROZEN_AFTER,
    FlagCut,
    SensorGuard,
)

STALE = 2.0


def accept(guard, now, watts, stamp=None, draw=1.0, budget=10.0):
    reading = SimpleNamespace(watts=watts, stamp=now if stamp is None else stamp)
    return guard.accept(now, reading, budget, STALE, draw)


def test_a_new_reading_passes_once():
    guard = SensorGuard()
    assert guard.lost
    assert accept(guard, 1.0, 5.0) == 5.0
    assert not guard.lost
    assert accept(guard, 1.5, 5.0, stamp=1.0) is None
    assert accept(guard, 1.6, 5.1, stamp=0.9) is None, 'older than the last'
    assert accept(guard, 1.7, 5.2) == 5.2


@pytest.mark.parametrize('watts', [math.nan, math.inf, -math.inf, -3.0, 0.0, 1e5])
def test_nonsense_is_refused_and_named_once_it_lasts(watts):
    guard = SensorGuard()
    accept(guard, 0.0, 5.0)
    assert accept(guard, 1.0, watts) is None
    assert not guard.lost, 'one bad reading is no loss'
    assert accept(guard, STALE + 0.1, watts) is None
    assert guard.lost
    assert f'{watts:g}' in guard.lost_because
    assert accept(guard, STALE + 0.2, 5.0) == 5.0
    assert not guard.lost


def test_without_a_budget_any_power_is_believed():
    assert accept(SensorGuard(), 0.0, 9e4, budget=0.0) == 9e4
    assert accept(SensorGuard(), 0.0, 1e200, budget=0.0) is None


@pytest.mark.parametrize('stamp', [math.nan, math.inf])
def test_a_stamp_that_is_none_is_refused(stamp):
    assert accept(SensorGuard(), 0.0, 5.0, stamp=stamp) is None


def test_an_old_reading_is_refused_and_its_age_named():
    guard = SensorGuard()
    assert accept(guard, 10.0, 5.0, stamp=7.0) is None
    assert '3.0 s old' in guard.lost_because


def test_a_stamp_of_the_future_is_not_fresh_for_longer():
    guard = SensorGuard()
    assert accept(guard, 0.0, 5.0, stamp=100.0) == 5.0
    guard.accept(STALE + 0.1, None, 10.0, STALE, 1.0)
    assert guard.lost


def test_a_value_that_ignores_our_draw_is_distrusted_until_it_moves():
    guard = SensorGuard()
    for step in range(400):
        now = 0.1 * step
        assert (accept(guard, now, 5.0, draw=1.0 + 0.01 * min(step, 100)) is None) == guard.lost
        assert guard.lost == (now > FROZEN_AFTER * STALE)
    assert 'unchanged' in guard.lost_because
    assert accept(guard, 40.1, 5.01) == 5.01


def test_a_constant_value_at_a_constant_draw_is_believed():
    guard = SensorGuard()
    assert all(accept(guard, 0.1 * step, 5.0) == 5.0 for step in range(600))


def test_a_flag_cuts_at_once_then_step_by_step_to_its_least():
    cut = FlagCut()
    assert cut.step(0.0, 0.1, ()) == 1.0
    assert cut.step(0.1, 0.1, {'hot'}) == FLAG_CUT
    assert cut.step(0.2, 0.1, {'hot'}) == FLAG_CUT
    assert cut.step(0.1 + FLAG_PERIOD, 0.1, {'hot'}) == pytest.approx(FLAG_CUT**2)
    for step in range(100):
        cut.step(10.0 + step * FLAG_PERIOD, 0.1, {'hot'})
    assert cut.share == FLAG_LEAST


def test_the_share_comes_back_slowly_after_the_flag():
    cut = FlagCut()
    cut.step(0.0, 0.1, {'hot'})
    assert cut.step(FLAG_HOLD, 0.1, ()) == FLAG_CUT
    assert cut.step(FLAG_HOLD + 1, 1.0, ()) == pytest.approx(FLAG_CUT + FLAG_RECOVERY)
    for step in range(100):
        cut.step(FLAG_HOLD + 2 + step, 1.0, ())
    assert cut.share == 1.0


def test_a_flag_that_flickers_does_not_cut_each_time():
    cut = FlagCut()
    for step in range(40):
        cut.step(0.1 * step, 0.1, {'hot'} if step % 2 else ())
    assert cut.share == FLAG_CUT
