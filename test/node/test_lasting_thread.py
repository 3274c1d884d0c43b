# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

import itertools
import sys
import threading

from emotionnet_ros.node.lasting_thread import RESTART_PERIOD, LastingThread


class Log:
    def __init__(self):
        self.lines = []

    def fatal(self, text):
        self.lines.append(text)

    error = fatal


def test_a_thread_that_cannot_live_is_begun_again_once_a_second_at_most():
    now, begun, log = [100.0], [], Log()

    def work():
        begun.append(now[0])
        sys.exit('at once')

    thread = LastingThread('short', work, log, clock=lambda: now[0])
    for _ in range(50):
        thread.join()
        now[0] += 0.1
        thread.revive()
    thread.join()
    assert 5 <= len(begun) <= 6
    assert thread.ends == len(begun) - 1
    pauses = [later - earlier for earlier, later in itertools.pairwise(begun[1:])]
    assert min(pauses) > RESTART_PERIOD - 1e-6
    assert sum('begun again' in line for line in log.lines) == thread.ends


def test_a_thread_that_works_is_left_alone():
    log = Log()
    ended = threading.Event()
    thread = LastingThread('steady', ended.wait, log)
    assert thread.is_alive
    assert not thread.revive()
    ended.set()
    thread.join()
    assert log.lines == []
