# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.design.pareto import hypervolume, kendall, pareto_front, ranks, spearman

GRID = st.integers(0, 8)
POINTS = st.lists(st.tuples(GRID, GRID), max_size=25)


@given(POINTS)
def test_the_front_by_brute_force(points: list[tuple[int, int]]):
    def beaten(point: tuple[int, int]) -> bool:
        return any(
            other != point and other[0] <= point[0] and other[1] <= point[1] for other in points
        )

    front = pareto_front(points)
    assert [points[i] for i in front] == sorted({p for p in points if not beaten(p)})
    assert all(points.index(points[i]) == i for i in front)


@given(POINTS)
def test_the_area_by_counting_squares(points: list[tuple[int, int]]):
    worst = (7, 6)
    squares = sum(
        any(point[0] <= x and point[1] <= y for point in points)
        for x in range(worst[0])
        for y in range(worst[1])
    )
    assert hypervolume(points, worst) == squares


@given(st.lists(st.tuples(GRID, GRID), min_size=2, max_size=12))
def test_kendall_by_counting_pairs(points: list[tuple[int, int]]):
    pairs = [(p, q) for i, p in enumerate(points) for q in points[:i]]
    agree = sum((p[0] - q[0]) * (p[1] - q[1]) > 0 for p, q in pairs)
    oppose = sum((p[0] - q[0]) * (p[1] - q[1]) < 0 for p, q in pairs)
    untied = [sum(p[side] != q[side] for p, q in pairs) for side in (0, 1)]
    found = kendall(*zip(*points, strict=True))
    if 0 in untied:
        assert math.isnan(found)
    else:
        assert found == pytest.approx((agree - oppose) / math.sqrt(untied[0] * untied[1]))


def test_spearman():
    assert spearman([1, 2, 3, 4], [10, 200, 3000, 4e9]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    # Without ties: 1 - 6 sum d^2 / (n (n^2 - 1)), here with d = 1, -1, 0, 0, 0.
    assert spearman([1, 2, 3, 4, 5], [2, 1, 3, 4, 5]) == pytest.approx(1 - 12 / 120)
    assert math.isnan(spearman([1, 1, 1], [1, 2, 3]))


def test_equal_values_share_a_rank():
    assert ranks([5, 1, 5, 0]).tolist() == [3.5, 2, 3.5, 1]
