# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A thread that is begun again when it ends before its time, and named when it is stuck."""

from __future__ import annotations

import math
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

RESTART_PERIOD = 1.0
# No image and no reading of a sensor takes so long, unless somebody means harm.
STUCK_AFTER = 5.0
# A launch file kills what has not ended 10 s after the interrupt.
END_WITHIN = 8.0
_STACK_DEPTH = 6


class StuckThreadError(RuntimeError):
    """A thread that was told to end does not return; it is left to itself."""


class LastingThread:
    """Runs in a thread of its own until it is told to end; begun at once.

    The work handles what it expects to go wrong. Whatever else ends it, an exception outside
    ``Exception`` too, is logged; ``look_after``, called now and then from another thread, begins
    it again. No thread can be ended from outside: one that does not return from a piece of its
    work is named in the log with where it is, and goes on by itself should it return.

    Parameters
    ----------
    name
        Of the thread, for the log.
    work
        Takes this object, to say in ``busy_with`` what it is at; returns soon after it was told
        to.
    logger
        The node's.
    clock
        Gives the seconds of a steady clock.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[LastingThread], None],
        logger: Any,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._work = work
        self._logger = logger
        self._clock = clock
        self._revived = -math.inf
        self._task: tuple[str, float] | None = None
        self._said: tuple[str, float] | None = None
        self.ends = 0
        self._thread = self._begin()

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._thread.is_alive()

    @contextmanager
    def busy_with(self, what: str) -> Iterator[None]:
        """Name a piece of work while it lasts; in the thread itself."""
        task = self._task = (what, self._clock())
        try:
            yield
        finally:
            self._task = None
            if self._said is task:
                self._logger.warning(
                    f'The thread "{self._name}" is back from {what} after '
                    f'{self._clock() - task[1]:.0f} s'
                )

    @property
    def stuck(self) -> str:
        """What it has been at for too long, and for how long; empty while all is well."""
        task = self._task
        seconds = self._clock() - task[1] if task else 0.0
        return f'{task[0]} for {seconds:.0f} s' if task and seconds > STUCK_AFTER else ''

    def look_after(self) -> bool:
        """Say where it is stuck, once each time; begin it again if it has ended.

        Returns
        -------
        bool
            Whether it was begun again, which is done once a second at most.
        """
        now, task = self._clock(), self._task
        if self.is_alive:
            if task and task is not self._said and (stuck := self.stuck):
                self._said = task
                self._logger.error(
                    f'The thread "{self._name}" has been at {stuck} and does not return:\n'
                    f'{self._stack()}'
                )
            return False
        if now - self._revived < RESTART_PERIOD:
            return False
        self._revived = now
        self.ends += 1
        self._logger.error(
            f'The thread "{self._name}" ended before its time and is begun again '
            f'({self.ends} times since activation)'
        )
        self._thread = self._begin()
        return True

    def join(self) -> None:
        """Wait for its end, after the work was told to return.

        Raises
        ------
        StuckThreadError
            It has not ended within some seconds.
        """
        self._thread.join(END_WITHIN)
        if self.is_alive:
            raise StuckThreadError(
                f'The thread "{self._name}" has not ended in {END_WITHIN:g} s and is left to '
                f'itself:\n{self._stack()}'
            )

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._thread.ident or 0)
        return ''.join(traceback.format_stack(frame)[-_STACK_DEPTH:]) if frame else 'it is back'

    def _begin(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        try:
            self._work(self)
        except BaseException:  # SystemExit from a library's depth would go unsaid
            self._logger.fatal(f'The thread "{self._name}":\n{traceback.format_exc()}')
