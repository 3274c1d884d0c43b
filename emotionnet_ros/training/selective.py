# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answering only where the confidence suffices: what it costs, what it saves, where to draw it.

Everywhere ``confidence``, float [N], is the probability of the most likely class and ``correct``,
bool [N], whether that class is the label. An answer is given where confidence >= threshold, as in
the node; coverage is the share of images answered, risk the share of wrong ones among these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Confidence = NDArray[np.floating]
Correct = NDArray[np.bool_]

# Weight of the belief, in squared units of the two parameters, that confidence is honest.
_PRIOR = 1.0


@dataclass(frozen=True)
class RiskCoverage:
    """One entry for each distinct confidence, highest first; float64 [K] each, 0..1."""

    thresholds: NDArray[np.float64]
    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]


def risk_coverage(confidence: Confidence, correct: Correct) -> RiskCoverage:
    """Coverage and risk at every threshold that makes a difference.

    Raises
    ------
    ValueError
        If there is no image.
    """
    thresholds, answered, wrong = _by_confidence(confidence, correct)
    cumulative = answered.cumsum()
    return RiskCoverage(thresholds, cumulative / len(confidence), wrong.cumsum() / cumulative)


def area_under_risk_coverage(confidence: Confidence, correct: Correct) -> float:
    """Mean of the risk when the 1, 2, ... N most confident images are answered (AURC), 0..1.

    Images of the same confidence are taken in the mean of all their orders. Source: Geifman et
    al., "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR 2019.
    """
    _, answered, wrong = _by_confidence(confidence, correct)
    expected = np.repeat(wrong / answered, answered).cumsum()
    return float((expected / np.arange(1, len(confidence) + 1)).mean())


def _by_confidence(
    confidence: Confidence, correct: Correct
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct confidences, highest first, how many images have each, how many are wrong."""
    if len(confidence) == 0:
        raise ValueError('there is no image to answer')
    values, index = np.unique(confidence, return_inverse=True)
    answered = np.bincount(index)
    wrong = np.bincount(index[~correct], minlength=len(values))
    return values[::-1].astype(np.float64), answered[::-1], wrong[::-1]


def at_threshold(
    confidence: Confidence, correct: Correct, threshold: float
) -> dict[str, float | None]:
    """Give threshold, coverage and accuracy above it, ready for JSON; None: nothing answered."""
    answered = confidence.astype(np.float64) >= threshold
    accuracy = round(float(correct[answered].mean()), 4) if answered.any() else None
    return {
        'threshold': threshold,
        'coverage': round(float(answered.mean()), 4),
        'accuracy': accuracy,
    }


def unknown_threshold(
    confidence: Confidence, correct: Correct
) -> tuple[float, tuple[float, float]]:
    """Where to begin to answer: the confidence at which one is right half of the time.

    With a right answer worth as much as a wrong one costs, and silence worth nothing, answering
    pays from there on (Chow, "On optimum recognition error and reject tradeoff", 1970).
    How often one is right at a confidence is estimated by a logistic function of its log odds
    (Platt, 1999), with a weak belief that confidence is honest, which decides where hardly an
    image is. Counting bins or the best sum of right minus wrong answers would assume less, but on
    some thousand images either is several times as uncertain.

    Returns
    -------
    tuple[float, tuple[float, float]]
        The threshold and its 95 % interval (from the curvature of the likelihood), 0..1. Where
        higher confidence does not mean more right answers, 0 or 1: answer always or never.
    """
    odds = _log_odds(confidence)
    (intercept, slope), covariance = _fit(odds, correct)
    if slope <= 0:
        always = 2 * correct.sum() >= len(correct)
        return (0.0 if always else 1.0), (0.0, 1.0)
    centre = -intercept / slope
    gradient = np.array([-1.0, -centre]) / slope
    spread = 1.96 * math.sqrt(gradient @ covariance @ gradient)
    return _probability(centre), (_probability(centre - spread), _probability(centre + spread))


def _log_odds(confidence: Confidence) -> NDArray[np.float64]:
    bounded = np.clip(confidence.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(bounded / (1 - bounded)))


def _probability(log_odds: float) -> float:
    return 0.5 * (1 + math.tanh(log_odds / 2))


def _fit(
    odds: NDArray[np.float64], correct: Correct
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Intercept and slope, float64 [2], under which ``correct`` is most likely; covariance."""
    features = np.stack([np.ones_like(odds), odds], axis=1)
    honest = np.array([0.0, 1.0])
    signs = np.where(correct, 1.0, -1.0)

    def cost(at: NDArray[np.float64]) -> float:
        miss = np.logaddexp(0, -signs * (features @ at)).sum()
        return float(miss + _PRIOR / 2 * ((at - honest) ** 2).sum())

    weights = honest
    while True:  # Newton's steps, halved where they overshoot; the cost has one minimum
        right = 0.5 * (1 + np.tanh(features @ weights / 2))
        gradient = features.T @ (right - correct) + _PRIOR * (weights - honest)
        curvature = (features.T * (right * (1 - right))) @ features + _PRIOR * np.eye(2)
        covariance = np.linalg.inv(curvature)
        step = covariance @ gradient
        before = cost(weights)
        while cost(weights - step) > before and np.abs(step).max() > 1e-9:
            step = step / 2
        if np.abs(step).max() <= 1e-9:
            return weights, covariance
        weights = weights - step


def summary(
    confidence: Confidence,
    correct: Correct,
    node_threshold: float,
    choose: bool,
    points: int = 20,
) -> dict[str, object]:
    """Everything about answering selectively, ready for JSON.

    Parameters
    ----------
    confidence, correct
        As above.
    node_threshold
        The one that is in use, 0..1.
    choose
        Whether to choose a threshold as well; never on images that were kept for the last test.
    points
        How many of the curve to give, evenly spaced in coverage.
    """
    curve = risk_coverage(confidence, correct)
    wanted = np.arange(1, points + 1) / points
    # Ties can make two of them the same.
    index = np.unique(np.searchsorted(curve.coverage, wanted - 1e-9).clip(max=len(curve.risk) - 1))
    result: dict[str, object] = {
        'aurc': round(area_under_risk_coverage(confidence, correct), 4),
        'node': at_threshold(confidence, correct, node_threshold),
        'curve': {
            'threshold': curve.thresholds[index].round(4).tolist(),
            'coverage': curve.coverage[index].round(4).tolist(),
            'risk': curve.risk[index].round(4).tolist(),
        },
    }
    if choose:
        threshold, interval = unknown_threshold(confidence, correct)
        result['chosen'] = {
            **at_threshold(confidence, correct, round(threshold, 2)),
            'interval': [round(bound, 2) for bound in interval],
        }
    return result
