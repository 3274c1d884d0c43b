# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is fitted on the validation split after training: class offsets and the temperature."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.training.metrics import score

# What the rare classes may cost in accuracy, a share of all images.
ACCURACY_COST = 0.01
_GOLDEN = (math.sqrt(5) - 1) / 2


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """Row-wise softmax of [N, classes]."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = exponentials / exponentials.sum(axis=1, keepdims=True)
    return np.asarray(shares, dtype=np.float32)


def negative_log_likelihood(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """Mean of minus the log of the label's probability; logits [N, classes], labels [N]."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    normaliser = np.log(np.exp(shifted).sum(axis=1))
    return float((normaliser - shifted[np.arange(len(labels)), labels]).mean())


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """Divisor of the logits, 0.1..10, under which the labels are most likely.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017. Found by golden
    section on its logarithm: the likelihood has one maximum.
    """

    def cost(log_temperature: float) -> float:
        return negative_log_likelihood(logits / math.exp(log_temperature), labels)

    low, high = math.log(0.1), math.log(10.0)
    while high - low > 1e-4:
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if cost(left) < cost(right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def fit_offset_strength(
    logits: NDArray[np.floating],
    labels: NDArray[np.int64],
    frequency: NDArray[np.floating],
    accuracy_cost: float = ACCURACY_COST,
) -> float:
    """Strength, 0..1.5, of the offsets against rare classes being passed over.

    Of the strengths in steps of 0.05 that cost no more than ``accuracy_cost`` of the accuracy
    without offsets, the one with the highest balanced accuracy; the weakest of several.

    Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021 (post hoc form).

    Parameters
    ----------
    logits
        Float [N, classes].
    labels
        Int64 [N].
    frequency
        Share of each class in training as the network saw it, float [classes], all positive.
    accuracy_cost
        Share of all images, 0..1.
    """
    best = (0.0, score(softmax(logits), labels))
    least_accuracy = best[1].accuracy - accuracy_cost
    for strength in np.linspace(0.05, 1.5, 30):
        scores = score(softmax(logits + class_offsets(frequency, strength)), labels)
        if (
            scores.accuracy >= least_accuracy
            and scores.balanced_accuracy > best[1].balanced_accuracy
        ):
            best = (float(strength), scores)
    return best[0]


def class_offsets(frequency: NDArray[np.floating], strength: float) -> NDArray[np.float64]:
    """Addends to the logits, float64 [classes]: minus strength times log frequency, centred."""
    logarithm = np.log(frequency)
    offsets: NDArray[np.float64] = strength * (logarithm.mean() - logarithm)
    return offsets
