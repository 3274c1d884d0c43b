# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a classifier's probabilities are worth; NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.expressions import EXPRESSIONS


@dataclass(frozen=True)
class Scores:
    """Figures of one network on one set of labelled images.

    ``confusion`` is int64 [8, 8], rows the labels, columns the answers; ``recall`` is float64 [8],
    NaN for a class without images; ``balanced_accuracy`` is the mean of the recalls that exist;
    ``ece`` is the expected calibration error of the most probable class.
    """

    count: int
    accuracy: float
    balanced_accuracy: float
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    confusion: NDArray[np.int64]
    ece: float

    def as_dict(self) -> dict[str, object]:
        """Everything, ready for JSON; None stands for what does not exist."""

        def by_class(values: NDArray[np.float64]) -> dict[str, float | None]:
            return {
                name: None if np.isnan(value) else round(float(value), 4)
                for name, value in zip(EXPRESSIONS, values, strict=True)
            }

        return {
            'count': self.count,
            'accuracy': round(self.accuracy, 4),
            'balanced_accuracy': round(self.balanced_accuracy, 4),
            'recall': by_class(self.recall),
            'precision': by_class(self.precision),
            'images': dict(zip(EXPRESSIONS, self.confusion.sum(axis=1).tolist(), strict=True)),
            'ece': round(self.ece, 4),
            'confusion': self.confusion.tolist(),
        }


def score(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> Scores:
    """Score probabilities, float [N, 8], against labels, int64 [N], each 0..7.

    Raises
    ------
    ValueError
        If there is no image, or the shapes or labels do not fit.
    """
    classes = len(EXPRESSIONS)
    if len(labels) == 0:
        raise ValueError('nothing to score: there is no labelled image')
    if probabilities.shape != (len(labels), classes):
        raise ValueError(f'{probabilities.shape} probabilities for {len(labels)} labels')
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f'labels must lie in 0..{classes - 1}')
    answers = probabilities.argmax(axis=1)
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (labels, answers), 1)
    hits = confusion.diagonal().astype(np.float64)
    with np.errstate(invalid='ignore'):
        recall = hits / confusion.sum(axis=1)
        precision = hits / confusion.sum(axis=0)
    return Scores(
        count=len(labels),
        accuracy=float(hits.sum() / len(labels)),
        balanced_accuracy=float(np.nanmean(recall)),
        recall=recall,
        precision=precision,
        confusion=confusion,
        ece=expected_calibration_error(probabilities, labels),
    )


def expected_calibration_error(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], bins: int = 15
) -> float:
    """Mean gap between confidence and accuracy over equally wide bins, weighted by their images.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    gap = np.bincount(_bin(confidence, bins), weights=confidence - correct, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))


def reliability(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = 15
) -> dict[str, list[float | None]]:
    """Images, mean confidence and accuracy of each bin of the calibration error, for JSON.

    Parameters
    ----------
    confidence
        Probability of the most likely class, float [N], 0..1.
    correct
        Whether it is the label, bool [N].
    bins
        How many, equally wide.
    """
    index = _bin(confidence, bins)
    count = np.bincount(index, minlength=bins)

    def means(values: NDArray[np.generic]) -> list[float | None]:
        sums = np.bincount(index, weights=values, minlength=bins)
        return [round(float(s / n), 4) if n else None for s, n in zip(sums, count, strict=True)]

    return {'images': count.tolist(), 'confidence': means(confidence), 'accuracy': means(correct)}


def _bin(confidence: NDArray[np.floating], bins: int) -> NDArray[np.int64]:
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)
