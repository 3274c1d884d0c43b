# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from emotionnet_ros.expressions import Box
from emotionnet_ros.faces.box_filter import BoxFilter

PERIOD = 1 / 30


def run(boxes, **settings):
    values = {'cutoff_hz': 1.0, 'speed_gain': 4.0, 'damping': 0.2, **settings}
    box_filter = BoxFilter(boxes[0], **values)
    smooth = [box_filter.box]
    for box in boxes[1:]:
        box_filter.update(box, PERIOD)
        smooth.append(box_filter.box)
    return box_filter, smooth


def steps(boxes):
    """Mean size of the change from box to box, of centre and size."""
    values = np.array([(*b.center, b.width, b.height) for b in boxes])
    return np.sqrt((np.diff(values, axis=0) ** 2).mean())


@pytest.mark.parametrize('side', [20, 200])
def test_a_still_face_is_steadier_by_half_near_or_far(side):
    noise = np.random.default_rng(0).normal(0, 0.01 * side, (300, 4))
    boxes = [Box(100 + n[0], 100 + n[1], side + n[2], side + n[3]) for n in noise]
    _, smooth = run(boxes)
    assert steps(smooth) < 0.5 * steps(boxes)


@pytest.mark.parametrize('speed', [0.5, 2.0, 6.0])
def test_a_moving_face_is_followed_within_a_twentieth_of_its_side(speed):
    side = 100
    boxes = [Box(speed * side * i * PERIOD, 50, side, side) for i in range(60)]
    _, smooth = run(boxes)
    assert abs(smooth[-1].x - boxes[-1].x) < 0.05 * side


def test_a_constant_box_is_kept_exactly():
    box = Box(10, 20, 30, 40)
    box_filter, smooth = run([box] * 20)
    assert smooth[-1] == box
    assert box_filter.predict(10.0) == box


def test_smoothing_can_be_switched_off():
    boxes = [Box(i * 7 % 5, 0, 50 + i * 3 % 7, 50) for i in range(20)]
    _, smooth = run(boxes, cutoff_hz=math.inf)
    assert smooth[-1] == boxes[-1]


def test_prediction_moves_on_ever_more_slowly_and_comes_to_rest():
    boxes = [Box(100.0 * i * PERIOD, 0, 100, 100) for i in range(120)]
    box_filter, smooth = run(boxes)
    ways = [box_filter.predict(t).x - smooth[-1].x for t in (0.0, 0.01, 0.1, 0.2, 0.4, 60.0, 1e9)]
    assert ways[0] == 0
    assert ways == sorted(ways)
    assert ways[1] == pytest.approx(1.0, rel=0.1)  # 100 pixels a second
    assert ways[-1] == pytest.approx(100 * 0.2, rel=0.05)  # speed times damping
    assert ways[-1] == ways[-2]


def test_prediction_backwards_in_time_is_the_last_box():
    boxes = [Box(10.0 * i, 0, 100, 100) for i in range(10)]
    box_filter, smooth = run(boxes)
    assert box_filter.predict(-5.0) == smooth[-1]


@pytest.mark.parametrize('interval', [0.0, 1e-12, -1.0])
def test_an_interval_without_length_takes_the_box_as_it_is(interval):
    box_filter, _ = run([Box(10.0 * i, 0, 100, 100) for i in range(10)])
    box_filter.update(Box(500, 500, 80, 80), interval)
    assert box_filter.box == Box(500, 500, 80, 80)
    assert box_filter.predict(1.0) == Box(500, 500, 80, 80)


def test_after_a_long_interval_the_new_box_counts_almost_alone():
    box_filter, _ = run([Box(0, 0, 100, 100)] * 30)
    box_filter.update(Box(60, 0, 100, 100), 2.0)
    assert box_filter.box.x > 54
