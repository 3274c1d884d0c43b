# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Train a network on FER+: ``python -m emotionnet_ros.training.train --data DIR --run DIR``.

The run's folder gets ``last.pt`` after every epoch, from which the same command goes on after an
interruption, ``best.pt`` with the averaged weights of the best epoch on the validation split,
``history.json``, ``history.md`` and ``curves.png``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from emotionnet_ros.networks.face_resnet import FaceResNet
from emotionnet_ros.training.calibration import (
    fit_temperature,
    negative_log_likelihood,
    softmax,
)
from emotionnet_ros.training.config import ConfigError, TrainingConfig, read_config
from emotionnet_ros.training.curves import write_history
from emotionnet_ros.training.distillation import read_averaged, teachers_answers
from emotionnet_ros.training.face_recognition import (
    FaceWeightsError,
    read_face_weights,
    transplant,
)
from emotionnet_ros.training.ferplus import (
    DataError,
    FerPlus,
    blend_fer2013,
    majority_labels,
    read_split,
    soft_labels,
)
from emotionnet_ros.training.metrics import score
from emotionnet_ros.training.run import (
    CheckpointError,
    Run,
    TrainingError,
    TrainingSet,
    usable_device,
)

# Faces whose statistics batch normalisation begins with, where weights are transplanted.
FACES_FOR_STATISTICS = 400

DEFAULT_CONFIG = Path(__file__).with_name('nano_b.yaml')


def training_set(data: FerPlus, config: TrainingConfig, device: torch.device) -> TrainingSet:
    """Usable images of a split without duplicates, and how often to draw each of them."""
    labels = blend_fer2013(soft_labels(data.votes), data.fer2013, config.fer2013)
    usable = (labels.sum(axis=1) > 0) & ~data.is_duplicate
    return balanced_set(data.images[usable], labels[usable], config.balance, device)


def balanced_set(
    images: NDArray[np.uint8], labels: NDArray[np.float32], balance: float, device: torch.device
) -> TrainingSet:
    """Make a training set that draws an image the oftener the rarer its classes are.

    Parameters
    ----------
    images
        Uint8 [N, 48, 48].
    labels
        Distributions over the expressions, float32 [N, 8].
    balance
        As in TrainingConfig.
    device
        Where the set is to lie.
    """
    frequency = np.maximum(labels.sum(axis=0), 1.0)
    weights = labels @ (frequency**-balance)
    return TrainingSet(
        torch.from_numpy(images)[:, None].to(device),
        torch.from_numpy(labels).to(device),
        torch.from_numpy(weights.astype(np.float32)).to(device),
    )


def validation_set(data: FerPlus) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images with a majority label, without duplicates, and their labels."""
    labels = majority_labels(data.votes)
    usable = (labels >= 0) & ~data.is_duplicate
    return data.images[usable], labels[usable]


@torch.no_grad()  # type: ignore[untyped-decorator]
def predict_logits(
    module: nn.Module, images: NDArray[np.uint8], batch_size: int = 256
) -> NDArray[np.float32]:
    """Logits, float32 [N, 8], of images, uint8 [N, 48, 48]."""
    module.eval()
    device = next(module.parameters()).device
    batches = [
        module(torch.from_numpy(images[i : i + batch_size])[:, None].float().to(device)).cpu()
        for i in range(0, len(images), batch_size)
    ]
    logits: NDArray[np.float32] = torch.cat(batches).float().numpy()
    return logits


def train(
    config: TrainingConfig,
    data_folder: Path,
    run_folder: Path,
    teachers: Sequence[Path] = (),
    start: Path | None = None,
    face_weights: Path | None = None,
) -> list[dict[str, Any]]:
    """Train or go on training, up to the configured epochs; return the history, a row an epoch.

    ``teachers`` and ``start`` are checkpoints: of the networks to learn from, where the
    configuration has a share of distillation, and of the network whose weights to begin with.
    ``face_weights`` is a folder for read_face_weights, from which a FaceResNet may begin.
    """
    torch.set_num_threads(config.threads)
    device = usable_device(config.device)
    data = training_set(read_split(data_folder, 'train'), config, device)
    validation = validation_set(read_split(data_folder, 'valid'))
    run = open_run(config, run_folder, len(data), start)
    if face_weights is not None and run.epoch == 0:
        begin_with_face_weights(run, face_weights, data.images)
    if config.distillation:
        answers = teachers_answers(
            run_folder,
            teachers,
            data.images,
            config.teacher_views,
            config.geometry,
            config.seed,
        )
        data = replace(data, labels=torch.lerp(data.labels, answers, config.distillation))
    steps = run.steps_per_epoch
    with tqdm(total=config.epochs * steps, initial=run.epoch * steps, unit='step') as progress:
        fit(run, data, progress, validation)
    return run.history


def begin_with_face_weights(run: Run, folder: Path, images: Tensor) -> None:
    """Put the face recognition network's weights into a new run.

    Raises
    ------
    ConfigError
        If the run trains another network than FaceResNet.
    FaceWeightsError
        If the weights cannot be used.
    """
    if not isinstance(run.module, FaceResNet):
        raise ConfigError(f'{run.config.network} cannot begin with a recognition network')
    chosen = images[:: max(len(images) // FACES_FOR_STATISTICS, 1)]
    transplant(run.module, read_face_weights(folder), chosen)
    run.average.load_state_dict(run.module.state_dict())


def open_run(config: TrainingConfig, folder: Path, images: int, start: Path | None = None) -> Run:
    """Begin a run on a count of images, or go on where the one in the folder stopped.

    Raises
    ------
    ConfigError
        If there are fewer images than a batch has, or the folder holds another run.
    CheckpointError
        If the checkpoint to start from or to go on from cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    steps = images // config.batch_size
    if steps == 0:
        raise ConfigError(f'batch_size {config.batch_size} exceeds the {images} images')
    run = Run(config, folder, steps)
    if start is not None:
        run.start_from(read_averaged(start, run.device).state_dict())
    run.resume()
    return run


def fit(
    run: Run,
    data: TrainingSet,
    progress: tqdm[Any],
    validation: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None,
) -> None:
    """Train a run up to its last epoch, with a checkpoint after each.

    ``validation``, images and labels as from validation_set, chooses the best epoch; without it
    there is none, and the history holds the losses alone.
    """
    while run.epoch < run.config.epochs:
        loss = run.train_epoch(data, progress)
        if validation is None:
            run.record(loss)
            run.save(is_best=False)
            progress.set_postfix_str(f'epoch {run.epoch}, loss {loss:.3f}', refresh=False)
            continue
        images, labels = validation
        logits = predict_logits(run.average, images)
        calibrated = logits / fit_temperature(logits, labels)
        scores = score(softmax(logits), labels)
        is_best = run.record_validated(loss, scores, negative_log_likelihood(calibrated, labels))
        run.save(is_best)
        write_history(run.history, run.folder)
        progress.write(
            f'epoch {run.epoch}: loss {loss:.3f}, validation accuracy {scores.accuracy:.3f}, '
            f'balanced {scores.balanced_accuracy:.3f}, '
            f'likelihood cost {run.history[-1]["nll"]:.4f}, recall '
            + ' '.join(f'{recall:.2f}' for recall in scores.recall)
            + (' (best)' if is_best else '')
        )


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n\n')[0])
    parser.add_argument('--config', type=Path, default=DEFAULT_CONFIG, help='YAML file')
    parser.add_argument('--data', type=Path, required=True, help='folder with the FER+ splits')
    parser.add_argument('--run', type=Path, required=True, help='folder for checkpoints, history')
    parser.add_argument(
        '--teacher',
        type=Path,
        nargs='+',
        default=(),
        help='checkpoints to learn from, where the configuration has distillation',
    )
    parser.add_argument('--start', type=Path, help='checkpoint whose weights to begin with')
    parser.add_argument(
        '--face-weights',
        type=Path,
        metavar='DIR',
        help='folder with a recognition network that face_resnet begins with',
    )
    options = parser.parse_args(arguments)
    try:
        train(
            read_config(options.config),
            options.data,
            options.run,
            options.teacher,
            options.start,
            options.face_weights,
        )
    except (ConfigError, DataError, CheckpointError, TrainingError, FaceWeightsError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('interrupted: the same command goes on after the last epoch', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
