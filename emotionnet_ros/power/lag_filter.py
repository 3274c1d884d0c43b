# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What everything draws and what a frame costs, seen through a sensor of one known lag."""

from __future__ import annotations

import math

# Standard deviation that the logarithm of the scale gathers in a second, and what it is at first:
# tables of other machines are wrong by a factor of several, either way. One reading moves the
# logarithm by so much at most: the filter takes it for a straight line.
SCALE_DRIFT = 0.01
SCALE_PRIOR_DEVIATION = 0.9
SCALE_RANGE = (0.05, 20.0)
MOST_STEP = 0.5
# Our draw may be as far from what is usual as a scale that is so many standard deviations higher
# makes it: a scale that is far too low would never see itself move.
MOVED_DEVIATIONS = 2.0
# Whole frames scatter a reading: by this share of a frame in the time over which the sensor
# averages.
FRAME_SHARE = 0.4
# The part of our draw that a sensor has not shown yet is foretold no better than to this share.
MISMATCH = 0.3


class LagFilter:
    """Kalman filter with the states level, lagged level, logarithm of the scale.

    ``lag`` is in seconds. The filter is extended: the scale is a factor that may be wrong by as
    much either way, so its logarithm is estimated, and the rest made linear about it. Our own draw
    is known up to the scale, so its lagged course is computed and not estimated. It counts from
    the usual draw on: there, level and scale can be told apart.
    """

    def __init__(self, lag: float) -> None:
        self.lag = lag
        self.level = self.lagged_level = 0.0
        self.scale = 1.0
        self.usual = self.nominal = self.lagged_nominal = 0.0
        self.response = self.frame_deviation = 0.0
        # Covariances: b level, z lagged level, s logarithm of the scale.
        self.bb = self.bz = self.zz = self.bs = self.zs = 0.0
        self.ss = SCALE_PRIOR_DEVIATION**2

    def predict(
        self, dt: float, nominal: float, usual: float, level_variance: float, frame: float
    ) -> None:
        """Foretell where everything is ``dt`` seconds later.

        Parameters
        ----------
        nominal, usual
            What our frames drew by the table in this time, and on average before.
        level_variance
            What the level gathers in a second.
        frame
            Energy of one frame by the table; 0 once the learnt noise has what whole frames do.
        """
        self.frame_deviation = FRAME_SHARE * frame / max(dt, self.lag)
        self._count_from(usual)
        keep = math.exp(-dt / self.lag)
        new = self.response = 1.0 - keep
        self.nominal = nominal
        self.lagged_nominal = keep * self.lagged_nominal + new * nominal
        self.lagged_level = keep * self.lagged_level + new * self.level
        self.zz = keep * keep * self.zz + 2 * keep * new * self.bz + new * new * self.bb
        self.bz = keep * self.bz + new * self.bb
        self.zs = keep * self.zs + new * self.bs
        if self.ss < SCALE_PRIOR_DEVIATION**2:
            self.ss += SCALE_DRIFT**2 * dt
        self.widen_level(level_variance * dt)

    def _count_from(self, usual: float) -> None:
        d = usual - self.usual
        self.usual = usual
        self.level += self.scale * d
        self.lagged_level += self.scale * d
        d *= self.scale  # so much for a unit of the logarithm
        self.bb += d * (2 * self.bs + d * self.ss)
        self.zz += d * (2 * self.zs + d * self.ss)
        self.bz += d * (self.bs + self.zs + d * self.ss)
        self.bs += d * self.ss
        self.zs += d * self.ss

    @property
    def scale_deviation(self) -> float:
        """Standard deviation of the scale's logarithm."""
        return math.sqrt(max(self.ss, 0.0))

    def widen_level(self, variance: float) -> None:
        """Allow for a step of the level within the last period."""
        self.bb += variance
        self.bz += self.response * variance
        self.zz += self.response**2 * variance

    @property
    def frame_variance(self) -> float:
        """Variance of a reading that comes from frames being whole."""
        return (self.scale * self.frame_deviation) ** 2

    def surprise(self, watts: float, noise_variance: float) -> tuple[float, float]:
        """Give the deviation of a reading from what was foretold and its variance."""
        n = self.scale * (self.lagged_nominal - self.usual)
        foretold = self.lagged_level + n
        variance = self.zz + 2 * n * self.zs + n * n * self.ss + noise_variance
        variance += (MISMATCH * self.scale * (self.nominal - self.lagged_nominal)) ** 2
        # Rounding may take the first terms below 0.
        return watts - foretold, max(variance, noise_variance)

    def update(self, watts: float, noise_variance: float, moved: float) -> float:
        """Correct by a reading; return the logarithm of its likelihood.

        The scale is learnt only while our draw may be ``moved`` watts from the usual.
        """
        n = self.scale * (self.lagged_nominal - self.usual)
        if abs(n) * math.exp(MOVED_DEVIATIONS * self.scale_deviation) < moved:
            self.bs = self.zs = 0.0
            learn = 0.0
        else:
            learn = 1.0
        # As learnt, but no less than whole frames make it: they were few while it was learnt.
        noise_variance = max(noise_variance, self.frame_variance)
        deviation, variance = self.surprise(watts, noise_variance)
        b, z, s = self.bz + n * self.bs, self.zz + n * self.zs, self.zs + n * self.ss
        gain_b, gain_z, gain_s = b / variance, z / variance, learn * s / variance
        self.level += gain_b * deviation
        self.lagged_level += gain_z * deviation
        step = min(max(gain_s * deviation, -MOST_STEP), MOST_STEP)
        self.scale = min(max(self.scale * math.exp(step), SCALE_RANGE[0]), SCALE_RANGE[1])
        self.bb -= gain_b * b
        self.bz -= gain_b * z
        self.zz -= gain_z * z
        self.bs -= learn * gain_b * s
        self.zs -= learn * gain_z * s
        self.ss -= gain_s * s
        return -0.5 * (deviation**2 / variance + math.log(variance))
