# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Train and evaluate on CK+: ``python -m emotionnet_ros.training.cross_validation --data DIR``.

The subject-independent protocol: the subjects, in order of their names, are dealt out to the
folds in turn; for each fold a network is trained on the other folds and answers for this one.
Nobody whom it answers for has been trained on, nor has chosen anything: the weights are those of
the last epoch, as no picture is left that could choose one. (Holding out another fold to choose
would take a ninth of the few pictures away, and with a learning rate that falls to zero there is
little to choose.)

The run's folder gets a folder for each fold, and ``report.json`` and ``report.md`` at the end. The
same command goes on after an interruption, within a fold too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.faces.detection import DetectorError, open_detector
from emotionnet_ros.training.calibration import softmax
from emotionnet_ros.training.ckplus import read_ckplus
from emotionnet_ros.training.config import ConfigError, TrainingConfig, read_config
from emotionnet_ros.training.face_images import LabelledImages, read_bytes
from emotionnet_ros.training.ferplus import DataError
from emotionnet_ros.training.metrics import Scores, score
from emotionnet_ros.training.run import FREE_TO_CHANGE, CheckpointError, TrainingError
from emotionnet_ros.training.train import balanced_set, fit, open_run, predict_logits

DEFAULT_CONFIG = Path(__file__).with_name('ckplus.yaml')
SETTINGS, ANSWERS, REPORT = 'settings.json', 'answers.json', 'report'
_FIGURES = ('accuracy', 'balanced_accuracy')


def folds_by_subject(subjects: Sequence[str], folds: int) -> NDArray[np.int64]:
    """Deal the subjects out to the folds: of their sorted names, fold k takes every n-th.

    Parameters
    ----------
    subjects
        Whom each of N pictures shows.
    folds
        How many folds, at least 2.

    Returns
    -------
    NDArray[np.int64]
        [N], the fold of each picture, from 0.

    Raises
    ------
    DataError
        If a subject is unknown, or there are fewer subjects than folds.
    """
    names = sorted(set(subjects))
    if '' in names:
        raise DataError('it is not known of every picture whom it shows')
    if not 2 <= folds <= len(names):
        raise DataError(f'{len(names)} subjects cannot be dealt out to {folds} folds')
    fold_of = {name: index % folds for index, name in enumerate(names)}
    return np.array([fold_of[name] for name in subjects], dtype=np.int64)


def cross_validate(
    config: TrainingConfig,
    data: LabelledImages,
    run_folder: Path,
    folds: int = 10,
    start: Path | None = None,
) -> dict[str, Any]:
    """Train and evaluate fold after fold, or go on; return the report, ready for JSON.

    Parameters
    ----------
    config
        Of every fold's training; nothing in it may need more than labelled pictures.
    data
        Pictures whose subjects are known.
    run_folder
        For checkpoints, answers and the report.
    folds
        How many folds.
    start
        Checkpoint whose weights every fold begins with; it must know none of the pictures.

    Raises
    ------
    ConfigError, DataError, CheckpointError, TrainingError
        What cannot be used and why.
    """
    if config.distillation or config.fer2013:
        raise ConfigError('distillation and fer2013 have no place in a cross-validation')
    torch.set_num_threads(config.threads)
    fold_of = folds_by_subject(data.subjects, folds)
    run_folder.mkdir(parents=True, exist_ok=True)
    _claim(run_folder / SETTINGS, _settings(config, data, folds, start))
    steps = [
        config.epochs * (int((fold_of != fold).sum()) // config.batch_size)
        for fold in range(folds)
    ]
    probabilities = np.zeros((len(data), len(EXPRESSIONS)), np.float32)
    for fold in range(folds):
        folder = run_folder / f'fold_{fold + 1:02d}'
        tested = fold_of == fold
        if not (folder / ANSWERS).is_file():
            done, name = sum(steps[:fold]), f'fold {fold + 1}/{folds}'
            run = open_run(config, folder, int((~tested).sum()), start)
            trained = balanced_set(
                data.images[~tested],
                np.eye(len(EXPRESSIONS), dtype=np.float32)[data.labels[~tested]],
                config.balance,
                run.device,
            )
            initial = done + run.epoch * run.steps_per_epoch
            with tqdm(total=sum(steps), initial=initial, unit='step', desc=name) as progress:
                fit(run, trained, progress)
            answers = softmax(predict_logits(run.average, data.images[tested]))
            _replace_text(folder / ANSWERS, json.dumps(answers.tolist()) + '\n')
        probabilities[tested] = _read_answers(folder / ANSWERS, int(tested.sum()))
        scores = score(probabilities[tested], data.labels[tested])
        print(f'fold {fold + 1} of {folds}: {_headline(scores)}', file=sys.stderr)
    result = report(data, fold_of, probabilities)
    result['settings'] = json.loads((run_folder / SETTINGS).read_text(encoding='utf-8'))
    _replace_text(run_folder / f'{REPORT}.json', json.dumps(result, indent=1) + '\n')
    _replace_text(run_folder / f'{REPORT}.md', table(result) + '\n')
    return result


def report(
    data: LabelledImages, fold_of: NDArray[np.int64], probabilities: NDArray[np.float32]
) -> dict[str, Any]:
    """Score every fold alone and all pictures together.

    Parameters
    ----------
    data
        N pictures.
    fold_of
        Int64 [N], the fold of each picture.
    probabilities
        Float32 [N, 8], what the network that had not seen its fold says of each picture.

    Returns
    -------
    dict[str, Any]
        ``folds``, a row each; ``mean`` and ``standard_deviation`` (of a sample) over the folds;
        ``pooled``, the scores of all pictures together.
    """
    rows: list[dict[str, Any]] = []
    for fold in range(int(fold_of.max()) + 1):
        tested = fold_of == fold
        subjects = sorted({name for name, own in zip(data.subjects, tested, strict=True) if own})
        scores = score(probabilities[tested], data.labels[tested])
        rows.append({'fold': fold + 1, 'subjects': subjects, **scores.as_dict()})
    values = {name: [row[name] for row in rows] for name in _FIGURES}
    return {
        'protocol': data.protocol,
        'folds': rows,
        'mean': {name: round(float(np.mean(values[name])), 4) for name in _FIGURES},
        'standard_deviation': {
            name: round(float(np.std(values[name], ddof=1)), 4) for name in _FIGURES
        },
        'pooled': score(probabilities, data.labels).as_dict(),
    }


def table(result: dict[str, Any]) -> str:
    """Write a report in Markdown: the folds, their mean, the pooled figures and the confusion."""
    lines = [
        result['protocol'],
        '',
        '| fold | subjects | images | accuracy | balanced accuracy |',
        '|---|---|---|---|---|',
    ]
    for row in result['folds']:
        figures = ' | '.join(f'{row[name]:.1%}' for name in _FIGURES)
        lines.append(f'| {row["fold"]} | {len(row["subjects"])} | {row["count"]} | {figures} |')
    spread = ' | '.join(
        f'{result["mean"][name]:.1%} ± {result["standard_deviation"][name]:.1%}'
        for name in _FIGURES
    )
    pooled = result['pooled']
    lines += [
        f'| mean ± standard deviation | | | {spread} |',
        f'| pooled | {sum(len(row["subjects"]) for row in result["folds"])} | {pooled["count"]} | '
        + ' | '.join(f'{pooled[name]:.1%}' for name in _FIGURES)
        + ' |',
        '',
        '| label \\ answer | ' + ' | '.join(EXPRESSIONS) + ' | recall |',
        '|' + '---|' * (len(EXPRESSIONS) + 2),
    ]
    for name, counts in zip(EXPRESSIONS, pooled['confusion'], strict=True):
        if pooled['images'][name]:
            cells = [name, *map(str, counts), f'{pooled["recall"][name]:.1%}']
            lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def _headline(scores: Scores) -> str:
    return (
        f'{scores.count} images, accuracy {scores.accuracy:.1%}, '
        f'balanced {scores.balanced_accuracy:.1%}'
    )


def _settings(
    config: TrainingConfig, data: LabelledImages, folds: int, start: Path | None
) -> dict[str, Any]:
    """Everything that decides the outcome: pictures and weights by their digests."""
    digest = hashlib.sha256(data.images.tobytes() + data.labels.tobytes())
    digest.update('\n'.join(data.subjects).encode())
    settings = {key: v for key, v in config.as_dict().items() if key not in FREE_TO_CHANGE}
    return {
        'data': digest.hexdigest(),
        'folds': folds,
        'start': hashlib.sha256(read_bytes(start)).hexdigest() if start else None,
        **settings,
    }


def _claim(path: Path, settings: dict[str, Any]) -> None:
    """Note the settings in a new folder; refuse a folder that has others."""
    if not path.is_file():
        _replace_text(path, json.dumps(settings, indent=1) + '\n')
        return
    noted = _read_json(path)
    unlike = [key for key in settings if key not in noted or noted[key] != settings[key]]
    if unlike:
        raise ConfigError(
            f'{path} is of a cross-validation with other settings (see {", ".join(unlike)}); '
            'give the old ones, or another --run folder'
        )


def _read_answers(path: Path, count: int) -> NDArray[np.float32]:
    try:
        answers = np.array(_read_json(path), dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise CheckpointError(f'{path} does not hold probabilities: {error}') from error
    if answers.shape != (count, len(EXPRESSIONS)):
        raise CheckpointError(f'{path} does not hold the answers for {count} pictures: delete it')
    return answers


def _read_json(path: Path) -> Any:
    try:
        return json.loads(read_bytes(path))
    except ValueError as error:
        raise CheckpointError(f'{path} is not JSON: {error}; delete it') from error


def _replace_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    temporary = path.with_suffix('.tmp')
    temporary.write_text(text, encoding='utf-8')
    os.replace(temporary, path)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split(':')[0])
    parser.add_argument('--config', type=Path, default=DEFAULT_CONFIG, help='YAML file')
    parser.add_argument('--data', type=Path, required=True, help='folder with CK+')
    parser.add_argument('--run', type=Path, required=True, help='folder for folds and report')
    parser.add_argument('--folds', type=int, default=10)
    parser.add_argument('--start', type=Path, help='checkpoint whose weights to begin with')
    parser.add_argument(
        '--without-face',
        choices=('fail', 'skip'),
        default='fail',
        help='what to do about a full frame in which the detector finds no face',
    )
    parser.add_argument(
        '--detector-model', default='', help='model file of the detector for full frames'
    )
    options = parser.parse_args(arguments)
    try:
        config = read_config(options.config)
        model = options.detector_model
        detector = open_detector(model_path=model) if model else None
        data = read_ckplus(options.data, detector, options.without_face)
        result = cross_validate(config, data, options.run, options.folds, options.start)
    except (ConfigError, DataError, DetectorError, CheckpointError, TrainingError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('interrupted: the same command goes on after the last epoch', file=sys.stderr)
        return 130
    print(table(result))
    return 0


if __name__ == '__main__':
    sys.exit(main())
