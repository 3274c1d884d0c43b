# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import time

import pytest

from emotionnet_ros.benchmarks.timing import Case, Effort, Spread, Stopwatch, measure


def test_quartiles_of_a_known_sample():
    spread = Spread.of([5.0, 1.0, 4.0, 2.0, 3.0])
    assert (spread.least, spread.low, spread.median, spread.high) == (1.0, 2.0, 3.0, 4.0)
    assert spread.scaled(1e3).median == 3000.0
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0, 7.0)


def test_one_slow_turn_does_not_move_the_median():
    assert Spread.of([1.0] * 9 + [1000.0]).median == 1.0


def test_cases_take_turns():
    order = []
    names = ['a', 'b', 'c']
    cases = [Case({'name': name}, lambda name=name: order.append(name)) for name in names]
    timings = measure(cases, Effort(rounds=3, turn=0.0))
    assert [timing.case.labels['name'] for timing in timings] == names
    assert order[-9:] == names * 3
    assert all(timing.calls == 3 for timing in timings)


def spin(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_cpu_time_is_that_of_one_call_and_sleep_is_none():
    busy = Case({'name': 'busy'}, lambda: spin(2e-3))
    idle = Case({'name': 'idle'}, lambda: time.sleep(2e-3))
    busy_time, idle_time = measure([busy, idle], Effort(rounds=5, turn=0.01))
    assert busy_time.cpu.median >= 2e-3
    assert idle_time.wall.median >= 2e-3
    assert idle_time.cpu.median < busy_time.cpu.median
    assert busy_time.cpu.least <= busy_time.cpu.low <= busy_time.cpu.median <= busy_time.cpu.high


def test_turns_keep_their_length_where_every_second_call_does_nothing():
    calls = iter(range(1 << 30))
    case = Case({}, lambda: time.sleep(4e-3) if next(calls) % 2 == 0 else None)
    (timing,) = measure([case], Effort(rounds=2, turn=0.02))
    assert timing.calls <= 2 * 10  # a call sleeps for 2 ms or more in the mean


def test_a_stage_within_another_counts_for_itself():
    stopwatch = Stopwatch()
    inner = stopwatch.timed('inner', lambda: spin(4e-3))

    def work() -> None:
        spin(1e-3)
        inner()
        spin(1e-3)

    stopwatch.timed('outer', work)()
    taken = stopwatch.take()
    assert taken['inner'] >= 4e-3
    assert 2e-3 <= taken['outer'] < taken['inner']
    assert stopwatch.take() == {}


def test_a_stage_that_fails_is_closed():
    stopwatch = Stopwatch()

    def fail() -> None:
        raise ValueError('as meant')

    with pytest.raises(ValueError, match='as meant'):
        stopwatch.timed('outer', stopwatch.timed('inner', fail))()
    stopwatch.timed('later', lambda: spin(1e-3))()
    assert stopwatch.take()['later'] >= 1e-3


def test_stages_are_per_call():
    stopwatch = Stopwatch()
    case = Case({}, stopwatch.timed('spin', lambda: spin(1e-3)), stopwatch=stopwatch)
    (timing,) = measure([case], Effort(rounds=3, turn=0.02))
    assert timing.calls > 3
    assert timing.stages['spin'] == pytest.approx(timing.cpu.median, rel=0.5)
