# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Times cases in turns, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Label = str | int | float


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Parameters
    ----------
    rounds
        Turns that each case gets, at least 1.
    turn
        Seconds that a turn takes, about.
    """

    rounds: int = 40
    turn: float = 0.1


# Calls may differ in turns: the detector rests on every second frame.
_IN_A_ROW = 4

QUICK = Effort(rounds=5, turn=0.01)


class Stopwatch:
    """CPU time of this thread by stage; a stage within another is not counted in the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Give the function with its time counted."""

        def call(*arguments: Any, **options: Any) -> Any:
            self._switch()
            self._open.append(stage)
            try:
                return function(*arguments, **options)
            finally:
                self._switch()
                self._open.pop()

        return call

    def take(self) -> dict[str, float]:
        """Give the seconds since the last call and begin anew."""
        taken = dict(self.seconds)
        self.seconds.clear()
        return taken

    def _switch(self) -> None:
        now = time.thread_time()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


@dataclass(frozen=True, slots=True)
class Case:
    """Something to time.

    Parameters
    ----------
    labels
        What tells it from the other cases of its table.
    run
        Called again and again.
    items
        Images or faces that one call works through.
    multiply_adds
        Of one call, where it is known.
    stopwatch
        Where ``run`` counts its stages.
    facts
        Further values for the table, known beforehand.
    """

    labels: Mapping[str, Label]
    run: Callable[[], object]
    items: int = 1
    multiply_adds: float = 0.0
    stopwatch: Stopwatch | None = None
    facts: Mapping[str, Label] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spread:
    """The least value, the quartiles and the median of a sample."""

    least: float
    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise at least one value."""
        low, median, high = np.percentile(values, (25, 50, 75))
        return cls(float(min(values)), float(low), float(median), float(high))

    def scaled(self, factor: float) -> Spread:
        """Give all values times a factor."""
        return Spread(*(factor * v for v in (self.least, self.low, self.median, self.high)))


@dataclass(frozen=True, slots=True)
class Timing:
    """What a case took, seconds a call; CPU time is that of the whole process."""

    case: Case
    cpu: Spread
    wall: Spread
    stages: Mapping[str, float]
    calls: int


def measure(cases: Sequence[Case], effort: Effort) -> list[Timing]:
    """Time the cases, in turns; the results are in the order of the cases."""
    calls = [_calls_in_a_turn(case, effort.turn) for case in cases]
    cpu: list[list[float]] = [[] for _ in cases]
    wall: list[list[float]] = [[] for _ in cases]
    stages: list[list[dict[str, float]]] = [[] for _ in cases]
    for case in cases:
        if case.stopwatch:
            case.stopwatch.take()
    for _ in range(effort.rounds):
        for index, case in enumerate(cases):
            count = calls[index]
            wall_start, cpu_start = time.perf_counter(), time.process_time()
            for _ in range(count):
                case.run()
            cpu_end, wall_end = time.process_time(), time.perf_counter()
            cpu[index].append((cpu_end - cpu_start) / count)
            wall[index].append((wall_end - wall_start) / count)
            if case.stopwatch:
                taken = case.stopwatch.take()
                stages[index].append({name: value / count for name, value in taken.items()})
    return [
        Timing(case, Spread.of(c), Spread.of(w), _medians(s), count * effort.rounds)
        for case, c, w, s, count in zip(cases, cpu, wall, stages, calls, strict=True)
    ]


def _calls_in_a_turn(case: Case, seconds: float) -> int:
    """Warm the case up and see how often it runs in so many seconds when nothing interrupts it."""
    took = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(_IN_A_ROW):
            case.run()
        took.append((time.perf_counter() - start) / _IN_A_ROW)
    return max(1, round(seconds / max(min(took), 1e-9)))


def _medians(turns: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = list(dict.fromkeys(name for turn in turns for name in turn))
    return {name: float(np.median([turn.get(name, 0.0) for turn in turns])) for name in names}
