# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One training run: its steps, its averaged weights, its checkpoints and its history."""

from __future__ import annotations

import copy
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from emotionnet_ros.training.augmentation import augment
from emotionnet_ros.training.config import ConfigError, TrainingConfig
from emotionnet_ros.training.metrics import Scores

# How a run is computed, not what: an interrupted run may go on with other values of these.
FREE_TO_CHANGE = ('device', 'threads', 'bfloat16', 'channels_last', 'compile')


class TrainingError(RuntimeError):
    """Training cannot go on."""


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read; the message names the file."""


@dataclass(frozen=True)
class TrainingSet:
    """Images, uint8 [N, 1, 48, 48], soft labels, float32 [N, 8], and sampling weights, [N]."""

    images: Tensor
    labels: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.images)


def soft_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy to label distributions, both float [N, classes]."""
    return -(labels * functional.log_softmax(logits.float(), dim=1)).sum(dim=1).mean()


def mixup(
    images: Tensor, labels: Tensor, alpha: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Blend every image and its label with another of the batch, in shares of Beta(alpha, alpha).

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.
    """
    # Of two gamma-distributed numbers the share of one is beta-distributed.
    gamma = torch._standard_gamma(
        torch.full((2, len(images)), alpha, device=images.device), generator=generator
    )
    share = gamma[0] / gamma.sum(dim=0).clamp(min=1e-12)
    share = torch.maximum(share, 1 - share)
    other = torch.randperm(len(images), generator=generator, device=images.device)
    blend = share[:, None, None, None]
    mixed = blend * images + (1 - blend) * images[other]
    return mixed, share[:, None] * labels + (1 - share[:, None]) * labels[other]


def learning_rate_factor(step: int, steps: int, warmup: float) -> float:
    """Share of the highest learning rate at a step: a linear rise, then half a cosine to zero."""
    rising = warmup * steps
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1)))


def update_average(average: nn.Module, module: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights and statistics towards the current; faster at the beginning."""
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        source = module.state_dict()
        for name, value in average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(source[name], 1 - decay)
            else:
                value.copy_(source[name])


def usable_device(name: str) -> torch.device:
    """Return torch's device of a name such as ``cpu`` or ``cuda``.

    Raises
    ------
    ConfigError
        If there is no such device here.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f'device {name!r} cannot be used: {error}') from error
    return device


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a file that Run.save wrote.

    Raises
    ------
    CheckpointError
        If the file is missing or is no checkpoint.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        missing = {'config', 'epoch', 'history', 'average'} - set(state)
    except OSError as error:
        raise CheckpointError(f'{path}: {error.strerror}') from error
    except Exception as error:  # the unpickler raises whatever it stumbles over
        raise CheckpointError(f'{path} is not a checkpoint of a training run: {error}') from error
    if missing:
        raise CheckpointError(f'{path} is not a checkpoint of a training run: no {missing}')
    return state


class Run:
    """One training run: what changes from step to step, its checkpoints and its history."""

    def __init__(self, config: TrainingConfig, folder: Path, steps_per_epoch: int) -> None:
        self.config = config
        self.folder = folder
        self.steps_per_epoch = steps_per_epoch
        self.device = usable_device(config.device)
        torch.manual_seed(config.seed)
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        self.module = self.new_module()
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

    def new_module(self) -> nn.Module:
        """Make what is trained, with random weights."""
        return self.config.new_module()

    def backpropagate(self, images: Tensor, labels: Tensor) -> Tensor:
        """Leave the gradients of a batch's loss in the parameters; return the loss, a scalar."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            logits = self.forward(images)
        loss = soft_cross_entropy(logits, labels)
        loss.backward()
        return loss.detach()

    def train_epoch(self, data: TrainingSet, progress: tqdm[Any]) -> float:
        """Take as many images as the set has, drawn by their weights; return the mean loss.

        Raises
        ------
        TrainingError
            If the loss is no longer a number.
        """
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
            )
            labels = data.labels[rows]
            if config.mixup:
                images, labels = mixup(images, labels, config.mixup, self.generator)
            images = images.contiguous(memory_format=self.layout)
            self.optimiser.zero_grad(set_to_none=True)
            total += self.backpropagate(images, labels)
            self.optimiser.step()
            update_average(self.average, self.module, config.ema_decay, step)
            progress.update()
        mean = float(total) / self.steps_per_epoch
        if not math.isfinite(mean):
            raise TrainingError(
                f'the loss became {mean} in epoch {self.epoch + 1}: lower learning_rate, or set '
                'bfloat16 to false; the last good epoch is in last.pt'
            )
        return mean

    def record(self, loss: float, **figures: Any) -> None:
        """Note a finished epoch, its loss and other figures that JSON can hold."""
        self.epoch += 1
        self.history.append({'epoch': self.epoch, 'loss': loss, **figures})

    def record_validated(self, loss: float, scores: Scores, likelihood_cost: float) -> bool:
        """Note a finished epoch; return whether it is the best so far on validation.

        The best has the lowest cost of likelihood, the mean of minus the log of the label's
        calibrated probability: it moves less by chance than accuracies, of which those of the rare
        classes stand on a handful of images.
        """
        is_best = all(likelihood_cost < past['nll'] for past in self.history)
        self.record(loss, nll=likelihood_cost, **scores.as_dict())
        return is_best

    def save(self, is_best: bool) -> None:
        """Write the checkpoints; each file is replaced whole or not at all."""
        shared = {'config': self.config.as_dict(), 'epoch': self.epoch, 'history': self.history}
        replace_file(
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
            replace_file(self.folder / 'best.pt', {**shared, 'average': self.average.state_dict()})

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begin with the weights of a trained network with the same table.

        Raises
        ------
        ConfigError
            If they are another network's.
        """
        try:
            self.module.load_state_dict(weights)
            self.average.load_state_dict(weights)
        except RuntimeError as error:
            raise ConfigError(
                f'the weights to start from are not {self.config.network}: {error}'
            ) from error

    def resume(self) -> None:
        """Go on from ``last.pt``, if there is one.

        Raises
        ------
        ConfigError
            If the checkpoint was made with another configuration.
        CheckpointError
            If it cannot be read.
        """
        path = self.folder / 'last.pt'
        if not path.is_file():
            return
        state = read_checkpoint(path, self.device)
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


def replace_file(path: Path, state: dict[str, Any]) -> None:
    """Write a state that torch can save; the file is replaced whole or not at all."""
    temporary = path.with_suffix('.tmp')
    torch.save(state, temporary)
    os.replace(temporary, path)
