# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Holds a budget of watts, or of CPU time, by the rate of frames and the operating point.

Pure: no clock, no threads, nothing read or written. The caller steps it every
``CONTROL_PERIOD`` and does what the answer says::

    command = governor.step(time.monotonic(), sensor.read(), frames, camera_rate)

How it works and what it reaches is in docs/power.md.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from emotionnet_ros.power.guards import FlagCut, Reading, SensorGuard
from emotionnet_ros.power.observer import LoadObserver
from emotionnet_ros.power.operating_points import OperatingPoint, check_points
from emotionnet_ros.power.point_choice import PointChoice

# Seconds between two steps. Near an eighth of a second, but no multiple of a camera's period: a
# sensor without memory read in step with the camera would always see the same phase of a frame.
CONTROL_PERIOD = 0.1236
# The caller may be late; a longer gap than this tells nothing about the time within.
LONGEST_PERIOD = 5.0
# And a shorter one than this has no rates: counts divided by it would know no bounds.
SHORTEST_PERIOD = 1e-3

OK = 'ok'
LIMITED = 'limited'
UNREACHABLE = 'unreachable'
NO_SENSOR = 'no_sensor'

# The mean is aimed so far below the budget: a share of the budget, at most a share of what our
# frames may draw.
MARGIN = 0.01
MARGIN_OF_OURS = 0.027
# Time constants in seconds: of a rising rate, beside the sensor's lag; of the fall to the floor
# without a sensor; of the power that is reported; of the observed rate.
RISE_TIME = 0.7
DECAY_TIME = 1.0
REPORT_TIME = 0.7
RATE_TIME = 2.0
# After a change of the operating point, the share of the rate that the table promises, and how
# far the scale may be off there.
ENTRY_SHARE = 0.9
ENTRY_SCALE_DEVIATION = 0.15
# Seconds for which everything at the floor must be over the budget before it is called
# unreachable, and the share of the budget below which it is no longer.
UNREACHABLE_AFTER = 1.5
REACHABLE_BELOW = 0.99
# CPU time has no watts: the table's joules are taken for seconds at this many watts a core.
TABLE_WATTS_PER_CORE = 4.0
CPU_LAGS = (0.02, 0.1)
MOST_CORES = 1024
# The command makes up for frames that do not come through, down to this share; a little above 1,
# as counts scatter both ways.
LEAST_REACHED, MOST_REACHED = 0.7, 1.1
LEAST_RATE, HIGHEST_RATE = 0.01, 1000.0
# The rate is not raised further above what the camera gives: what was not tried is not known.
HEADROOM = 1.25


@dataclass(frozen=True, slots=True)
class GovernorSettings:
    """What the user wants; may change while running.

    Parameters
    ----------
    budget
        Watts that the machine may draw; 0 is no budget.
    budget_cpu_percent
        CPU time that this process may use, in percent of one core as ``top`` shows it; 0 is no
        such budget. Both budgets hold when both are set.
    min_rate
        Rate in Hz that is wanted at least.
    min_rate_wins
        Whether ``min_rate`` holds even where the budget is then exceeded.
    max_rate
        Rate in Hz that is wanted at most; 0 is all the camera gives.
    target_rate
        Rate in Hz up to which a cheaper operating point is taken for more rate; above it, quality
        comes first.
    floor_rate
        Lowest rate in Hz to which the governor goes, so that someone who comes is still seen.
    stale_after
        Age in seconds from which a reading is not believed.

    Raises
    ------
    ValueError
        A value lies outside its range.
    """

    budget: float = 0.0
    budget_cpu_percent: float = 0.0
    min_rate: float = 0.0
    min_rate_wins: bool = False
    max_rate: float = 0.0
    target_rate: float = 15.0
    floor_rate: float = 1.0
    stale_after: float = 2.0

    def __post_init__(self) -> None:
        for name in ('budget', 'budget_cpu_percent', 'min_rate', 'max_rate'):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f'{name} is {value}, it must be 0 or more')
        if 0 < self.max_rate < LEAST_RATE:
            raise ValueError(f'max_rate is {self.max_rate}, it must be 0 or at least {LEAST_RATE}')
        for name in ('target_rate', 'floor_rate', 'stale_after'):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f'{name} is {value}, it must be more than 0')

    @property
    def floor(self) -> float:
        """The lowest rate in Hz that may be commanded."""
        floor = max(self.floor_rate, self.min_rate if self.min_rate_wins else 0.0)
        return min(floor, self.max_rate) if self.max_rate else floor

    @property
    def ceiling(self) -> float:
        """The highest rate in Hz that may be commanded."""
        return self.max_rate or HIGHEST_RATE


@dataclass(frozen=True, slots=True)
class Command:
    """What the node shall do, and why.

    Parameters
    ----------
    operating_point
        The way of working.
    rate_limit
        Frames a second at most, Hz.
    state
        'ok', 'limited', 'unreachable' or 'no_sensor'; see PowerState.
    reason
        For people: why it is so.
    energy_per_frame
        Joules that a frame costs at this operating point, as learnt.
    power
        Watts, filtered; NaN where unknown.
    """

    operating_point: OperatingPoint
    rate_limit: float
    state: str
    reason: str
    energy_per_frame: float
    power: float


class Governor:
    """Turns readings into a rate and an operating point.

    Parameters
    ----------
    points
        From the best to the cheapest; see ``operating_points``.
    settings
        See there.

    Raises
    ------
    OperatingPointError
        The table cannot be chosen from.
    """

    def __init__(self, points: Sequence[OperatingPoint], settings: GovernorSettings) -> None:
        check_points(points)
        self._points = tuple(points)
        self._settings = settings
        self._choice = PointChoice(self._points)
        self._watts = LoadObserver()
        self._cpu = LoadObserver(CPU_LAGS)
        self._sensor = SensorGuard()
        self._flag_cut = FlagCut()
        self._now = math.nan
        self._rate = settings.floor
        self._rate_before_flags = settings.floor
        self._cpu_seconds = math.nan
        self._observed_rate = self._expected_rate = self._rate
        self._reached = 1.0
        self._offered_rate = 0.0
        self._power = math.nan
        self._over_since = math.inf
        self._unreachable = False

    @property
    def settings(self) -> GovernorSettings:
        """The present settings; assign new ones at any time."""
        return self._settings

    @settings.setter
    def settings(self, settings: GovernorSettings) -> None:
        if settings != self._settings:
            self._choice.hurry()
        self._settings = settings

    @property
    def point(self) -> OperatingPoint:
        """The operating point chosen last."""
        return self._points[self._choice.index]

    def step(
        self,
        now: float,
        reading: Reading | None,
        frames_processed: int,
        offered_rate: float = 0.0,
        flags: Collection[str] = frozenset(),
        cpu_seconds: float = math.nan,
    ) -> Command:
        """Take in what happened since the last step and say what to do.

        Parameters
        ----------
        now
            Seconds on any steady clock.
        reading
            The newest reading; the same one again, or None, is no news. Its stamp is on the clock
            of ``now``.
        frames_processed
            Frames processed since the last step.
        offered_rate
            Frames a second that the camera gives, Hz; 0 where unknown.
        flags
            Warnings that are up now, e.g. thermal or under-voltage, by name.
        cpu_seconds
            CPU time of this process since any moment (``time.process_time()``); needed only for a
            budget of CPU time.
        """
        elapsed = now - self._now
        dt = min(elapsed, LONGEST_PERIOD) if elapsed >= SHORTEST_PERIOD else 0.0
        self._now = now
        if math.isfinite(offered_rate) and offered_rate > 0:
            self._offered_rate = min(max(offered_rate, LEAST_RATE), HIGHEST_RATE)
        settings = self._settings
        nominal = self._nominal_draw(dt, frames_processed)
        self._observe_watts(dt, reading, nominal)
        self._observe_cpu(dt, cpu_seconds, nominal)
        share = self._flag_cut.step(now, dt, flags)
        limits = self._limits()
        lost = bool(settings.budget) and self._sensor.lost
        if lost:
            floor = settings.floor
            self._rate = floor + (self._rate - floor) * math.exp(-dt / DECAY_TIME)
        else:
            self._act(dt, min((limit.affordable(share) for limit in limits), default=math.inf))
        self._judge_reach(limits)
        state, reason = self._state(lost, limits, flags)
        return Command(
            operating_point=self.point,
            rate_limit=self._rate,
            state=state,
            reason=reason,
            energy_per_frame=self._watts.scale * self.point.energy_per_frame,
            power=self._power,
        )

    def _nominal_draw(self, dt: float, frames: int) -> float:
        """Give the watts that our frames draw, according to the table.

        Counts of frames in short periods are coarse, and the commanded rate may not be reached. So
        it is the commanded rate times the share of it that was reached lately.
        """
        expected = min(self._rate, self._offered_rate or math.inf)
        if dt > 0:
            new = 1 - math.exp(-dt / RATE_TIME)
            self._observed_rate += new * (frames / dt - self._observed_rate)
            self._expected_rate += new * (expected - self._expected_rate)
        reached = self._observed_rate / self._expected_rate if self._expected_rate else 1.0
        self._reached = min(max(reached, LEAST_REACHED), MOST_REACHED)
        return expected * min(reached, MOST_REACHED) * self.point.energy_per_frame

    def _observe_watts(self, dt: float, reading: Reading | None, nominal: float) -> None:
        settings, observer = self._settings, self._watts
        was_lost = self._sensor.lost
        draw = nominal * observer.scale
        watts = self._sensor.accept(
            self._now, reading, settings.budget, settings.stale_after, draw
        )
        if watts is not None and was_lost and observer.started:
            observer.forget_level(watts - observer.base - draw)
        observer.step(dt, nominal, watts, self.point.energy_per_frame)
        if watts is not None:
            new = 1 - math.exp(-dt / REPORT_TIME) if math.isfinite(self._power) else 1.0
            self._power = (1 - new) * self._power + new * watts if new < 1 else watts
        elif self._sensor.lost:
            self._power = math.nan

    def _observe_cpu(self, dt: float, cpu_seconds: float, nominal: float) -> None:
        used = cpu_seconds - self._cpu_seconds
        self._cpu_seconds = cpu_seconds
        share = used / dt if dt > 0 and math.isfinite(used) else math.nan
        percent = 100 * share if 0 <= share <= MOST_CORES else None
        unit = 100 / TABLE_WATTS_PER_CORE
        self._cpu.step(dt, unit * nominal, percent, unit * self.point.energy_per_frame)

    def _limits(self) -> list[_Limit]:
        settings, limits = self._settings, []
        if settings.budget:
            limits.append(_Limit(self._watts, settings.budget, 1.0, 'W'))
        if settings.budget_cpu_percent:
            unit = 100 / TABLE_WATTS_PER_CORE
            limits.append(_Limit(self._cpu, settings.budget_cpu_percent, unit, '% CPU'))
        return limits

    def _act(self, dt: float, affordable: float) -> None:
        """Choose the operating point and move the rate towards what can be afforded."""
        settings = self._settings
        before = self.point.energy_per_frame
        most = min(settings.ceiling, self._offered_rate or math.inf)
        wanted = min(max(settings.target_rate, settings.min_rate), most)
        if self._watts.started or not settings.budget:
            if self._choice.step(self._now, affordable, wanted):
                self._rate *= (
                    min(before / self.point.energy_per_frame, 1 / ENTRY_SHARE) * ENTRY_SHARE
                )
                self._watts.forget_scale(ENTRY_SCALE_DEVIATION)
                self._cpu.forget_scale(ENTRY_SCALE_DEVIATION)
        else:
            affordable = 0.0
        target = affordable / self.point.energy_per_frame
        if self._flag_cut.share == 1.0:
            self._rate_before_flags = self._observed_rate
        elif not settings.budget:
            target = min(target, self._flag_cut.share * self._rate_before_flags)
        most = min(settings.ceiling, HEADROOM * self._offered_rate or math.inf)
        target = min(max(target / self._reached, settings.floor), max(most, settings.floor))
        fall = (self._rate - target) * self.point.energy_per_frame
        if fall > self._small_change() or not (settings.budget or settings.budget_cpu_percent):
            self._rate = target
        else:
            self._rate += (target - self._rate) * (
                1 - math.exp(-dt / (RISE_TIME + self._watts.longest_lag))
            )

    def _small_change(self) -> float:
        """Give the watts of the table that are within the noise of a reading.

        A larger fall is made at once. To noise, rise and fall must be alike, or it would lower the
        mean.
        """
        observers = [(self._watts, 1.0)] if self._settings.budget else []
        if self._settings.budget_cpu_percent:
            observers.append((self._cpu, 100 / TABLE_WATTS_PER_CORE))
        return min((o.noise / o.scale / unit for o, unit in observers), default=0.0)

    def _judge_reach(self, limits: Sequence[_Limit]) -> None:
        least = self._settings.floor * self._points[-1].energy_per_frame
        worst = max((limit.share_of_budget(least) for limit in limits), default=0.0)
        self._over_since = min(self._over_since, self._now) if worst > 1 else math.inf
        if self._now - self._over_since >= UNREACHABLE_AFTER:
            self._unreachable = True
        elif worst < REACHABLE_BELOW:
            self._unreachable = False

    def _state(
        self, lost: bool, limits: Sequence[_Limit], flags: Collection[str]
    ) -> tuple[str, str]:
        settings = self._settings
        if lost:
            return (
                NO_SENSOR,
                f'{self._sensor.lost_because}: at {self._rate:.1f} Hz until it is back',
            )
        budgets = ' and '.join(limit.text for limit in limits)
        if self._unreachable:
            why = (
                'min_rate wins over the budget' if settings.min_rate_wins else 'at the lowest rate'
            )
            return UNREACHABLE, (
                f'{budgets} cannot be held: everything else draws {limits[0].observer.base:.1f} '
                f'{limits[0].unit}; {why}, {settings.floor:g} Hz'
            )
        share = self._flag_cut.share
        held_by = []
        if share < 1:
            names = ', '.join(sorted(flags)) or 'a warning that has gone'
            held_by.append(f'cut to {100 * share:.0f} % by {names}')
        wanted = min(settings.ceiling, self._offered_rate or math.inf)
        if limits and (self._rate < 0.98 * wanted or self._choice.index):
            held_by.insert(0, f'held to {budgets}')
        if held_by:
            return LIMITED, (
                f'{"; ".join(held_by)}: {min(self._rate, wanted):.1f} Hz at {self.point.name}'
            )
        return OK, f'within {budgets}' if limits else 'no budget is set'


@dataclass(frozen=True, slots=True)
class _Limit:
    """One budget and what was learnt about it; ``per_joule`` turns the table into its unit."""

    observer: LoadObserver
    budget: float
    per_joule: float
    unit: str

    @property
    def text(self) -> str:
        return f'{self.budget:g} {self.unit}'

    def affordable(self, share: float) -> float:
        """Give the watts of the table that frames may draw within a share of the budget."""
        budget = share * self.budget
        ours = budget - self.observer.base
        ours -= min(MARGIN * budget, MARGIN_OF_OURS * max(ours, 0.0))
        return self.observer.affordable(self.observer.base + ours) / self.per_joule

    def share_of_budget(self, nominal: float) -> float:
        """Give the share of the budget that is drawn where frames draw ``nominal`` watts."""
        draw = self.observer.base + self.observer.scale * nominal * self.per_joule
        return draw / self.budget
