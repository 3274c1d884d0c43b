# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers of one face over time: steady where the face is, unknown where the network is unsure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.expressions import EXPRESSIONS, UNKNOWN


@dataclass(frozen=True, slots=True)
class SmoothingSettings:
    """How answers are steadied.

    Parameters
    ----------
    time_constant
        Seconds after which a frame weighs 1/e of the newest; 0 takes each frame alone.
    min_confidence
        Below this probability of the most likely class the answer is unknown, 0..1. The default is
        where answers are right half of the time on FER+ validation (Nano-B 0.45, Nano-A 0.49; see
        training/selective.py); 3 % of the faces there are below it.
    switch_margin
        By how much another class must exceed the present one to replace it, and by how much
        confidence must exceed ``min_confidence`` to end unknown, 0..1.
    """

    time_constant: float = 0.4
    min_confidence: float = 0.45
    switch_margin: float = 0.05

    def __post_init__(self) -> None:
        if not self.time_constant >= 0:
            raise ValueError(f'time_constant is {self.time_constant}, it must be 0 or more')
        for name in ('min_confidence', 'switch_margin'):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f'{name} is {getattr(self, name)}, it must lie in 0..1')


class SmoothedExpression(NamedTuple):
    """``expression`` indexes EXPRESSION_NAMES; ``confidence`` is its smoothed probability.

    For unknown it is that of the most likely class. ``probabilities`` is float32 [8].
    """

    expression: int
    confidence: float
    probabilities: NDArray[np.float32]


class ExpressionSmoother:
    """The running answer for one face.

    Probabilities are averaged with weights that fall off exponentially with age, so that the
    result does not depend on the frame rate and is unbiased from the first frame on. The class
    changes with hysteresis.
    """

    def __init__(self) -> None:
        self._weighted: NDArray[np.float64] = np.zeros(len(EXPRESSIONS))
        self._weight = 0.0
        self._stamp = -math.inf
        self._expression: int | None = None

    def update(
        self, probabilities: NDArray[np.float32], stamp: float, settings: SmoothingSettings
    ) -> SmoothedExpression:
        """Take one frame's probabilities, float32 [8]; ``stamp`` in seconds does not fall."""
        elapsed = max(stamp - self._stamp, 0.0)
        decay = math.exp(-elapsed / settings.time_constant) if settings.time_constant else 0.0
        self._weighted = self._weighted * decay + probabilities
        self._weight = self._weight * decay + 1.0
        self._stamp = stamp
        smoothed = (self._weighted / self._weight).astype(np.float32)
        self._expression = _decide(smoothed, self._expression, settings)
        reported = int(smoothed.argmax()) if self._expression == UNKNOWN else self._expression
        return SmoothedExpression(self._expression, float(smoothed[reported]), smoothed)


def most_likely(
    probabilities: NDArray[np.float32], settings: SmoothingSettings
) -> tuple[int, float]:
    """Give the class of one frame alone and its probability: unknown below ``min_confidence``."""
    best = int(probabilities.argmax())
    confidence = float(probabilities[best])
    return (best if confidence >= settings.min_confidence else UNKNOWN), confidence


def _decide(
    smoothed: NDArray[np.float32], present: int | None, settings: SmoothingSettings
) -> int:
    """Choose the class: the most likely one, unless that is unsure or hardly better."""
    best = int(smoothed.argmax())
    needed = settings.min_confidence
    if present == UNKNOWN:
        needed = min(needed + settings.switch_margin, 1.0)
    if smoothed[best] < needed:
        return UNKNOWN
    if present is None or present == UNKNOWN:
        return best
    keep = smoothed[present] >= settings.min_confidence
    better = smoothed[best] > smoothed[present] + settings.switch_margin
    return present if keep and not better else best
