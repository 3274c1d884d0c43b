# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Lets frames through at no more than a given rate, evenly."""

from __future__ import annotations

import math

# A frame that comes a little early is still the one of its turn: cameras jitter.
EARLY_SHARE = 0.25


class RateLimit:
    """Decides frame by frame.

    Parameters
    ----------
    rate_hz
        Frames a second at most, on average; 0 lets every frame through. May be set at any time.
    """

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self._due = -math.inf

    def delay(self, now: float) -> float:
        """Seconds from ``now``, on a steady clock, until a frame may pass."""
        if self.rate_hz <= 0:
            return 0.0
        period = 1 / self.rate_hz
        # A time further off than this was set at an earlier, lower rate.
        self._due = min(self._due, now + (1 + EARLY_SHARE) * period)
        return max(self._due - EARLY_SHARE * period - now, 0.0)

    def allows(self, now: float) -> bool:
        """Whether a frame that comes at ``now`` seconds, on a steady clock, may pass."""
        if self.rate_hz <= 0:
            return True
        if self.delay(now) > 0:
            return False
        period = 1 / self.rate_hz
        # A late frame does not put off the next, or a limit between a camera's rate and half of it
        # would become the half. A pause earns no more than that.
        self._due = max(self._due, now - period / 2) + period
        return True
