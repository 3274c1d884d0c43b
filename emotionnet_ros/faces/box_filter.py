# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Smooths the boxes of one face: steady while the face is still, no lag when it moves."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.expressions import Box

# Closer stamps say nothing about speed.
_MIN_INTERVAL = 1e-3
_SPEED_CUTOFF_HZ = 1.0


class BoxFilter:
    """The 1-euro filter on a box's centre and size, with speeds in sides of the box a second.

    G. Casiez, N. Roussel, D. Vogel, "1 EUR Filter: A Simple Speed-based Low-pass Filter for Noisy
    Input in Interactive Systems", CHI 2012. The low-pass filter's cutoff rises with the speed, so
    noise is taken out of a still face and a moving face is followed at once. Measuring speed in
    sides of the box makes it behave alike for near and far faces.

    Parameters
    ----------
    box
        The first box.
    cutoff_hz
        Cutoff for a still face; lower is steadier. Infinity switches smoothing off.
    speed_gain
        Cutoff added for each side of the box a second, in hertz; higher follows more closely.
    damping
        Seconds in which the speed of a face that is not seen falls to 1/e when predicting.
    """

    def __init__(self, box: Box, cutoff_hz: float, speed_gain: float, damping: float) -> None:
        self._cutoff_hz = cutoff_hz
        self._speed_gain = speed_gain
        self._damping = damping
        self._raw = _as_array(box)
        self._smooth = self._raw
        self._velocity: NDArray[np.float64] = np.zeros(4)

    @property
    def box(self) -> Box:
        """The smoothed box at the last update."""
        return _as_box(self._smooth)

    def update(self, box: Box, interval: float) -> None:
        """Take in the box seen ``interval`` seconds after the one before."""
        raw = _as_array(box)
        if interval < _MIN_INTERVAL:
            self._raw = self._smooth = raw
            self._velocity = np.zeros(4)
            return
        share = _share_of_new(_SPEED_CUTOFF_HZ, interval)
        self._velocity = self._velocity + share * ((raw - self._raw) / interval - self._velocity)
        side = math.sqrt(raw[2] * raw[3])
        shares = [
            _share_of_new(self._cutoff_hz + self._speed_gain * speed, interval)
            for speed in (
                math.hypot(self._velocity[0], self._velocity[1]) / side,
                math.hypot(self._velocity[2], self._velocity[3]) / side,
            )
        ]
        self._smooth = self._smooth + np.repeat(shares, 2) * (raw - self._smooth)
        self._raw = raw

    def predict(self, interval: float) -> Box:
        """Give the box ``interval`` seconds after the last update, moving on ever more slowly."""
        seconds = self._damping * -math.expm1(-max(interval, 0.0) / self._damping)
        x, y, width, height = self._smooth
        x += seconds * self._velocity[0]
        y += seconds * self._velocity[1]
        return _as_box(np.array([x, y, width, height]))


def _share_of_new(cutoff_hz: float, interval: float) -> float:
    """Weight of a new value in a first-order low-pass filter, 0..1."""
    turns = 2 * math.pi * cutoff_hz * interval
    return turns / (turns + 1) if math.isfinite(turns) else 1.0


def _as_array(box: Box) -> NDArray[np.float64]:
    return np.array([*box.center, box.width, box.height])


def _as_box(values: NDArray[np.float64]) -> Box:
    x, y, width, height = (float(v) for v in values)
    return Box(x - width / 2, y - height / 2, width, height)
