# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A simulated computer, camera and power sensor for the governor to hold.

From event to event (image, end of an image's processing, reading) the power is constant, so
energy and the sensor's lag are computed exactly, however short a frame is.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from emotionnet_ros.power.governor import CONTROL_PERIOD, Command, Governor, GovernorSettings
from emotionnet_ros.power.operating_points import OperatingPoint

# The share of a period by which an image may be early and still have its turn, as in the node.
EARLY_SHARE = 0.25
RECORD_PERIOD = 0.05
JITTER = 0.004


@dataclass(frozen=True, slots=True)
class SimulatedReading:
    """What a simulated sensor gives."""

    watts: float
    stamp: float


@dataclass(frozen=True, slots=True)
class Plant:
    """A machine.

    Parameters
    ----------
    idle
        Watts without us.
    active
        Watts more while a frame is processed.
    energies
        Joules that a frame really costs at each operating point.
    lag
        Time constant of the sensor in seconds; 0 is a counter of energy: the mean since the last
        reading.
    noise
        Standard deviation of a reading in watts.
    quantum
        Watts in which the sensor counts; a counter, the joules of so many watts in a period.
    read_time, read_period
        Seconds that a reading blocks, and that lie between two at least.
    camera_rate
        Images a second, Hz.
    drift
        Watts by which the idle power grows as the machine warms up, with ``DRIFT_TIME``.
    """

    idle: float
    active: float
    energies: Sequence[float]
    lag: float
    noise: float
    quantum: float
    read_time: float = 0.0
    read_period: float = 0.0
    camera_rate: float = 30.0
    drift: float = 0.0


DRIFT_TIME = 60.0


def _nothing(t: float) -> float:  # noqa: ARG001
    return 0.0


def _no_flags(t: float) -> frozenset[str]:  # noqa: ARG001
    return frozenset()


def _as_it_is(t: float, watts: float) -> float | None:  # noqa: ARG001
    return watts


@dataclass(frozen=True, slots=True)
class Course:
    """What happens in a run; each function is of the time in seconds.

    Parameters
    ----------
    seconds
        How long it runs.
    settings
        What the user wants.
    foreign
        Watts that other programs draw.
    flags
        Warnings that are up.
    sensor
        What becomes of a reading: None is none.
    """

    seconds: float
    settings: Callable[[float], GovernorSettings]
    foreign: Callable[[float], float] = _nothing
    flags: Callable[[float], frozenset[str]] = _no_flags
    sensor: Callable[[float, float], float | None] = _as_it_is


@dataclass(slots=True)
class Trace:
    """What a run was: energy and frames up to each of ``times``, and every command."""

    times: list[float] = field(default_factory=list)
    joules: list[float] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    command_times: list[float] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)


class _Machine:
    """Power, energy and sensor as time goes by."""

    def __init__(self, plant: Plant, course: Course) -> None:
        self._plant = plant
        self._course = course
        self.now = 0.0
        self.busy = False
        self.joules = 0.0
        self.lagged = self._base()
        self._read_at = (0.0, 0.0)

    def _base(self) -> float:
        plant = self._plant
        warm = plant.drift * (1 - math.exp(-self.now / DRIFT_TIME))
        return plant.idle + warm + self._course.foreign(self.now)

    def go_to(self, time: float) -> None:
        watts = self._base() + (self._plant.active if self.busy else 0.0)
        dt = time - self.now
        self.joules += watts * dt
        if self._plant.lag:
            self.lagged += (watts - self.lagged) * (1 - math.exp(-dt / self._plant.lag))
        self.now = time

    def measure(self, noise: float) -> float:
        """Give what the sensor sees. A counter counts steps of energy and so loses none."""
        quantum = self._plant.quantum
        if self._plant.lag:
            return round((self.lagged + noise) / quantum) * quantum
        before, time = self._read_at
        dt = self.now - time
        counted = math.floor(self.joules / (quantum * CONTROL_PERIOD)) * quantum * CONTROL_PERIOD
        self._read_at = (counted, self.now)
        return (counted - before) / dt + noise if dt > 0 else self._base()


class _RateLimit:
    """Lets images through at a rate that is exact on average, whatever the camera's."""

    def __init__(self) -> None:
        self._due = -math.inf

    def allows(self, now: float, rate: float) -> bool:
        period = 1 / rate
        if now < self._due - EARLY_SHARE * period:
            self._due = min(self._due, now + (1 + EARLY_SHARE) * period)
            return False
        self._due = max(self._due, now - period) + period
        return True


def simulate(plant: Plant, points: Sequence[OperatingPoint], course: Course, seed: int) -> Trace:
    """Run a governor on a plant.

    Parameters
    ----------
    points
        What the governor believes; ``plant.energies`` is the truth.
    """
    rng = random.Random(seed)
    machine, limit, trace = _Machine(plant, course), _RateLimit(), Trace()
    governor = Governor(points, course.settings(0.0))
    energies = {p.name: e for p, e in zip(points, plant.energies, strict=True)}
    camera_at = rng.random() / plant.camera_rate
    done_at = math.inf
    waiting = False
    sample_at, answer_at = 0.0, math.inf
    reading: SimulatedReading | None = None
    rate, cost = course.settings(0.0).floor, plant.energies[0]
    frames = frames_told = 0
    read_at = -math.inf
    record_at = 0.0

    while machine.now < course.seconds:
        now = min(camera_at, done_at, sample_at, answer_at, record_at)
        machine.go_to(now)
        if now == record_at:
            trace.times.append(now)
            trace.joules.append(machine.joules)
            trace.frames.append(frames)
            record_at += RECORD_PERIOD
        elif now == done_at:
            frames += 1
            machine.busy, done_at = False, math.inf
        elif now == camera_at:
            camera_at += 1 / plant.camera_rate
            waiting = limit.allows(now, rate) or waiting
        elif now == sample_at:
            if now - read_at >= plant.read_period:
                read_at = now
                told = course.sensor(now, machine.measure(rng.gauss(0, plant.noise)))
                reading = None if told is None else SimulatedReading(told, now)
                answer_at = now + plant.read_time
            else:
                answer_at = now
            sample_at = math.inf
        else:
            governor.settings = course.settings(now)
            command = governor.step(
                now, reading, frames - frames_told, plant.camera_rate, course.flags(now)
            )
            frames_told, reading, answer_at = frames, None, math.inf
            sample_at = now + CONTROL_PERIOD - plant.read_time + rng.random() * JITTER
            rate, cost = command.rate_limit, energies[command.operating_point.name]
            trace.command_times.append(now)
            trace.commands.append(command)
        if waiting and not machine.busy:
            waiting = False
            machine.busy = True
            done_at = now + cost / plant.active * rng.uniform(0.9, 1.1)
    return trace
