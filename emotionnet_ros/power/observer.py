# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Learns from power readings what everything else draws and what a frame really costs.

The model has two unknowns: the power drawn at our usual rate (``level``), and by how much a
frame costs more than the table of operating points says (``scale``). We see them through a sensor
that lags by a time we do not know. So there is one Kalman filter for each of a few lags, weighted
by how well it foretold the readings (multiple-model estimation, Magill 1965).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from emotionnet_ros.power.lag_filter import LagFilter

LAGS = (0.05, 0.25, 0.6, 1.2)
# Standard deviation that the level gathers in a second, in shares of the noise of a reading.
LEVEL_DRIFT = 0.15
# The scale is learnt only while our draw may be this many times a reading's noise away from what
# is usual, its mean over this time in seconds: at a standstill, what the control does about the
# noise would be taken for the cause of it.
MOVED = 1.5
USUAL_TIME = 4.0
# Readings over which the noise is averaged; after which what whole frames do is in it; and its
# least value as a share of the reading.
NOISE_MEMORY = 100
NOISE_LEARNT_AFTER = 50
LEAST_NOISE_SHARE = 0.003
PRIOR_NOISE_SHARE = 0.02
# The least noise in the unit of the readings: a reading of next to zero would have none.
LEAST_NOISE = 1e-6
# Deviations to one side, in standard deviations and each less the slack, that add up to this are a
# step of the level; from the suspicion on they are not taken for noise.
STEP = 5.0
SLACK = 2.0
SUSPICION = 1.5
# The share that a sensor shows of a step within a period is taken to be this at least.
LEAST_RESPONSE = 0.2
# How much of its weight's logarithm a lag keeps from reading to reading, and its least weight.
WEIGHT_MEMORY = 0.998
LEAST_WEIGHT = 1e-4
# A lag is plausible from this weight on, relative to the likeliest one's; the cost of a frame may
# well be higher than it seems by this many times its standard deviation.
PLAUSIBLE = 0.02
CAUTION = 1.5


class _Drift:
    """Cumulative sum of deviations to one side (CUSUM, Page 1954)."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self.reset()

    def reset(self) -> None:
        self.sum = self._total = 0.0
        self._count = 0

    def add(self, size: float) -> bool:
        """Take in a deviation in standard deviations; return whether they are a step."""
        self.sum += self._sign * size - SLACK
        if self.sum <= 0:
            self.reset()
            return False
        self._total += size
        self._count += 1
        return self.sum > STEP and self._count > 1

    @property
    def mean(self) -> float:
        """Mean of the deviations that made the sum, in standard deviations."""
        return self._total / max(self._count, 1)


class LoadObserver:
    """Estimates base and scale from readings in watts, or in any other unit of power.

    Parameters
    ----------
    lags
        Time constants in seconds that the sensor may have.
    """

    def __init__(self, lags: Sequence[float] = LAGS) -> None:
        self._filters = [LagFilter(lag) for lag in lags]
        self._log_weights = [0.0] * len(lags)
        self._noise_variance = 0.0
        self._drifts = (_Drift(1), _Drift(-1))
        self._usual = 0.0
        self.started = False
        self._readings = 0

    @property
    def lag(self) -> float:
        """The sensor's lag in seconds, as far as known."""
        return self._mean([f.lag for f in self._filters])

    @property
    def longest_lag(self) -> float:
        """The longest lag in seconds that the sensor may well have."""
        return max(f.lag for f in self._plausible())

    @property
    def base(self) -> float:
        """Watts that everything but our frames draws."""
        return self._mean([f.level - f.scale * f.usual for f in self._filters])

    @property
    def scale(self) -> float:
        """By how much our frames cost more than was foretold; 1 until learnt."""
        return self._mean([f.scale for f in self._filters])

    @property
    def noise(self) -> float:
        """Standard deviation of a reading in watts."""
        return math.sqrt(self._noise_variance)

    def step(self, dt: float, nominal: float, watts: float | None, frame: float = 0.0) -> None:
        """Take in what happened in the last ``dt`` seconds.

        Parameters
        ----------
        nominal
            Watts that our frames drew if the table of operating points is right.
        watts
            A new reading, finite; None where there is none.
        frame
            Joules of one frame if the table is right.
        """
        self._usual += (nominal - self._usual) * (1 - math.exp(-dt / USUAL_TIME))
        if self._readings >= NOISE_LEARNT_AFTER:
            frame = 0.0
        for f in self._filters:
            f.predict(dt, nominal, self._usual, LEVEL_DRIFT**2 * self._noise_variance, frame)
        if watts is None:
            return
        if not self.started:
            self._start(watts)
            return
        self._allow_for_step(watts)
        moved = MOVED * self.noise
        log_likelihoods = [f.update(watts, self._noise_variance, moved) for f in self._filters]
        best = max(log_likelihoods)
        weights = [
            WEIGHT_MEMORY * old + new - best
            for old, new in zip(self._log_weights, log_likelihoods, strict=True)
        ]
        top = max(weights)
        self._log_weights = [max(w - top, math.log(LEAST_WEIGHT)) for w in weights]

    def affordable(self, target: float) -> float:
        """Give the nominal draw of our frames at which ``target`` watts will be drawn in all.

        A fall goes to where the likeliest lag says. A rise beyond the noise goes no further than
        every plausible lag allows, each with a cost that is as high as it may well be.
        """
        now = self._filters[0].nominal
        wanted = (target - self.base) / self.scale
        if (wanted - now) * self.scale <= self.noise:
            return wanted
        for f in self._plausible():
            gap = target - f.level - f.scale * (now - f.usual)
            wanted = min(wanted, now + gap / (f.scale * (1 + CAUTION * f.scale_deviation)))
        return max(wanted, now + self.noise / self.scale)

    def forget_level(self, watts: float) -> None:
        """Expect a level that may have moved by ``watts``: after a pause of the readings."""
        for f in self._filters:
            f.widen_level(watts**2)

    def forget_scale(self, deviation: float) -> None:
        """Expect a scale that is off by this share: another operating point, other faces."""
        for f in self._filters:
            f.ss += deviation**2

    def _start(self, watts: float) -> None:
        self.started = True
        self._noise_variance = max(PRIOR_NOISE_SHARE * watts, LEAST_NOISE) ** 2
        for f in self._filters:
            f.level = f.lagged_level = watts - f.scale * (f.lagged_nominal - f.usual)
            f.bb = f.bz = f.zz = 4 * self._noise_variance
            f.bs = f.zs = 0.0

    def _allow_for_step(self, watts: float) -> None:
        """Learn the noise from small surprises; take large ones in a row for a step."""
        f = self._likeliest()
        self._readings += 1
        noise_variance = max(self._noise_variance, f.frame_variance)
        deviation, variance = f.surprise(watts, noise_variance)
        size = deviation / math.sqrt(variance)
        for drift in self._drifts:
            if drift.add(size):
                for each in self._filters:
                    shown = max(each.response, LEAST_RESPONSE)
                    each.widen_level((drift.mean * math.sqrt(variance) / shown) ** 2)
                drift.reset()
        explained = variance - noise_variance
        least = max(LEAST_NOISE_SHARE * watts, LEAST_NOISE) ** 2
        if not any(drift.sum > SUSPICION for drift in self._drifts):
            sample = min(deviation**2 - explained, 9 * self._noise_variance)
            self._noise_variance += (sample - self._noise_variance) / NOISE_MEMORY
        self._noise_variance = max(self._noise_variance, least)

    def _likeliest(self) -> LagFilter:
        return max(zip(self._log_weights, self._filters, strict=True), key=lambda p: p[0])[1]

    def _plausible(self) -> list[LagFilter]:
        least = math.log(PLAUSIBLE)
        return [f for w, f in zip(self._log_weights, self._filters, strict=True) if w >= least]

    def _mean(self, values: list[float]) -> float:
        weights = [math.exp(w) for w in self._log_weights]
        return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
