# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Learns from power readings what everything else draws and what a frame really costs.

The model has two unknowns: ``base``, the watts drawn by all but our frames, and ``scale``, by how
much a frame costs more than the table of operating points says. Their sum reaches us through a
sensor that lags by a time we do not know. So there is one Kalman filter for each of a few lags,
weighted by how well it foretold the readings (multiple-model estimation, Magill 1965).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

LAGS = (0.05, 0.25, 0.6, 1.2)
# Standard deviations that the unknowns gather in a second, of a scale of 1 and of the base in
# shares of the noise of a reading.
SCALE_DRIFT = 0.02
BASE_DRIFT = 0.5
SCALE_PRIOR_DEVIATION = 0.5
SCALE_RANGE = (0.2, 5.0)
# Readings over which the noise is averaged, and its least value as a share of the reading.
NOISE_MEMORY = 40
LEAST_NOISE_SHARE = 0.003
PRIOR_NOISE_SHARE = 0.02
# Two surprises of this many standard deviations to the same side are a step of the base.
SURPRISE = 2.2
# How much of its weight's logarithm a lag keeps from reading to reading, and its least weight.
WEIGHT_MEMORY = 0.98
LEAST_WEIGHT = 1e-3


class _LagFilter:
    """Kalman filter with the states base, lagged base, scale; ``lag`` in seconds.

    Our own draw is known up to the scale, so its lagged course is computed and not estimated.
    """

    def __init__(self, lag: float) -> None:
        self.lag = lag
        self.base = self.lagged_base = 0.0
        self.scale = 1.0
        self.lagged_nominal = 0.0
        self.response = 0.0
        # Covariances: b base, z lagged base, s scale.
        self.bb = self.bz = self.zz = self.bs = self.zs = 0.0
        self.ss = SCALE_PRIOR_DEVIATION**2

    def predict(self, dt: float, nominal: float, base_variance: float) -> None:
        keep = math.exp(-dt / self.lag)
        new = self.response = 1.0 - keep
        self.lagged_nominal = keep * self.lagged_nominal + new * nominal
        self.lagged_base = keep * self.lagged_base + new * self.base
        self.zz = keep * keep * self.zz + 2 * keep * new * self.bz + new * new * self.bb
        self.bz = keep * self.bz + new * self.bb
        self.zs = keep * self.zs + new * self.bs
        self.ss += SCALE_DRIFT**2 * dt
        self.widen_base(base_variance * dt)

    def widen_base(self, variance: float) -> None:
        """Allow for a step of the base within the last period."""
        self.bb += variance
        self.bz += self.response * variance
        self.zz += self.response**2 * variance

    def surprise(self, watts: float, noise_variance: float) -> tuple[float, float]:
        """Give the deviation of a reading from what was foretold and its variance."""
        n = self.lagged_nominal
        foretold = self.lagged_base + self.scale * n
        variance = self.zz + 2 * n * self.zs + n * n * self.ss + noise_variance
        return watts - foretold, variance

    def update(self, deviation: float, variance: float) -> None:
        n = self.lagged_nominal
        b, z, s = (self.bz + n * self.bs, self.zz + n * self.zs, self.zs + n * self.ss)
        gain_b, gain_z, gain_s = b / variance, z / variance, s / variance
        self.base += gain_b * deviation
        self.lagged_base += gain_z * deviation
        self.scale = min(max(self.scale + gain_s * deviation, SCALE_RANGE[0]), SCALE_RANGE[1])
        self.bb -= gain_b * b
        self.bz -= gain_b * z
        self.bs -= gain_b * s
        self.zz -= gain_z * z
        self.zs -= gain_z * s
        self.ss -= gain_s * s


class LoadObserver:
    """Estimates base and scale from readings in watts, or in any other unit of power.

    Parameters
    ----------
    lags
        Time constants in seconds that the sensor may have.
    """

    def __init__(self, lags: Sequence[float] = LAGS) -> None:
        self._filters = [_LagFilter(lag) for lag in lags]
        self._log_weights = [0.0] * len(lags)
        self._noise_variance = 0.0
        self._surprised = 0
        self.started = False

    @property
    def lag(self) -> float:
        """The sensor's lag in seconds, as far as known."""
        return self._mean([f.lag for f in self._filters])

    @property
    def base(self) -> float:
        """Watts that everything but our frames draws."""
        return self._mean([f.base for f in self._filters])

    @property
    def scale(self) -> float:
        """By how much our frames cost more than was foretold; 1 until learnt."""
        return self._mean([f.scale for f in self._filters])

    @property
    def noise(self) -> float:
        """Standard deviation of a reading in watts."""
        return math.sqrt(self._noise_variance)

    def step(self, dt: float, nominal: float, watts: float | None) -> None:
        """Take in what happened in the last ``dt`` seconds.

        Parameters
        ----------
        nominal
            Watts that our frames drew if the table of operating points is right.
        watts
            A new reading, finite; None where there is none.
        """
        for f in self._filters:
            f.predict(dt, nominal, BASE_DRIFT**2 * self._noise_variance)
        if watts is None:
            return
        if not self.started:
            self._start(watts)
            return
        self._allow_for_step(watts)
        log_likelihoods = []
        for f in self._filters:
            deviation, variance = f.surprise(watts, self._noise_variance)
            log_likelihoods.append(-0.5 * (deviation**2 / variance + math.log(variance)))
            f.update(deviation, variance)
        best = max(log_likelihoods)
        weights = [
            max(WEIGHT_MEMORY * old + new - best, -50.0)
            for old, new in zip(self._log_weights, log_likelihoods, strict=True)
        ]
        top = max(weights)
        self._log_weights = [max(w - top, math.log(LEAST_WEIGHT)) for w in weights]

    def forget_base(self, watts: float) -> None:
        """Expect a base that may have moved by ``watts``: after a pause of the readings."""
        for f in self._filters:
            f.widen_base(watts**2)

    def forget_scale(self, deviation: float) -> None:
        """Expect a scale that is off by ``deviation``: another operating point, other faces."""
        for f in self._filters:
            f.ss += deviation**2

    def _start(self, watts: float) -> None:
        self.started = True
        self._noise_variance = (PRIOR_NOISE_SHARE * watts) ** 2
        for f in self._filters:
            f.base = f.lagged_base = watts - f.scale * f.lagged_nominal
            f.bb = f.bz = f.zz = 4 * self._noise_variance + f.ss * f.lagged_nominal**2
            f.bs = f.zs = -f.ss * f.lagged_nominal

    def _allow_for_step(self, watts: float) -> None:
        """Learn the noise from small surprises; take large ones in a row for a step."""
        f = max(zip(self._log_weights, self._filters, strict=True), key=lambda pair: pair[0])[1]
        deviation, variance = f.surprise(watts, self._noise_variance)
        if deviation**2 > SURPRISE**2 * variance:
            sign = 1 if deviation > 0 else -1
            if self._surprised == sign:
                for each in self._filters:
                    each.widen_base((deviation / max(each.response, 0.2)) ** 2)
            self._surprised = sign
        else:
            self._surprised = 0
        explained = variance - self._noise_variance
        sample = min(deviation**2 - explained, 9 * self._noise_variance)
        least = (LEAST_NOISE_SHARE * watts) ** 2
        self._noise_variance = max(
            self._noise_variance + (sample - self._noise_variance) / NOISE_MEMORY, least
        )

    def _mean(self, values: list[float]) -> float:
        weights = [math.exp(w) for w in self._log_weights]
        return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
