# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.expressions import EXPRESSIONS, UNKNOWN
from emotionnet_ros.inference.smoothing import (
    ExpressionSmoother,
    SmoothingSettings,
    most_likely,
)

NEUTRAL, HAPPINESS, SURPRISE = 0, 1, 2
SETTINGS = SmoothingSettings(time_constant=0.5, min_confidence=0.5, switch_margin=0.1)


def sure_of(expression, probability=0.9):
    probabilities = np.full(8, (1 - probability) / 7, np.float32)
    probabilities[expression] = probability
    return probabilities


def run(frames, settings=SETTINGS, interval=0.1):
    smoother = ExpressionSmoother()
    return [smoother.update(p, i * interval, settings) for i, p in enumerate(frames)]


def test_first_frame_is_taken_as_it_is():
    (answer,) = run([sure_of(SURPRISE, 0.8)])
    assert answer.expression == SURPRISE
    assert answer.confidence == pytest.approx(0.8)


def test_one_odd_frame_does_not_flip_the_class():
    frames = [sure_of(NEUTRAL)] * 10 + [sure_of(HAPPINESS)] + [sure_of(NEUTRAL)] * 3
    assert {answer.expression for answer in run(frames)} == {NEUTRAL}


def test_a_lasting_change_comes_through():
    answers = run([sure_of(NEUTRAL)] * 10 + [sure_of(HAPPINESS)] * 20)
    assert answers[-1].expression == HAPPINESS
    # It takes about ln 2 time constants until the new class outweighs the old one.
    changed = next(i for i, a in enumerate(answers) if a.expression == HAPPINESS)
    assert 10 + 2 <= changed <= 10 + 8


def test_flicker_between_two_likely_classes_is_held():
    wavering = [sure_of(NEUTRAL, 0.52), sure_of(HAPPINESS, 0.52)] * 10
    settings = SmoothingSettings(time_constant=0.5, min_confidence=0.2, switch_margin=0.1)
    assert len({answer.expression for answer in run(wavering, settings)}) == 1


def test_unsure_is_unknown_and_says_how_sure_the_likeliest_class_is():
    (answer,) = run([sure_of(SURPRISE, 0.4)])
    assert answer.expression == UNKNOWN
    assert answer.confidence == pytest.approx(0.4)
    assert most_likely(sure_of(SURPRISE, 0.4), SETTINGS)[0] == UNKNOWN
    assert most_likely(sure_of(SURPRISE, 0.6), SETTINGS) == (SURPRISE, pytest.approx(0.6))


def test_unknown_ends_only_with_a_margin():
    frames = [sure_of(NEUTRAL, 0.3), sure_of(NEUTRAL, 0.55), sure_of(NEUTRAL, 0.65)]
    settings = SmoothingSettings(time_constant=0.0, min_confidence=0.5, switch_margin=0.1)
    assert [a.expression for a in run(frames, settings)] == [UNKNOWN, UNKNOWN, NEUTRAL]


def test_certainty_ends_unknown_whatever_the_margin():
    settings = SmoothingSettings(time_constant=0.0, min_confidence=0.95, switch_margin=0.5)
    answers = run([sure_of(NEUTRAL, 0.3), sure_of(NEUTRAL, 1.0)], settings)
    assert answers[-1].expression == NEUTRAL


def test_no_smoothing_answers_each_frame_alone():
    settings = SmoothingSettings(time_constant=0.0, min_confidence=0.5, switch_margin=0.0)
    answers = run([sure_of(NEUTRAL), sure_of(HAPPINESS), sure_of(NEUTRAL)], settings)
    assert [a.expression for a in answers] == [NEUTRAL, HAPPINESS, NEUTRAL]


def test_result_depends_on_time_not_on_the_frame_rate():
    slow = run([sure_of(NEUTRAL)] * 10 + [sure_of(HAPPINESS)] * 5, interval=0.1)
    fast = run([sure_of(NEUTRAL)] * 40 + [sure_of(HAPPINESS)] * 20, interval=0.025)
    assert slow[-1].probabilities[HAPPINESS] == pytest.approx(
        fast[-1].probabilities[HAPPINESS], abs=0.05
    )


def test_a_stamp_that_stands_still_counts_each_frame():
    answers = run([sure_of(NEUTRAL), sure_of(HAPPINESS)], interval=0.0)
    assert answers[-1].probabilities[NEUTRAL] == pytest.approx(
        answers[-1].probabilities[HAPPINESS]
    )


@given(
    frames=st.lists(
        st.tuples(
            st.lists(st.floats(0.01, 1), min_size=8, max_size=8),
            st.floats(0, 10),
        ),
        min_size=1,
        max_size=30,
    ),
    time_constant=st.floats(0, 5),
)
def test_answers_stay_probabilities(frames, time_constant):
    smoother, stamp = ExpressionSmoother(), 0.0
    settings = SmoothingSettings(time_constant=time_constant)
    for weights, interval in frames:
        stamp += interval
        probabilities = (np.array(weights) / sum(weights)).astype(np.float32)
        answer = smoother.update(probabilities, stamp, settings)
        assert answer.probabilities.sum() == pytest.approx(1, abs=1e-4)
        assert 0 <= answer.confidence <= 1 + 1e-6
        assert answer.expression in range(len(EXPRESSIONS) + 1)


@pytest.mark.parametrize(
    'wrong', [{'time_constant': -1.0}, {'min_confidence': 1.5}, {'switch_margin': -0.1}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SmoothingSettings(**wrong)
