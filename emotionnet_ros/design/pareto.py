# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pareto fronts and rank correlations; NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def pareto_front(costs: Sequence[tuple[float, float]]) -> list[int]:
    """Find the indices of the points that no other equals in both costs and betters in one.

    In the order of the first cost; of equal points the first alone.
    """
    front: list[int] = []
    lowest = float('inf')
    for index in sorted(range(len(costs)), key=lambda one: (*costs[one], one)):
        if costs[index][1] < lowest:
            front.append(index)
            lowest = costs[index][1]
    return front


def hypervolume(costs: Sequence[tuple[float, float]], worst: tuple[float, float]) -> float:
    """Area of costs up to ``worst`` that some of the points are at least as good as."""
    area, ceiling = 0.0, worst[1]
    for index in pareto_front(costs):
        first, second = costs[index]
        if first < worst[0] and second < ceiling:
            area += (worst[0] - first) * (ceiling - second)
            ceiling = second
    return area


def ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Ranks from 1, float64 [N]; equal values share the mean of theirs."""
    array = np.asarray(values, dtype=np.float64)
    below = (array[:, None] > array[None, :]).sum(axis=1)
    same = (array[:, None] == array[None, :]).sum(axis=1)
    shared: NDArray[np.float64] = below + (same + 1) / 2
    return shared


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation, -1..1; NaN where one side is all alike."""
    one, other = ranks(first), ranks(second)
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / scale if scale else float('nan')


def kendall(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's rank correlation tau-b, -1..1; NaN where one side is all alike."""
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    above = np.triu_indices(len(one), 1)
    signs = [np.sign(side[:, None] - side[None, :])[above] for side in (one, other)]
    scale = float(np.sqrt((signs[0] ** 2).sum() * (signs[1] ** 2).sum()))
    return float((signs[0] * signs[1]).sum()) / scale if scale else float('nan')
