# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate a weight file: ``python -m emotionnet_ros.training.evaluate WEIGHTS --data DIR``.

The weights are run by ONNX Runtime, as in the robot. Labels follow FER+'s majority protocol;
images that stand in another split too are left out unless ``--keep-copies`` is given.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.training.card import CardError, record_figures
from emotionnet_ros.training.ferplus import SPLITS, DataError, majority_labels, read_split
from emotionnet_ros.training.metrics import score


def predict(weights: Path, images: NDArray[np.uint8], threads: int = 1) -> NDArray[np.float32]:
    """Probabilities, float32 [N, 8], of images, uint8 [N, 48, 48].

    Raises
    ------
    DataError
        If ONNX Runtime cannot load the weights.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(
            weights, options, providers=['CPUExecutionProvider']
        )
    except Exception as error:  # ONNX Runtime's own classes share no documented base
        raise DataError(f'{weights} cannot be loaded: {error}') from error
    batches = [
        session.run(['probabilities'], {'image': images[i : i + 256, None].astype(np.float32)})[0]
        for i in range(0, len(images), 256)
    ]
    return np.concatenate(batches)


def evaluate(
    weights: Path, data_folder: Path, split: str, keep_copies: bool = False, threads: int = 1
) -> dict[str, Any]:
    """Score a weight file on the images of a split that have a majority label.

    Returns
    -------
    dict[str, Any]
        Ready for JSON: the file, its digest, the split, the protocol, and the scores.

    Raises
    ------
    DataError
        If the data or the weights cannot be read.
    """
    data = read_split(data_folder, split)
    labels = majority_labels(data.votes)
    chosen = labels >= 0
    if not keep_copies:
        chosen &= ~data.is_in_other_split
    if not chosen.any():
        raise DataError(f'{data_folder}: no image of the split {split} is left to evaluate')
    scores = score(predict(weights, data.images[chosen], threads), labels[chosen])
    return {
        'weights': weights.name,
        'sha256': hashlib.sha256(weights.read_bytes()).hexdigest(),
        'split': split,
        'labels': 'FER+ majority',
        'copies_in_other_splits': 'kept' if keep_copies else 'left out',
        **scores.as_dict(),
    }


def table(result: dict[str, Any]) -> str:
    """Summarise an evaluation in Markdown: headline figures and the confusion matrix."""
    lines = [
        f'{result["weights"]} on the {result["split"]} split, {result["count"]} images '
        f'(copies in other splits {result["copies_in_other_splits"]}):',
        f'accuracy {result["accuracy"]:.1%}, balanced accuracy '
        f'{result["balanced_accuracy"]:.1%}, expected calibration error {result["ece"]:.3f}',
        '',
        '| label \\ answer | ' + ' | '.join(EXPRESSIONS) + ' | recall | precision |',
        '|' + '---|' * (len(EXPRESSIONS) + 3),
    ]
    for name, row in zip(EXPRESSIONS, result['confusion'], strict=True):
        shares = [_share(result[key][name]) for key in ('recall', 'precision')]
        lines.append('| ' + ' | '.join([name, *map(str, row), *shares]) + ' |')
    return '\n'.join(lines)


def _share(value: float | None) -> str:
    return '-' if value is None else f'{value:.1%}'


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split(':')[0])
    parser.add_argument('weights', type=Path, help='ONNX weight file')
    parser.add_argument('--data', type=Path, required=True, help='folder with the FER+ splits')
    parser.add_argument('--split', choices=SPLITS, default='valid')
    parser.add_argument('--keep-copies', action='store_true')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--json', type=Path, help='write the result to this file')
    parser.add_argument(
        '--card', action='store_true', help='record the result in the figures and card beside'
    )
    options = parser.parse_args(arguments)
    try:
        result = evaluate(
            options.weights, options.data, options.split, options.keep_copies, options.threads
        )
        if options.card:
            name = options.split + ('_with_copies' if options.keep_copies else '')
            record_figures(options.weights, {name: result})
    except (DataError, CardError) as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + '\n', encoding='utf-8')
    print(table(result))
    return 0


if __name__ == '__main__':
    sys.exit(main())
