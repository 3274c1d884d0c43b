# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Train a network on FER+: ``python -m emotionnet_ros.training.train --data DIR --run DIR``.

The run's folder gets ``last.pt`` after every epoch, from which the same command goes on after an
interruption, ``best.pt`` with the averaged weights of the best epoch on the validation split,
``history.json``, ``history.md`` and ``curves.png``.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional
from tqdm import tqdm

from emotionnet_ros.networks.modules import NanoModule
from emotionnet_ros.networks.tables import NETWORKS
from emotionnet_ros.training.augmentation import augment
from emotionnet_ros.training.calibration import softmax
from emotionnet_ros.training.config import ConfigError, TrainingConfig, read_config
from emotionnet_ros.training.curves import write_history
from emotionnet_ros.training.ferplus import (
    DataError,
    FerPlus,
    majority_labels,
    read_split,
    soft_labels,
)
from emotionnet_ros.training.metrics import Scores, score

# How a run is computed, not what: an interrupted run may go on with other values of these.
FREE_TO_CHANGE = ('device', 'threads', 'bfloat16', 'channels_last', 'compile')
DEFAULT_CONFIG = Path(__file__).with_name('nano_b.yaml')


@dataclass(frozen=True)
class TrainingSet:
    """Images, uint8 [N, 1, 48, 48], soft labels, float32 [N, 8], and sampling weights, [N]."""

    images: Tensor
    labels: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.images)


def training_set(data: FerPlus, balance: float, device: torch.device) -> TrainingSet:
    """Usable images of a split without duplicates, and how often to draw each of them."""
    labels = soft_labels(data.votes)
    usable = (labels.sum(axis=1) > 0) & ~data.is_duplicate
    images, labels = data.images[usable], labels[usable]
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


def soft_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy to label distributions, both float [N, classes]."""
    return -(labels * functional.log_softmax(logits.float(), dim=1)).sum(dim=1).mean()


def learning_rate_factor(step: int, steps: int, warmup: float) -> float:
    """Share of the highest learning rate at a step: a linear rise, then half a cosine to zero."""
    rising = warmup * steps
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1)))


def update_average(average: NanoModule, module: NanoModule, decay: float, step: int) -> None:
    """Move the averaged weights and statistics towards the current; faster at the beginning."""
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        source = module.state_dict()
        for name, value in average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(source[name], 1 - decay)
            else:
                value.copy_(source[name])


@torch.no_grad()  # type: ignore[untyped-decorator]
def predict_logits(
    module: NanoModule, images: NDArray[np.uint8], batch_size: int = 256
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


class Run:
    """One training run: what changes from step to step, its checkpoints and its history."""

    def __init__(self, config: TrainingConfig, folder: Path, steps_per_epoch: int) -> None:
        self.config = config
        self.folder = folder
        self.steps_per_epoch = steps_per_epoch
        self.device = torch.device(config.device)
        torch.manual_seed(config.seed)
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        self.module = NanoModule(NETWORKS[config.network])
        self.module.to(self.device, memory_format=layout)
        self.average = copy.deepcopy(self.module).eval()
        self.forward = torch.compile(self.module) if config.compile else self.module
        self.layout = layout
        decayed = [p for p in self.module.parameters() if p.ndim > 1]
        others = [p for p in self.module.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [
                {'params': decayed, 'weight_decay': config.weight_decay},
                {'params': others, 'weight_decay': 0.0},
            ],
            lr=config.learning_rate,
        )
        self.generator = Generator(self.device).manual_seed(config.seed)
        self.epoch = 0  # epochs completed
        self.history: list[dict[str, Any]] = []

    def train_epoch(self, data: TrainingSet, progress: tqdm[Any]) -> float:
        """Take as many images as the set has, drawn by their weights; return the mean loss."""
        config = self.config
        self.module.train()
        count = self.steps_per_epoch * config.batch_size
        order = torch.multinomial(data.weights, count, replacement=True, generator=self.generator)
        total = torch.zeros((), device=self.device)
        for index in range(self.steps_per_epoch):
            step = self.epoch * self.steps_per_epoch + index
            factor = learning_rate_factor(
                step, config.epochs * self.steps_per_epoch, config.warmup
            )
            for group in self.optimiser.param_groups:
                group['lr'] = config.learning_rate * factor
            rows = order[index * config.batch_size : (index + 1) * config.batch_size]
            images = augment(
                data.images[rows].float(), config.geometry, config.effects, self.generator
            ).contiguous(memory_format=self.layout)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=config.bfloat16):
                logits = self.forward(images)
            loss = soft_cross_entropy(logits, data.labels[rows])
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            update_average(self.average, self.module, config.ema_decay, step)
            total += loss.detach()
            progress.update()
        return float(total) / self.steps_per_epoch

    def record(self, loss: float, scores: Scores) -> bool:
        """Note a finished epoch; return whether it is the best so far on validation.

        The best has the highest mean of accuracy and balanced accuracy: neither the many nor the
        rare classes are given up for the other.
        """
        self.epoch += 1
        mean = (scores.accuracy + scores.balanced_accuracy) / 2
        is_best = all(mean > past['mean'] for past in self.history)
        row = {'epoch': self.epoch, 'loss': loss, 'mean': mean, **scores.as_dict()}
        self.history.append(row)
        return is_best

    def save(self, is_best: bool) -> None:
        """Write the checkpoints; each file is replaced whole or not at all."""
        shared = {'config': self.config.as_dict(), 'epoch': self.epoch, 'history': self.history}
        _write(
            self.folder / 'last.pt',
            {
                **shared,
                'module': self.module.state_dict(),
                'average': self.average.state_dict(),
                'optimiser': self.optimiser.state_dict(),
                'generator': self.generator.get_state(),
            },
        )
        if is_best:
            _write(self.folder / 'best.pt', {**shared, 'average': self.average.state_dict()})

    def resume(self) -> None:
        """Go on from ``last.pt``, if there is one.

        Raises
        ------
        ConfigError
            If the checkpoint was made with another configuration.
        """
        path = self.folder / 'last.pt'
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        ours = self.config.as_dict()
        unlike = [
            key
            for key in ours
            if key not in FREE_TO_CHANGE and state['config'].get(key) != ours[key]
        ]
        if unlike:
            raise ConfigError(
                f'{path} was made with another configuration (see {", ".join(unlike)}); '
                'give the old one, or another --run folder'
            )
        self.module.load_state_dict(state['module'])
        self.average.load_state_dict(state['average'])
        self.optimiser.load_state_dict(state['optimiser'])
        self.generator.set_state(state['generator'].cpu())
        self.epoch, self.history = state['epoch'], state['history']


def _write(path: Path, state: dict[str, Any]) -> None:
    temporary = path.with_suffix('.tmp')
    torch.save(state, temporary)
    os.replace(temporary, path)


def train(config: TrainingConfig, data_folder: Path, run_folder: Path) -> list[dict[str, Any]]:
    """Train or go on training, up to the configured epochs; return the history, a row an epoch."""
    torch.set_num_threads(config.threads)
    run_folder.mkdir(parents=True, exist_ok=True)
    device = torch.device(config.device)
    data = training_set(read_split(data_folder, 'train'), config.balance, device)
    images, labels = validation_set(read_split(data_folder, 'valid'))
    steps = len(data) // config.batch_size
    if steps == 0:
        raise ConfigError(f'batch_size {config.batch_size} exceeds the {len(data)} images')
    run = Run(config, run_folder, steps)
    run.resume()
    with tqdm(total=config.epochs * steps, initial=run.epoch * steps, unit='step') as progress:
        while run.epoch < config.epochs:
            loss = run.train_epoch(data, progress)
            scores = score(softmax(predict_logits(run.average, images)), labels)
            is_best = run.record(loss, scores)
            run.save(is_best)
            write_history(run.history, run_folder)
            progress.write(
                f'epoch {run.epoch}: loss {loss:.3f}, validation accuracy {scores.accuracy:.3f}, '
                f'balanced {scores.balanced_accuracy:.3f}, recall '
                + ' '.join(f'{recall:.2f}' for recall in scores.recall)
                + (' (best)' if is_best else '')
            )
    return run.history


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n\n')[0])
    parser.add_argument('--config', type=Path, default=DEFAULT_CONFIG, help='YAML file')
    parser.add_argument('--data', type=Path, required=True, help='folder with the FER+ splits')
    parser.add_argument('--run', type=Path, required=True, help='folder for checkpoints, history')
    options = parser.parse_args(arguments)
    try:
        train(read_config(options.config), options.data, options.run)
    except (ConfigError, DataError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
