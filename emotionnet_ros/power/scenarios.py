# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What happens to the simulated machines: the machines at random, the courses of events."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from emotionnet_ros.power.governor import NO_SENSOR, UNREACHABLE, GovernorSettings
from emotionnet_ros.power.operating_points import BUILT_IN, OperatingPoint
from emotionnet_ros.power.plant import Course, Plant

# Sensors with at most this lag are fast.
FAST_LAG = 0.25
# A frame that takes a larger share of a second's budget cannot be spread evenly enough.
LARGEST_FRAME = 0.012
FOREIGN_WATTS = 3.0


@dataclass(frozen=True, slots=True)
class Case:
    """One machine with one budget: ``budget`` leaves ``ours`` watts to our frames."""

    plant: Plant
    points: Sequence[OperatingPoint]
    budget: float
    ours: float
    sensor: str


def draw_case(
    rng: random.Random, least_ours: float = 0.0, sensor: str = '', cost_factor: float = 1.0
) -> Case:
    """Draw a machine at random.

    Parameters
    ----------
    least_ours
        Watts that the budget must leave to our frames at least.
    sensor
        A key of ``SENSORS``; empty is any.
    cost_factor
        What frames cost further, beyond the 0.5 to 2 times of the table that are drawn.
    """
    active = rng.uniform(max(1.5, 1.6 * least_ours), max(8.0, 2.5 * least_ours))
    seconds = rng.uniform(0.022 if least_ours else 0.01, 0.03)
    shares = [p.energy_per_frame / BUILT_IN[0].energy_per_frame for p in BUILT_IN]
    scale = math.exp(rng.uniform(math.log(0.5), math.log(2.0)))
    energies = [active * seconds * share * rng.uniform(0.9, 1.1) for share in shares]
    points = [
        replace(p, energy_per_frame=active * seconds * share / scale / cost_factor)
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


def _settings(budget: float) -> GovernorSettings:
    return GovernorSettings(budget=budget)


def _cold_start(case: Case) -> tuple[Course, list[Phase]]:
    settings = _settings(case.budget)
    return Course(75.0, lambda _: settings), [Phase(0.0, 75.0, case.budget)]


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
        100.0, lambda _: settings, foreign=lambda t: FOREIGN_WATTS if 30 <= t < 65 else 0.0
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

        return Course(75.0, lambda _: settings, sensor=sensor), [
            Phase(0.0, 30.0, case.budget),
            Phase(30.0, 45.0, case.budget, held=False),
            Phase(45.0, 75.0, case.budget),
        ]

    return build


def _thermal(case: Case) -> tuple[Course, list[Phase]]:
    settings = _settings(case.budget)
    flags = frozenset({'thermal'})
    return Course(
        115.0, lambda _: settings, flags=lambda t: flags if 30 <= t < 40 else frozenset()
    ), [
        Phase(0.0, 30.0, case.budget),
        Phase(30.0, 78.0, case.budget, held=False),
        # The cut has grown back.
        Phase(78.0, 115.0, case.budget),
    ]


def _unreachable(case: Case) -> tuple[Course, list[Phase]]:
    settings, impossible = _settings(case.budget), _settings(0.9 * case.plant.idle)
    return Course(90.0, lambda t: impossible if 30 <= t < 50 else settings), [
        Phase(0.0, 30.0, case.budget),
        Phase(30.0, 50.0, case.budget, held=False),
        Phase(50.0, 90.0, case.budget),
    ]


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
