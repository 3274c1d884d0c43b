# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.training.selective import (
    area_under_risk_coverage,
    at_threshold,
    risk_coverage,
    summary,
    unknown_threshold,
)

# Few distinct values, so that ties are common.
ANSWERS = st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=1)


def arrays(answers: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    confidence = np.array([tenth / 10 for tenth, _ in answers])
    return confidence, np.array([right for _, right in answers])


def simulated(
    count: int, right_at, seed: int = 0, low: float = 0.2
) -> tuple[np.ndarray, np.ndarray]:
    """Confidences spread evenly, and answers that are right with ``right_at`` of them."""
    generator = np.random.default_rng(seed)
    confidence = generator.uniform(low, 1, count)
    return confidence, generator.random(count) < right_at(confidence)


@given(ANSWERS)
def test_the_curve_is_that_of_every_threshold(answers: list[tuple[int, bool]]):
    curve = risk_coverage(*arrays(answers))
    expected = []
    for threshold in sorted({tenth / 10 for tenth, _ in answers}, reverse=True):
        answered = [right for tenth, right in answers if tenth / 10 >= threshold]
        expected.append(
            (threshold, len(answered) / len(answers), answered.count(False) / len(answered))
        )
    given_ = np.stack([curve.thresholds, curve.coverage, curve.risk], axis=1)
    np.testing.assert_allclose(given_, expected)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=6))
def test_the_area_is_the_mean_over_all_orders(answers: list[tuple[int, bool]]):
    areas = []
    for order in itertools.permutations(answers):
        if any(first[0] < second[0] for first, second in itertools.pairwise(order)):
            continue
        wrong = [not right for _, right in order]
        areas.append(np.mean([np.mean(wrong[: k + 1]) for k in range(len(wrong))]))
    assert area_under_risk_coverage(*arrays(answers)) == pytest.approx(np.mean(areas))


def test_areas_known_by_hand():
    right = np.array([True, True, False, False])
    assert area_under_risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), right) == pytest.approx(
        (0 + 0 + 1 / 3 + 1 / 2) / 4
    )
    assert area_under_risk_coverage(np.full(4, 0.5), right) == pytest.approx(0.5)


def test_a_threshold_answers_what_reaches_it():
    confidence = np.array([0.2, 0.45, 0.7], np.float32)
    right = np.array([False, False, True])
    above = at_threshold(confidence, right, float(confidence[1]))
    assert above['coverage'] == pytest.approx(2 / 3, abs=1e-4)
    assert above['accuracy'] == 0.5
    assert at_threshold(confidence, right, 0.9) == {
        'threshold': 0.9,
        'coverage': 0,
        'accuracy': None,
    }


def test_of_honest_confidence_the_threshold_is_a_half():
    threshold, (low, high) = unknown_threshold(*simulated(4000, lambda c: c))
    assert low < 0.5 < high
    assert threshold == pytest.approx(0.5, abs=0.04)
    assert high - low < 0.1


@pytest.mark.parametrize('temperature', [0.5, 2.0])
@pytest.mark.parametrize('crossing', [0.35, 0.65])
def test_the_threshold_lies_where_answers_are_right_half_of_the_time(
    crossing: float, temperature: float
):
    """Log odds stretched and moved, as badly calibrated networks have them."""

    def right_at(confidence: np.ndarray) -> np.ndarray:
        odds = np.log(confidence / (1 - confidence)) - np.log(crossing / (1 - crossing))
        return 1 / (1 + np.exp(-odds / temperature))

    threshold, (low, high) = unknown_threshold(*simulated(20_000, right_at))
    assert threshold == pytest.approx(crossing, abs=0.03)
    assert low < threshold < high


def test_the_interval_holds_what_it_says():
    found = [unknown_threshold(*simulated(600, lambda c: c, seed)) for seed in range(200)]
    inside = np.mean([low <= 0.5 <= high for _, (low, high) in found])
    assert 0.9 <= inside <= 1


def test_with_a_step_answering_begins_near_it():
    """No logistic function, but where it lies is plain."""
    threshold, _ = unknown_threshold(*simulated(2000, lambda c: np.where(c < 0.6, 0.1, 0.9)))
    assert threshold == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize(('share_right', 'expected'), [(0.9, 0.0), (0.1, 1.0)])
def test_where_confidence_misleads_it_is_all_or_nothing(share_right: float, expected: float):
    confidence = np.linspace(0.3, 0.9, 1000)
    correct = np.arange(1000) < share_right * 1000  # the most confident are the wrong ones
    assert unknown_threshold(confidence, correct)[0] == expected


@given(ANSWERS)
def test_thresholds_and_summaries_of_anything(answers: list[tuple[int, bool]]):
    threshold, (low, high) = unknown_threshold(*arrays(answers))
    assert 0 <= low <= threshold <= high <= 1
    result = summary(*arrays(answers), node_threshold=0.45, choose=True)
    curve = json.loads(json.dumps(result, allow_nan=False))['curve']
    assert 1 <= len(curve['risk']) <= 20
    assert curve['coverage'][-1] == 1
    assert curve['risk'][-1] == pytest.approx(
        [right for _, right in answers].count(False) / len(answers), abs=1e-4
    )


def test_only_who_may_choose_gets_a_threshold():
    answers = simulated(500, lambda c: c)
    assert 'chosen' not in summary(*answers, node_threshold=0.45, choose=False)
    chosen = summary(*answers, node_threshold=0.45, choose=True)['chosen']
    above = answers[0] >= chosen['threshold']
    assert chosen['coverage'] == pytest.approx(above.mean(), abs=1e-4)
    assert chosen['accuracy'] == pytest.approx(answers[1][above].mean(), abs=1e-4)


def test_nothing_to_answer_is_named():
    with pytest.raises(ValueError, match='no image'):
        risk_coverage(np.zeros(0), np.zeros(0, bool))
