# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.faces.anchors import anchor_centers, decode, weighted_suppression


def boxes(*rows):
    """Points [N, 3, 2] from rows of x, y, width, height: the corners and the centre."""
    x, y, w, h = np.array(rows, np.float32).reshape(-1, 4).T
    return np.stack(
        [np.stack(p, axis=1) for p in ((x, y), (x + w, y + h), (x + w / 2, y + h / 2))], axis=1
    )


def test_anchors_stand_in_the_middle_of_their_cells_row_by_row():
    anchors = anchor_centers(192, 48)
    assert anchors.shape == (2304, 2)
    assert anchors.dtype == np.float32
    assert anchors[:3].tolist() == [[2, 2], [6, 2], [10, 2]]
    assert anchors[48].tolist() == [2, 6]
    assert anchors[-1].tolist() == [190, 190]


def test_decode_places_box_and_keypoints_relative_to_the_anchor():
    anchors = np.array([[10, 20], [100, 50]], np.float32)
    values = np.array([[0] * 6, [1, -2, 30, 40, 5, 6]], np.float32)
    points, scores = decode(values, np.array([-3, 3], np.float32), anchors, 0.5)
    assert points.tolist() == [[[86, 28], [116, 68], [105, 56]]]
    assert scores == pytest.approx([1 / (1 + np.exp(-3))])


@pytest.mark.filterwarnings('error')
def test_decode_survives_what_no_sane_network_says():
    logits = np.array([1e30, -1e30, np.inf, np.nan, 50, 50], np.float32)
    values = np.tile(np.array([0, 0, 10, 10], np.float32), (6, 1))
    values[4, 2] = -5  # no box has a negative size
    values[5, 0] = np.nan
    points, scores = decode(values, logits, np.zeros((6, 2), np.float32), 0.5)
    assert points.shape == (2, 2, 2)
    assert scores.tolist() == [1, 1]


def test_decode_of_nothing_is_empty():
    points, scores = decode(
        np.zeros((4, 16), np.float32), np.full(4, -9, np.float32), anchor_centers(8, 2), 0.5
    )
    assert points.shape == (0, 8, 2)
    points, scores = weighted_suppression(points, scores, 0.3, 5)
    assert points.shape == (0, 8, 2)
    assert scores.shape == (0,)


def test_boxes_of_one_face_become_their_weighted_mean_and_keep_the_best_score():
    points, scores = weighted_suppression(
        boxes([0, 0, 10, 10], [2, 0, 10, 10], [50, 50, 10, 10]),
        np.array([0.9, 0.6, 0.7], np.float32),
        0.3,
        10,
    )
    assert scores == pytest.approx([0.9, 0.7])
    assert points[0] == pytest.approx(np.array([[0.8, 0], [10.8, 10], [5.8, 5]]))
    assert points[1] == pytest.approx(np.array([[50, 50], [60, 60], [55, 55]]))


def test_no_more_than_the_most_confident_faces_are_returned():
    rows = [[100 * i, 0, 10, 10] for i in range(5)]
    scores = np.array([0.5, 0.9, 0.6, 0.8, 0.7], np.float32)
    points, best = weighted_suppression(boxes(*rows), scores, 0.3, 2)
    assert points[:, 0, 0].tolist() == [100, 300]
    assert best == pytest.approx([0.9, 0.8])


coordinate = st.floats(-100, 300, width=32)
size = st.floats(1, 200, width=32)


@given(
    st.lists(
        st.tuples(coordinate, coordinate, size, size, st.floats(0.125, 1, width=32)), max_size=12
    )
)
def test_suppression_stays_within_its_boxes_and_does_not_depend_on_their_order(rows):
    points = boxes(*[row[:4] for row in rows])
    scores = np.array([row[4] for row in rows], np.float32)
    merged, best = weighted_suppression(points, scores, 0.3, 20)
    assert (len(merged) > 0) == (len(rows) > 0)
    assert len(merged) <= len(rows)
    assert list(best) == sorted(best, reverse=True)
    if rows:
        assert best[0] == scores.max()
        assert (merged >= points.min(axis=0) - 1e-2).all()
        assert (merged <= points.max(axis=0) + 1e-2).all()
    if len(set(scores.tolist())) == len(scores):
        again, _ = weighted_suppression(points[::-1], scores[::-1], 0.3, 20)
        assert again == pytest.approx(merged, abs=1e-2)
