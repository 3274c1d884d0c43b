# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

import itertools
import sys
import threading

import pytest

from emotionnet_ros.node import lasting_thread
from emotionnet_ros.node.lasting_thread import (
    RESTART_PERIOD,
    STUCK_AFTER,
    LastingThread,
    StuckThreadError,
)


class Log:
    def __init__(self):
        self.lines = []

    def fatal(self, text):
        self.lines.append(text)

    error = warning = fatal


def test_a_thread_that_cannot_live_is_begun_again_once_a_second_at_most():
    now, begun, log = [100.0], [], Log()

    def work(thread):
        begun.append(now[0])
        sys.exit('at once')

    thread = LastingThread('short', work, log, clock=lambda: now[0])
    for _ in range(50):
        thread.join()
        now[0] += 0.1
        thread.look_after()
    thread.join()
    assert 5 <= len(begun) <= 6
    assert thread.ends == len(begun) - 1
    pauses = [later - earlier for earlier, later in itertools.pairwise(begun[1:])]
    assert min(pauses) > RESTART_PERIOD - 1e-6
    assert sum('begun again' in line for line in log.lines) == thread.ends


def test_a_thread_that_works_is_left_alone():
    log = Log()
    ended = threading.Event()
    thread = LastingThread('steady', lambda thread: ended.wait(), log)
    assert thread.is_alive
    assert not thread.look_after()
    ended.set()
    thread.join()
    assert log.lines == []


class Holding:
    """Works on one thing until it is let go."""

    def __init__(self):
        self.now, self.log = 100.0, Log()
        self.begun, self.let_go, self.left = (threading.Event() for _ in range(3))
        self.thread = LastingThread('slow', self.work, self.log, clock=lambda: self.now)
        assert self.begun.wait(60)

    def work(self, thread):
        with thread.busy_with('one thing'):
            self.begun.set()
            self.sit_and_wait()
        self.left.set()

    def sit_and_wait(self):
        self.let_go.wait()


def test_a_thread_that_does_not_return_is_named_once_and_when_it_is_back():
    holding = Holding()
    thread, log = holding.thread, holding.log
    holding.now += STUCK_AFTER
    assert not thread.look_after()
    assert thread.stuck == ''
    assert log.lines == []
    holding.now += 2.0
    assert not thread.look_after()
    assert not thread.look_after()
    assert thread.stuck == 'one thing for 7 s'
    (line,) = log.lines
    assert 'The thread "slow" has been at one thing for 7 s' in line
    assert 'sit_and_wait' in line
    holding.let_go.set()
    assert holding.left.wait(60)
    assert thread.stuck == ''
    assert log.lines[1:] == ['The thread "slow" is back from one thing after 7 s']
    thread.join()


def test_nobody_waits_for_ever_for_the_end_of_a_thread(monkeypatch):
    holding = Holding()
    with monkeypatch.context() as patch:
        patch.setattr(lasting_thread, 'END_WITHIN', 0.1)
        with pytest.raises(StuckThreadError, match='sit_and_wait'):
            holding.thread.join()
    holding.let_go.set()
    holding.thread.join()
    assert not holding.thread.is_alive
