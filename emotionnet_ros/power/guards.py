# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the governor does not believe, and what makes it more careful."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Protocol

# A running computer draws at least a milliwatt; more than this, or than this many times the
# budget, is no reading.
LEAST_WATTS = 1e-3
MOST_WATTS = 1e5
LARGEST_OVER_BUDGET = 20.0
# A value that stands still for this many times ``stale_after`` although our draw moved by this
# share of it comes from a sensor that hangs.
FROZEN_AFTER = 10.0
FROZEN_SHARE = 0.1
# A warning flag cuts to this share at once and further after each period while it stays, not
# below the least; some time after it went the share rises again by so much a second.
FLAG_CUT = 0.85
FLAG_PERIOD = 5.0
FLAG_LEAST = 0.3
FLAG_HOLD = 5.0
FLAG_RECOVERY = 0.01


class Reading(Protocol):
    """What the governor needs of a ``PowerReading``."""

    @property
    def watts(self) -> float:
        """The power drawn."""
        ...

    @property
    def stamp(self) -> float:
        """When it was read, in seconds on the clock of ``now``."""
        ...


class SensorGuard:
    """Lets new, believable readings through and knows when the sensor is lost."""

    def __init__(self) -> None:
        self.lost_because = 'no reading yet'
        self._refused_because = ''
        self._stamp = -math.inf
        self._value = math.nan
        self._value_since = -math.inf
        self._draw_range = (math.inf, -math.inf)

    @property
    def lost(self) -> bool:
        """Whether there is nothing to go by."""
        return self.lost_because != ''

    def accept(
        self, now: float, reading: Reading | None, budget: float, stale_after: float, draw: float
    ) -> float | None:
        """Give the watts of a new, believable reading.

        Parameters
        ----------
        draw
            Watts that our frames draw at present, as estimated.
        """
        watts = None
        if reading is not None:
            self._refused_because = self._refusal(now, reading, budget, stale_after)
            if not self._refused_because and reading.stamp > self._stamp:
                self._stamp = min(reading.stamp, now)
                watts = reading.watts
                self._watch_for_freezing(now, watts, draw)
        age = now - self._stamp
        low, high = self._draw_range
        if age > stale_after:
            ever = f'no new reading for {age:.1f} s' if math.isfinite(age) else 'no reading yet'
            self.lost_because = self._refused_because or ever
        elif (
            now - self._value_since > FROZEN_AFTER * stale_after
            and high - low > FROZEN_SHARE * self._value
        ):
            self.lost_because = (
                f'the sensor says {self._value:g} W unchanged for '
                f'{now - self._value_since:.0f} s although the rate moved'
            )
        else:
            self.lost_because = ''
        return None if self.lost else watts

    def _refusal(self, now: float, reading: Reading, budget: float, stale_after: float) -> str:
        watts, stamp = reading.watts, reading.stamp
        if not (math.isfinite(watts) and math.isfinite(stamp)):
            return f'the sensor says {watts} W at {stamp} s'
        most = min(LARGEST_OVER_BUDGET * budget or MOST_WATTS, MOST_WATTS)
        if not LEAST_WATTS <= watts <= most:
            return f'the sensor says {watts:g} W, which cannot be'
        if now - stamp > stale_after:
            return f'the last reading is {now - stamp:.1f} s old'
        return ''

    def _watch_for_freezing(self, now: float, watts: float, draw: float) -> None:
        if watts != self._value:
            self._value, self._value_since = watts, now
            self._draw_range = (draw, draw)
        low, high = self._draw_range
        self._draw_range = (min(low, draw), max(high, draw))


class FlagCut:
    """The share of the budget that warning flags (thermal, under-voltage) leave."""

    def __init__(self) -> None:
        self.share = 1.0
        self._cut_at = -math.inf
        self._seen_at = -math.inf

    def step(self, now: float, dt: float, flags: Collection[str]) -> float:
        """Give the share, 0..1, at ``now``."""
        if flags:
            self._seen_at = now
            if now - self._cut_at >= FLAG_PERIOD:
                self._cut_at = now
                self.share = max(self.share * FLAG_CUT, FLAG_LEAST)
        elif now - self._seen_at > FLAG_HOLD:
            self.share = min(self.share + FLAG_RECOVERY * dt, 1.0)
        return self.share
