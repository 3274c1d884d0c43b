# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.expressions import Box
from emotionnet_ros.faces import Detection
from emotionnet_ros.faces.assignment import assign, distinct


def square(x, side=50.0):
    return Box(x, 0, side, side)


def test_the_best_overlap_is_paired_first_whatever_the_order():
    assert assign([square(20), square(0)], [square(2)], [True], 0.2, 1.0) == [(1, 0)]
    assert assign([square(0)], [square(20), square(2)], [True] * 2, 0.2, 1.0) == [(0, 1)]


def test_the_nearest_centre_is_paired_first_where_nothing_overlaps():
    assert assign([square(0)], [square(-49), square(45)], [True] * 2, 0.2, 1.0) == [(0, 1)]
    assert assign([square(0)], [square(-49), square(45)], [True, False], 0.2, 1.0) == [(0, 0)]


def test_overlap_goes_before_nearness():
    # The first face is nearest to the first detection, which the second face overlaps.
    pairs = assign([square(0), square(70)], [square(45)], [True], 0.2, 1.0)
    assert pairs == [(1, 0)]


def test_neither_distance_nor_unlike_size_is_overlooked():
    assert assign([square(0)], [square(49)], [True], 0.2, 1.0) == [(0, 0)]
    assert assign([square(0)], [square(51)], [True], 0.2, 1.0) == []
    assert assign([square(0)], [square(49, 20)], [True], 0.2, 1.0) == []


boxes = st.lists(st.builds(Box, *[st.floats(0, 300)] * 2, *[st.floats(1, 200)] * 2), max_size=6)


@given(boxes, boxes, st.floats(0, 1), st.floats(0, 2))
def test_pairs_are_one_to_one_and_leave_no_possible_pair_out(expected, found, min_iou, distance):
    pairs = assign(expected, found, [True] * len(found), min_iou, distance)
    assert len({f for f, _ in pairs}) == len({d for _, d in pairs}) == len(pairs)
    for face in set(range(len(expected))) - {f for f, _ in pairs}:
        for detection in set(range(len(found))) - {d for _, d in pairs}:
            overlap = expected[face].iou(found[detection])
            assert overlap == 0 or overlap < min_iou


def test_the_more_confident_of_two_detections_of_one_face_stays():
    weak, strong, other = (
        Detection(square(0), 0.7),
        Detection(square(4), 0.9),
        Detection(square(300), 0.8),
    )
    assert distinct([weak, strong, other], 0.5) == [strong, other]
