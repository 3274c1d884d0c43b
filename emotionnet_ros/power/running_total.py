# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Power as the difference of two samples of something that only grows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from emotionnet_ros.power.sensor import SensorError, SensorSettings

Sample = TypeVar('Sample')

# Nearer samples show the counter's steps, not the power: 10 ms of CPU time, 1 ms of RAPL.
SHORTEST = 0.1
# The mean over a longer time says nothing about now.
LONGEST = 10.0


class RunningTotal(Generic[Sample]):
    """Takes samples and makes watts of the last two.

    The first reading, and one more than 10 s after the last, wait 0.1 s for their second sample. A
    reading within 0.1 s of the last returns that.

    Parameters
    ----------
    take
        Takes a sample; may raise ``SensorError``.
    watts
        Power from an earlier sample, a later one and the seconds between; may raise
        ``SensorError``.
    settings
        The clock, and what waits on it.
    """

    def __init__(
        self,
        take: Callable[[], Sample],
        watts: Callable[[Sample, Sample, float], float],
        settings: SensorSettings,
    ) -> None:
        self._take = take
        self._watts = watts
        self._clock = settings.clock
        self._sleep = settings.sleep
        self._before: tuple[float, Sample] | None = None
        self._last: tuple[float, float] | None = None

    def read(self) -> tuple[float, float]:
        """Return the watts, unchecked, and when their time ends.

        Raises
        ------
        SensorError
            No sample can be taken, or they make no sense; the next reading begins anew.
        """
        before, last = self._before, self._last
        if before is not None and last is not None and self._clock() - before[0] < SHORTEST:
            return last
        self._before = self._last = None
        if before is None or self._clock() - before[0] > LONGEST:
            before = self._sample()
            self._sleep(SHORTEST)
        after = self._sample()
        seconds = after[0] - before[0]
        if seconds <= 0:
            raise SensorError(f'The steady clock went {seconds:g} s between two samples.')
        self._last = (self._watts(before[1], after[1], seconds), after[0])
        self._before = after
        return self._last

    def _sample(self) -> tuple[float, Sample]:
        return self._clock(), self._take()
