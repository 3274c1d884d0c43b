# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A thread that is begun again when it ends before its time."""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

RESTART_PERIOD = 1.0


class LastingThread:
    """Runs in a thread of its own until it is told to end; begun at once.

    The work handles what it expects to go wrong. Whatever else ends it, an exception outside
    ``Exception`` too, is logged; ``revive``, called now and then from another thread, begins it
    again.

    Parameters
    ----------
    name
        Of the thread, for the log.
    work
        Returns soon after it was told to.
    logger
        The node's.
    clock
        Gives the seconds of a steady clock.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        logger: Any,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._work = work
        self._logger = logger
        self._clock = clock
        self._revived = -math.inf
        self.ends = 0
        self._thread = self._begin()

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._thread.is_alive()

    def revive(self) -> bool:
        """Begin it again if it has ended, once a second at most; whether that was done."""
        now = self._clock()
        if self.is_alive or now - self._revived < RESTART_PERIOD:
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
        """Wait for its end, after the work was told to return."""
        self._thread.join()

    def _begin(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        try:
            self._work()
        except BaseException:  # SystemExit from a library's depth would go unsaid
            self._logger.fatal(f'The thread "{self._name}":\n{traceback.format_exc()}')
