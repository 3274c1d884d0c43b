# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.training.metrics import expected_calibration_error, reliability, score


def certain(answers: list[int]) -> np.ndarray:
    return np.eye(8, dtype=np.float32)[answers]


def test_figures_counted_by_hand():
    labels = np.array([0, 0, 0, 1, 1, 2])
    scores = score(certain([0, 0, 1, 1, 1, 0]), labels)
    assert scores.accuracy == pytest.approx(4 / 6)
    np.testing.assert_allclose(scores.recall[:3], [2 / 3, 1, 0])
    assert np.isnan(scores.recall[3:]).all()
    np.testing.assert_allclose(scores.precision[:2], [2 / 3, 2 / 3])
    assert scores.balanced_accuracy == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert scores.confusion[0, 1] == 1
    assert scores.confusion[2, 0] == 1
    assert scores.ece == pytest.approx(2 / 6)  # always certain, wrong in a third


def test_a_dead_class_shows_in_balanced_accuracy_only():
    labels = np.array([0] * 99 + [5])
    scores = score(certain([0] * 100), labels)
    assert scores.accuracy == 0.99
    assert scores.balanced_accuracy == 0.5


def test_calibration_error_of_honest_confidence_is_small():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.5, 1, 20_000)
    probabilities = np.zeros((20_000, 8))
    probabilities[:, 0], probabilities[:, 1] = confidence, 1 - confidence
    labels = (generator.uniform(size=20_000) > confidence).astype(np.int64)
    assert expected_calibration_error(probabilities, labels) < 0.02
    wrong = 1 - labels
    assert expected_calibration_error(probabilities, wrong) > 0.4


def test_reliability_counted_by_hand():
    confidence = np.array([0.05, 0.6, 0.7, 0.95, 1.0])
    bins = reliability(confidence, np.array([False, True, False, True, True]), bins=5)
    assert bins == {
        'images': [1, 0, 0, 2, 2],
        'confidence': [0.05, None, None, 0.65, 0.975],
        'accuracy': [0.0, None, None, 0.5, 1.0],
    }


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=50))
def test_bounds_and_json(pairs: list[tuple[int, int]]):
    labels = np.array([label for label, _ in pairs])
    scores = score(certain([answer for _, answer in pairs]), labels)
    assert 0 <= scores.ece <= 1
    assert scores.confusion.sum() == len(pairs)
    assert np.nanmin(scores.recall) <= scores.balanced_accuracy <= np.nanmax(scores.recall)
    assert json.loads(json.dumps(scores.as_dict(), allow_nan=False))['count'] == len(pairs)


@pytest.mark.parametrize(
    ('probabilities', 'labels'),
    [
        (np.zeros((0, 8)), np.zeros(0, dtype=np.int64)),
        (np.zeros((2, 7)), np.zeros(2, dtype=np.int64)),
        (np.zeros((2, 8)), np.array([0, 8])),
        (np.zeros((2, 8)), np.array([0, -1])),
    ],
)
def test_what_cannot_be_scored(probabilities: np.ndarray, labels: np.ndarray):
    with pytest.raises(ValueError, match=r'score|probabilities|labels'):
        score(probabilities, labels)
