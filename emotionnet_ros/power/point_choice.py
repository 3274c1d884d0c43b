# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Chooses the operating point: the best one that still gives a useful rate.

A rate is useful up to ``wanted`` (the target rate, or less where the camera gives less): an
expression lasts about half a second at the shortest, so frames beyond a few in that time say
little new, while a better network says it more surely. Below it, a cheaper point buys rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from emotionnet_ros.power.operating_points import OperatingPoint

# Seconds in a point at least, and seconds that the reason for a change must last.
LEAST_STAY = 5.0
DOWN_AFTER = 2.0
UP_AFTER = 30.0
UP_AFTER_NEWS = 4.0
# Seconds after a change of the budget in which a better point may be taken up soon.
NEWS = 10.0
# Shares of the wanted rate below which the point becomes cheaper; below which it does so again
# within so many seconds; and that a better one must promise.
DOWN_BELOW = 0.9
DOWN_AGAIN_BELOW = 0.7
AGAIN = 30.0
UP_ABOVE = 1.15
# A change up that had to be undone within this time doubles the wait before the next.
REGRET = 60.0
LONGEST_WAIT = 600.0


class PointChoice:
    """Follows what can be afforded, with hysteresis; never hunts between two points.

    Parameters
    ----------
    points
        From the best to the cheapest.
    """

    def __init__(self, points: Sequence[OperatingPoint]) -> None:
        self._points = points
        self.index = 0
        self._since = -math.inf
        self._moved_up_at = -math.inf
        self._up_wait = UP_AFTER
        self._news_at = math.nan
        self._down_since = math.inf
        self._up_since = math.inf

    def step(self, now: float, affordable: float, wanted: float) -> bool:
        """Take in what can be afforded; return whether the point changed.

        Parameters
        ----------
        affordable
            Watts that our frames may draw, in those of the table.
        wanted
            The rate in Hz above which quality comes first.
        """
        rates = [affordable / p.energy_per_frame for p in self._points]
        if not math.isfinite(self._news_at):
            self._news_at = now
        again = now - max(self._since, self._news_at) < AGAIN and self._since > self._news_at
        least = (DOWN_AGAIN_BELOW if again else DOWN_BELOW) * wanted
        poor = self.index < len(rates) - 1 and rates[self.index] < least
        better = next((i for i in range(self.index) if rates[i] >= UP_ABOVE * wanted), None)
        self._down_since = min(self._down_since, now) if poor else math.inf
        self._up_since = min(self._up_since, now) if better is not None else math.inf
        if now - self._since < LEAST_STAY:
            return False
        if now - self._down_since >= DOWN_AFTER:
            enough = (i for i in range(self.index, len(rates)) if rates[i] >= wanted)
            if now - self._moved_up_at < REGRET:
                self._up_wait = min(2 * self._up_wait, LONGEST_WAIT)
            self._move(now, next(enough, len(rates) - 1))
            return True
        news = now - self._news_at < NEWS and self._since < self._news_at
        if (
            now - self._up_since >= (UP_AFTER_NEWS if news else self._up_wait)
            and better is not None
        ):
            self._moved_up_at = now
            self._move(now, better)
            return True
        if now - self._since > LONGEST_WAIT:
            self._up_wait = UP_AFTER
        return False

    def hurry(self) -> None:
        """Forget the waits that old circumstances taught: the budget was changed."""
        self._up_wait = UP_AFTER
        self._moved_up_at = -math.inf
        self._news_at = math.nan

    def _move(self, now: float, index: int) -> None:
        self.index = index
        self._since = now
        self._down_since = self._up_since = math.inf
