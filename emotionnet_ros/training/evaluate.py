# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate a weight file: ``python -m emotionnet_ros.training.evaluate WEIGHTS --data DIR``.

The weights are run by ONNX Runtime, as in the robot; torch is not needed. In FER+ layout labels
follow the majority protocol, and images that stand in another split too are left out unless
``--keep-copies`` is given.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from emotionnet_ros.inference.classifier import Classifier, ModelError
from emotionnet_ros.inference.smoothing import SmoothingSettings
from emotionnet_ros.training.card import CardError, record_figures
from emotionnet_ros.training.corruptions import CORRUPTIONS, corrupt
from emotionnet_ros.training.ferplus import SPLITS, DataError
from emotionnet_ros.training.labelled import LAYOUTS, LabelledImages
from emotionnet_ros.training.metrics import reliability, score
from emotionnet_ros.training.report import ReportError, prepare, table, write_report
from emotionnet_ros.training.selective import summary

_BATCH = 256


def predict(weights: Path, images: NDArray[np.uint8], threads: int = 1) -> NDArray[np.float32]:
    """Probabilities, float32 [N, 8], of images, uint8 [N, 48, 48].

    Raises
    ------
    DataError
        If the weights cannot be loaded, or are no expression network.
    """
    return _predict(_load(weights, threads), images)


def _load(weights: Path, threads: int) -> Classifier:
    try:
        return Classifier(str(weights), threads)
    except ModelError as error:
        raise DataError(str(error)) from error


def _predict(network: Classifier, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    batches = [network.classify(images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
    return np.concatenate(batches)


def evaluate(
    weights: Path,
    data_folder: Path,
    split: str = 'valid',
    keep_copies: bool = False,
    threads: int = 1,
    *,
    layout: str = 'ferplus',
    corruptions: bool = False,
) -> dict[str, Any]:
    """Score a weight file on labelled images.

    Parameters
    ----------
    weights
        ONNX file with the input and output of ``inference.classifier.Classifier``.
    data_folder, split, keep_copies
        As the layout's reader takes them.
    threads
        Of the network.
    layout
        A key of LAYOUTS.
    corruptions
        Whether to evaluate under every corruption at every strength as well; shows a progress
        bar.

    Returns
    -------
    dict[str, Any]
        Ready for JSON: the file, its digest, what the images are, the scores, calibration, risk
        and coverage, and the scores under corruptions. A threshold for ``unknown`` is chosen on
        any split but ``test``.

    Raises
    ------
    DataError
        If the data or the weights cannot be read.
    """
    data = LAYOUTS[layout](data_folder, split, keep_copies)
    network = _load(weights, threads)
    probabilities = _predict(network, data.images)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == data.labels
    scores = score(probabilities, data.labels)
    result = {
        'weights': weights.name,
        'sha256': hashlib.sha256(weights.read_bytes()).hexdigest(),
        'layout': layout,
        'split': split,
        'protocol': data.protocol,
        **scores.as_dict(),
        'reliability': reliability(confidence, correct),
        'selective': summary(
            confidence, correct, SmoothingSettings().min_confidence, choose=split != 'test'
        ),
    }
    if corruptions:
        result['corruptions'] = under_corruptions(network, data, scores.accuracy)
    return result


def under_corruptions(
    network: Classifier, data: LabelledImages, accuracy: float
) -> dict[str, dict[str, Any]]:
    """Scores under each corruption at each strength, ready for JSON.

    Parameters
    ----------
    network
        What answers.
    data
        The images as they are, and their labels.
    accuracy
        On the images as they are, 0..1; ``points_lost`` is the percentage points below it.
    """
    result: dict[str, dict[str, Any]] = {}
    runs = [(name, strength) for name, row in CORRUPTIONS.items() for strength in row.amounts]
    for name, strength in tqdm(runs, desc='corruptions', disable=None):
        images = corrupt(data.images, name, strength)
        scores = score(_predict(network, images), data.labels)
        of_name = result.setdefault(name, {'unit': CORRUPTIONS[name].unit})
        of_name[strength] = {
            'amount': CORRUPTIONS[name].amounts[strength],
            'accuracy': round(scores.accuracy, 4),
            'balanced_accuracy': round(scores.balanced_accuracy, 4),
            # Adding zero: a minus before a zero would be odd.
            'points_lost': round(100 * (accuracy - scores.accuracy), 1) + 0.0,
        }
    return result


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split(':')[0])
    parser.add_argument('weights', type=Path, help='ONNX weight file')
    parser.add_argument('--data', type=Path, required=True, help='folder of the data set')
    parser.add_argument('--layout', choices=LAYOUTS, default='ferplus', help='its layout')
    parser.add_argument(
        '--split', choices=SPLITS, default='valid', help='of layouts that have splits'
    )
    parser.add_argument('--keep-copies', action='store_true')
    parser.add_argument(
        '--corruptions', action='store_true', help='also under each corruption, some 40 times'
    )
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--json', type=Path, help='write the result to this file')
    parser.add_argument('--report', type=Path, help='write table and pictures to this folder')
    parser.add_argument(
        '--card', action='store_true', help='record the result in the figures and card beside'
    )
    options = parser.parse_args(arguments)
    if options.card and options.layout != 'ferplus':
        parser.error('--card records the splits of FER+ only; use --json or --report')
    try:
        if options.report:  # before the long work
            prepare(options.report)
        result = evaluate(
            options.weights,
            options.data,
            options.split,
            options.keep_copies,
            options.threads,
            layout=options.layout,
            corruptions=options.corruptions,
        )
        print(table(result))
        if options.card:
            name = options.split + ('_with_copies' if options.keep_copies else '')
            record_figures(options.weights, {name: result})
        if options.json:
            options.json.write_text(json.dumps(result, indent=1) + '\n', encoding='utf-8')
        if options.report:
            write_report(result, options.report)
    except (DataError, CardError, ReportError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
