# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.node.slots import LatestSlots


def test_newest_item_replaces_the_one_before():
    slots = LatestSlots('a')
    assert slots.put('a', 1) == 0
    assert slots.put('a', 2) == 1
    assert slots.take() == ('a', 2)
    assert slots.put('a', 3) == 0


def test_take_waits_for_an_item():
    slots, taken = LatestSlots('ab'), []
    taker = threading.Thread(target=lambda: taken.append(slots.take()))
    taker.start()
    slots.put('b', 'frame')
    taker.join(10)
    assert taken == [('b', 'frame')]


def test_close_wakes_whoever_waits_and_drops_what_lies_there():
    slots, taken = LatestSlots('ab'), []
    taker = threading.Thread(target=lambda: taken.append(slots.take()))
    taker.start()
    slots.close()
    taker.join(10)
    assert taken == [None]
    slots.put('a', 'late')
    assert slots.take() is None
    assert slots.take_due() is None


def test_what_is_cleared_is_not_taken_and_counted():
    slots = LatestSlots('ab')
    slots.put('a', 1)
    slots.put('b', 2)
    assert slots.clear('a') == 1
    assert slots.clear('a') == 0
    assert slots.take() == ('b', 2)
    assert slots.take_due() is None


def test_every_item_is_either_taken_or_known_to_be_replaced():
    slots, taken, replaced = LatestSlots('ab'), [], 0
    taker = threading.Thread(target=lambda: taken.extend(iter(slots.take, None)))
    taker.start()
    for number in range(10_000):
        replaced += slots.put('a', number)
    while slots.put('a', 'last') == 0:  # until the taker is known to be behind
        pass
    slots.close()
    taker.join(10)
    numbers = [item for _, item in taken if item != 'last']
    assert numbers == sorted(numbers)
    assert len(numbers) + replaced <= 10_000
    assert len(numbers) + replaced >= 9_999


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


cameras = st.sampled_from('abcd')


@given(st.lists(st.one_of(cameras, st.none()), max_size=200))
def test_a_waiting_item_sees_every_other_source_taken_at_most_once(events):
    """Any order of arrivals (a source) and takings (None)."""
    slots = LatestSlots('abcd')
    waiting = {}  # source: what was taken since its item lies there
    passed_over = dict.fromkeys('abcd', 0)
    put = dict.fromkeys('abcd', 0)
    taken_of = dict.fromkeys('abcd', 0)
    newest = {}
    for number, source in enumerate(events):
        if source is not None:
            passed_over[source] += slots.put(source, number)
            put[source] += 1
            waiting.setdefault(source, [])
            newest[source] = number
        elif (taken := slots.take_due()) is None:
            assert not waiting
        else:
            source, number = taken
            assert number == newest[source]
            taken_of[source] += 1
            del waiting[source]
            for others in waiting.values():
                others.append(source)
                assert len(others) == len(set(others))
    for source in 'abcd':
        assert put[source] == passed_over[source] + taken_of[source] + (source in waiting)


def play(slots, clock, rates_hz, seconds, work):
    """Let cameras of some rates send, and a worker that needs ``work`` seconds an image."""
    arrivals = sorted(
        (number / rate_hz, source)
        for source, rate_hz in rates_hz.items()
        for number in range(int(seconds * rate_hz))
    )
    taken, waits, free = dict.fromkeys(rates_hz, 0), dict.fromkeys(rates_hz, 0.0), 0.0
    step, now = 0.001, 0.0
    while now < seconds:
        clock.now = now
        while arrivals and arrivals[0][0] <= now:
            at, source = arrivals.pop(0)
            slots.put(source, at)
        if free <= now and (got := slots.take_due()):
            source, at = got
            taken[source] += 1
            waits[source] = max(waits[source], now - at)
            free = now + work
        now += step
    return taken, waits


@pytest.mark.parametrize('limit_hz', [0.0, 20.0])
@pytest.mark.parametrize('fast_hz', [60, 30, 200])
def test_a_slow_camera_loses_nothing_to_a_fast_one(fast_hz, limit_hz):
    clock = Clock()
    slots = LatestSlots(('fast', 'slow'), limit_hz, clock)
    taken, waits = play(slots, clock, {'fast': fast_hz, 'slow': 5}, 20.0, work=0.05)
    assert taken['slow'] >= 99  # of 100
    assert 0.95 * 300 <= taken['fast'] + 1 <= 1.05 * 300  # what is left of 20 a second
    assert waits['slow'] <= 0.11  # two pieces of work
    assert waits['fast'] <= max(1 / fast_hz, 0.05) + 0.002


@given(
    st.lists(st.integers(1, 60), min_size=2, max_size=5),
    st.floats(2.0, 30.0),
    st.floats(0.001, 0.08),
)
def test_the_rate_is_held_and_shared_as_evenly_as_the_cameras_allow(rates_hz, limit_hz, work):
    clock = Clock()
    cameras = dict(enumerate(rates_hz))
    slots = LatestSlots(cameras, limit_hz, clock)
    seconds = 10.0
    taken, _ = play(slots, clock, cameras, seconds, work)
    rate_hz = {camera: n / seconds for camera, n in taken.items()}
    assert sum(rate_hz.values()) <= 1.02 * limit_hz + 2 / seconds
    for camera, offered_hz in cameras.items():
        held_back = rate_hz[camera] < 0.9 * offered_hz - 2 / seconds
        if held_back:  # then nobody has more than it, but for what a turn makes
            assert max(rate_hz.values()) <= 1.1 * rate_hz[camera] + 3 / seconds


def test_one_camera_under_a_limit_gets_the_image_that_comes_when_it_is_due():
    clock = Clock()
    slots = LatestSlots(('only',), 10.0, clock)
    taken, waits = play(slots, clock, {'only': 33}, 10.0, work=0.01)
    assert 90 <= taken['only'] <= 101
    assert waits['only'] <= 0.002


def test_a_higher_limit_wakes_whoever_waits():
    slots, taken = LatestSlots('ab', 0.001), []
    slots.put('a', 1)
    assert slots.take() == ('a', 1)
    slots.put('b', 2)
    taker = threading.Thread(target=lambda: taken.append(slots.take()))
    taker.start()
    slots.limit(0.0)
    taker.join(10)
    assert taken == [('b', 2)]
