# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from emotionnet_ros.training.calibration import (
    class_offsets,
    fit_offset_strength,
    fit_temperature,
    negative_log_likelihood,
    softmax,
)
from emotionnet_ros.training.metrics import score


def draw_labels(logits: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Labels drawn from the probabilities that the logits stand for."""
    cumulative = softmax(logits).cumsum(axis=1)
    return (generator.uniform(size=(len(logits), 1)) > cumulative).sum(axis=1).clip(0, 7)


@pytest.mark.parametrize('temperature', [0.5, 1.0, 3.0])
def test_the_temperature_is_found(temperature: float):
    generator = np.random.default_rng(1)
    honest = generator.normal(0, 2, (20_000, 8))
    labels = draw_labels(honest, generator)
    assert fit_temperature(honest * temperature, labels) == pytest.approx(temperature, rel=0.05)


def test_the_temperature_is_no_worse_than_none():
    generator = np.random.default_rng(2)
    logits = generator.normal(0, 5, (300, 8))
    labels = generator.integers(0, 8, 300)
    found = fit_temperature(logits, labels)
    assert negative_log_likelihood(logits / found, labels) <= negative_log_likelihood(
        logits, labels
    )


def test_offsets_bring_a_rare_class_back():
    generator = np.random.default_rng(3)
    frequency = np.array([0.6, 0.2, 0.1, 0.04, 0.03, 0.01, 0.01, 0.01])
    labels = np.repeat(np.arange(8), 200)
    # What a network sees in the image, plus the habit of its training.
    logits = generator.normal(0, 1, (1600, 8)) + 2 * np.eye(8)[labels] + np.log(frequency)
    strength = fit_offset_strength(logits, labels, frequency)
    assert 0.7 <= strength <= 1.3
    before = score(softmax(logits), labels)
    after = score(softmax(logits + class_offsets(frequency, strength)), labels)
    assert after.recall[7] > before.recall[7] + 0.3
    assert after.balanced_accuracy > before.balanced_accuracy


@pytest.mark.parametrize('cost', [0.0, 0.01, 0.05])
def test_offsets_cost_no_more_accuracy_than_allowed(cost: float):
    generator = np.random.default_rng(4)
    frequency = np.array([0.6, 0.2, 0.1, 0.04, 0.03, 0.01, 0.01, 0.01])
    labels = generator.choice(8, size=4000, p=frequency)
    logits = generator.normal(0, 1, (4000, 8)) + np.eye(8)[labels] + np.log(frequency)
    strength = fit_offset_strength(logits, labels, frequency, cost)
    before = score(softmax(logits), labels)
    after = score(softmax(logits + class_offsets(frequency, strength)), labels)
    assert after.accuracy >= before.accuracy - cost
    assert after.balanced_accuracy >= before.balanced_accuracy
    if cost:
        assert 0 < strength < 1


def test_no_offsets_where_they_do_nothing():
    logits = 50 * np.eye(8)[np.arange(80) % 8]
    frequency = np.linspace(0.1, 0.9, 8) / 4
    assert fit_offset_strength(logits, np.arange(80) % 8, frequency) == 0
    np.testing.assert_array_equal(class_offsets(frequency, 0.0), np.zeros(8))
