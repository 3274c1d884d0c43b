# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Proves the governor on many simulated machines: what happens, and what must then hold.

``python -m emotionnet_ros.power.simulation`` prints the table of scenarios against targets.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.power.governor import NO_SENSOR, UNREACHABLE, GovernorSettings
from emotionnet_ros.power.operating_points import BUILT_IN, OperatingPoint
from emotionnet_ros.power.plant import Course, Plant, Trace, simulate

# Targets.
STEADY_RANGE = (-0.02, 0.0)
MOST_OVERSHOOT = 0.02
RECOVERY_FAST, RECOVERY_SLOW = 1.0, 4.0
LEAST_USEFUL = 0.95
MOST_CHANGES = 1
# Sensors with at most this lag are fast.
FAST_LAG = 0.25
# Seconds in which a step that we make ourselves can be seen and answered at all: a control period
# and a frame under way.
REACTION = 0.2
WINDOW = 1.0
SETTLED_AFTER = 12.0
SETTLED_AFTER_MOVE = 5.0
# A frame that takes a larger share of a second's budget cannot be spread evenly enough.
LARGEST_FRAME = 0.012
CHANGE_WINDOW = 30.0


@dataclass(frozen=True, slots=True)
class Case:
    """One machine with one budget: ``budget`` leaves ``ours`` watts to our frames."""

    plant: Plant
    points: Sequence[OperatingPoint]
    budget: float
    ours: float
    sensor: str


def draw_case(rng: random.Random, least_ours: float = 0.0, sensor: str = '') -> Case:
    """Draw a machine at random.

    Parameters
    ----------
    least_ours
        Watts that the budget must leave to our frames at least.
    sensor
        A key of ``SENSORS``; empty is any.
    """
    active = rng.uniform(max(1.5, 1.6 * least_ours), max(8.0, 2.5 * least_ours))
    seconds = rng.uniform(0.022 if least_ours else 0.01, 0.03)
    shares = [p.energy_per_frame / BUILT_IN[0].energy_per_frame for p in BUILT_IN]
    scale = math.exp(rng.uniform(math.log(0.5), math.log(2.0)))
    energies = [active * seconds * share * rng.uniform(0.9, 1.1) for share in shares]
    points = [
        replace(p, energy_per_frame=active * seconds * share / scale)
        for p, share in zip(BUILT_IN, shares, strict=True)
    ]
    most = active * min(1.0, 30 * seconds)
    ours = rng.uniform(max(0.3 * most, least_ours), 0.9 * most)
    idle = max(rng.uniform(3.0, 12.0), active * seconds / LARGEST_FRAME - ours)
    kind = sensor or rng.choice(sorted(SENSORS))
    plant = SENSORS[kind](
        rng,
        Plant(
            idle=idle,
            active=active,
            energies=energies,
            lag=0.0,
            noise=rng.uniform(0.002, 0.017) * (idle + ours),
            quantum=rng.choice((0.001, 0.01, 0.04, 0.1)),
            drift=0.01 * idle,
        ),
    )
    return Case(plant, points, idle + ours, ours, kind)


def _lag(rng: random.Random, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


SENSORS: Mapping[str, Callable[[random.Random, Plant], Plant]] = {
    'fast': lambda rng, plant: replace(plant, lag=_lag(rng, 0.05, FAST_LAG)),
    'slow': lambda rng, plant: replace(plant, lag=_lag(rng, FAST_LAG, 1.0)),
    'counter': lambda _, plant: replace(plant, noise=0.1 * plant.noise),
    'blocking': lambda rng, plant: replace(
        plant, lag=_lag(rng, 0.05, FAST_LAG), read_time=0.023, read_period=0.2
    ),
}


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a run with a constant budget and load.

    Parameters
    ----------
    begin, end
        Seconds.
    budget
        Watts that hold in it.
    foreign
        Watts that others draw in it.
    own
        Whether it begins with a step that we know of; else a foreign one, whose recovery counts.
    held
        Whether the budget can and must be held in it by governing.
    """

    begin: float
    end: float
    budget: float
    foreign: float = 0.0
    own: bool = True
    held: bool = True


@dataclass(frozen=True, slots=True)
class Scenario:
    """A course of events and its phases; ``state`` is what the last command of one must say."""

    name: str
    build: Callable[[Case], tuple[Course, list[Phase]]]
    least_ours: float = 0.0
    state: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run reached; NaN where the scenario does not say.

    ``steady`` and ``overshoot`` are shares of the budget, ``recovery`` is in seconds, ``useful``
    a share of the best constant rate, ``changes`` those of the operating point in 30 s.
    """

    scenario: str
    sensor: str
    steady: float
    overshoot: float
    recovery: float
    useful: float
    changes: float
    state_right: bool
    recovery_target: float = RECOVERY_FAST

    @property
    def misses(self) -> list[str]:
        """Names of the targets that were not reached."""
        checks = {
            'steady': not (self.steady < STEADY_RANGE[0] or self.steady > STEADY_RANGE[1]),
            'overshoot': not self.overshoot > MOST_OVERSHOOT,
            'recovery': not self.recovery > self.recovery_target,
            'useful': not self.useful < LEAST_USEFUL,
            'changes': not self.changes > MOST_CHANGES,
            'state': self.state_right,
        }
        return [name for name, reached in checks.items() if not reached]


def _settings(budget: float) -> GovernorSettings:
    return GovernorSettings(budget=budget)


def _cold_start(case: Case) -> tuple[Course, list[Phase]]:
    settings = _settings(case.budget)
    return Course(75.0, lambda t: settings), [Phase(0.0, 75.0, case.budget)]


def _budget_step(first: float, second: float) -> Callable[[Case], tuple[Course, list[Phase]]]:
    def build(case: Case) -> tuple[Course, list[Phase]]:
        budgets = [case.plant.idle + share * case.ours for share in (first, second)]
        before, after = map(_settings, budgets)
        return Course(90.0, lambda t: before if t < 30 else after), [
            Phase(0.0, 30.0, budgets[0]),
            Phase(30.0, 90.0, budgets[1]),
        ]

    return build


def _foreign(case: Case) -> tuple[Course, list[Phase]]:
    settings = _settings(case.budget)
    return Course(
        100.0, lambda t: settings, foreign=lambda t: FOREIGN_WATTS if 30 <= t < 65 else 0.0
    ), [
        Phase(0.0, 30.0, case.budget),
        Phase(30.0, 65.0, case.budget, foreign=FOREIGN_WATTS, own=False),
        Phase(65.0, 100.0, case.budget),
    ]


def _bad_sensor(values: Sequence[float | None]) -> Callable[[Case], tuple[Course, list[Phase]]]:
    def build(case: Case) -> tuple[Course, list[Phase]]:
        settings = _settings(case.budget)

        def sensor(t: float, watts: float) -> float | None:
            return values[int(t * 1e3) % len(values)] if 30 <= t < 45 else watts

        return Course(75.0, lambda t: settings, sensor=sensor), [
            Phase(0.0, 30.0, case.budget),
            Phase(30.0, 45.0, case.budget, held=False),
            Phase(45.0, 75.0, case.budget),
        ]

    return build


def _thermal(case: Case) -> tuple[Course, list[Phase]]:
    settings = _settings(case.budget)
    flags = frozenset({'thermal'})
    return Course(
        90.0, lambda t: settings, flags=lambda t: flags if 30 <= t < 40 else frozenset()
    ), [
        Phase(0.0, 30.0, case.budget),
        Phase(30.0, 90.0, case.budget, held=False),
    ]


def _unreachable(case: Case) -> tuple[Course, list[Phase]]:
    settings, impossible = _settings(case.budget), _settings(0.9 * case.plant.idle)
    return Course(90.0, lambda t: impossible if 30 <= t < 50 else settings), [
        Phase(0.0, 30.0, case.budget),
        Phase(30.0, 50.0, case.budget, held=False),
        Phase(50.0, 90.0, case.budget),
    ]


FOREIGN_WATTS = 3.0
SCENARIOS: Sequence[Scenario] = (
    Scenario('cold start', _cold_start),
    Scenario('budget down', _budget_step(1.0, 0.5)),
    Scenario('budget up', _budget_step(0.5, 1.0)),
    Scenario('foreign load', _foreign, least_ours=FOREIGN_WATTS + 0.5),
    Scenario('sensor lost', _bad_sensor([None]), state=(1, NO_SENSOR)),
    Scenario('sensor mad', _bad_sensor([math.nan, 0.0, -3.0, 1e6, None]), state=(1, NO_SENSOR)),
    Scenario('thermal flag', _thermal),
    Scenario('unreachable', _unreachable, state=(1, UNREACHABLE)),
)


def run(scenario: Scenario, seed: int, sensor: str = '') -> tuple[Outcome, Trace, Case]:
    """Draw a case, run a scenario on it and judge it."""
    case = draw_case(random.Random(seed), scenario.least_ours, sensor)
    course, phases = scenario.build(case)
    trace = simulate(case.plant, case.points, course, seed)
    return judge(scenario, case, trace, phases), trace, case


def judge(scenario: Scenario, case: Case, trace: Trace, phases: Sequence[Phase]) -> Outcome:
    """Measure what a run reached against the truth, not against the sensor."""
    times, joules = np.array(trace.times), np.array(trace.joules)
    at = np.array(trace.command_times)
    energies = {p.name: e for p, e in zip(case.points, case.plant.energies, strict=True)}
    costs = np.array([energies[c.operating_point.name] for c in trace.commands])
    steady, overshoot, useful, changes = [], [], [], []
    recovery = math.nan
    slow = case.plant.lag > FAST_LAG
    target = RECOVERY_SLOW if slow else RECOVERY_FAST

    def mean(begin: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
        gained = np.interp(end, times, joules) - np.interp(begin, times, joules)
        return np.asarray(gained / (end - begin))

    for phase in phases:
        if not phase.held:
            continue
        begins = np.arange(phase.begin + REACTION, phase.end - WINDOW, 0.05)
        over = mean(begins, begins + WINDOW) / phase.budget - 1
        if phase.own:
            overshoot.append(float(over.max()))
        else:
            late = begins[over > MOST_OVERSHOOT]
            recovery = float(late.max() + 0.05 - phase.begin) if len(late) else 0.0
        moves = at[1:][np.diff(costs) != 0]
        since = at - np.maximum.accumulate(np.where(np.isin(at, moves), at, -np.inf))
        calm = (at >= phase.begin + SETTLED_AFTER) & (at < phase.end) & (since >= SETTLED_AFTER_MOVE)
        if not calm.any():
            continue
        changed = moves[(moves >= phase.begin + SETTLED_AFTER) & (moves < phase.end)]
        changes.append(max((int(np.sum((changed >= c) & (changed < c + 30))) for c in changed), default=0))
        warm = case.plant.drift * (1 - np.exp(-at[calm] / 60.0))
        free = phase.budget - case.plant.idle - warm - phase.foreign
        top = np.minimum(case.plant.camera_rate, case.plant.active / costs[calm])
        best = np.minimum(free / costs[calm], top)
        # What happened in the periods that begin calm.
        index = np.flatnonzero(calm[:-1])
        begins, ends = at[index], at[index + 1]
        seconds = float((ends - begins).sum())
        frames = np.interp(ends, times, trace.frames) - np.interp(begins, times, trace.frames)
        useful.append(float(frames.sum()) / seconds / float(best.mean()))
        if np.all(best < 0.97 * top):
            drawn = np.interp(ends, times, joules) - np.interp(begins, times, joules)
            steady.append(float(drawn.sum()) / seconds / phase.budget - 1)
    right = True
    if scenario.state:
        index, state = scenario.state
        ends = at[at < phases[index].end]
        right = trace.commands[len(ends) - 1].state == state
    return Outcome(
        scenario.name,
        case.sensor,
        max(steady, key=lambda s: abs(s + 0.01), default=math.nan),
        max(overshoot, default=math.nan),
        recovery,
        min(useful, default=math.nan),
        max(changes, default=math.nan),
        right,
        target,
    )
