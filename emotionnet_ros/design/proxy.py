# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the supernet says of a design: how it would do on validation images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from emotionnet_ros.design.prototype import Prototype
from emotionnet_ros.design.study import SUPERNET, StudyError
from emotionnet_ros.design.supernet import Supernet, recalibrate
from emotionnet_ros.networks.modules import NanoModule
from emotionnet_ros.networks.tables import Network
from emotionnet_ros.training.augmentation import augment
from emotionnet_ros.training.calibration import negative_log_likelihood, softmax
from emotionnet_ros.training.config import ConfigError, TrainingConfig, config_from
from emotionnet_ros.training.ferplus import read_split
from emotionnet_ros.training.metrics import Scores, score
from emotionnet_ros.training.run import read_checkpoint
from emotionnet_ros.training.train import training_set, validation_set

RECALIBRATION_IMAGES = 1024
VALIDATION_IMAGES = 1600
_BATCH = 128
_OFFSET_PENALTY = 1e-3  # keeps a class without images from running away


@dataclass(frozen=True)
class ProxyScores:
    """``likelihood_cost``: mean of minus the log of the label's probability once ``rescaled``."""

    likelihood_cost: float
    classified: Scores


@dataclass(frozen=True)
class ProxyData:
    """Batches of augmented training images, float [N, 1, 48, 48], and validation with labels.

    ``images`` is float [N, 1, 48, 48], 0..255; ``labels`` is int64 [N].
    """

    batches: tuple[Tensor, ...]
    images: Tensor
    labels: NDArray[np.int64]


def proxy_data(
    data_folder: Path, config: TrainingConfig, validation_images: int = VALIDATION_IMAGES
) -> ProxyData:
    """Draw what every design of a study is judged by; the same for the same configuration.

    ``validation_images`` of the validation split are used, all with 0, drawn by ``config.seed``.
    """
    device = torch.device('cpu')
    data = training_set(read_split(data_folder, 'train'), config, device)
    generator = Generator(device).manual_seed(config.seed)
    rows = torch.multinomial(
        data.weights, RECALIBRATION_IMAGES, replacement=True, generator=generator
    )
    seen = augment(data.images[rows].float(), config.geometry, config.effects, generator)
    images, labels = validation_set(read_split(data_folder, 'valid'))
    order = np.random.default_rng(config.seed).permutation(len(images))
    chosen = np.sort(order[: validation_images or None])
    layout = torch.channels_last
    return ProxyData(
        tuple(batch.contiguous(memory_format=layout) for batch in seen.split(_BATCH)),
        torch.from_numpy(images[chosen])[:, None].float().contiguous(memory_format=layout),
        labels[chosen],
    )


class Proxy:
    """A trained supernet and the images to judge designs by; ``name`` says which these are."""

    def __init__(self, supernet: Supernet, data: ProxyData, name: str = '') -> None:
        self.supernet = supernet
        self.data = data
        self.name = name

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def scores(self, network: Network) -> ProxyScores:
        """Cut a design out of the supernet, recalibrate it and score it on validation.

        Raises
        ------
        NotInSpaceError
            If the network is no design of the supernet's prototype.
        """
        module: NanoModule = self.supernet.cut_out(network).cpu()
        module.to(memory_format=torch.channels_last)
        recalibrate(module, self.data.batches)
        logits = torch.cat([module(batch) for batch in self.data.images.split(_BATCH)])
        labels = self.data.labels
        found = rescaled(logits, torch.from_numpy(labels)).numpy()
        return ProxyScores(negative_log_likelihood(found, labels), score(softmax(found), labels))


def rescaled(logits: Tensor, labels: Tensor) -> Tensor:
    """Scale the logits and shift each class, so that the labels become as likely as can be.

    All designs share the weights of the supernet's head, but what it reads is larger where more
    layers are added up, and weighs more beside the head's biases. A training of its own sets that
    right, so it must not count against a design. Each half of the images, drawn by chance, takes
    the numbers that fit the other half.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017 (vector scaling, here
    with one scale for all classes).

    Parameters
    ----------
    logits
        Float [N, classes].
    labels
        Int64 [N].
    """
    chance = Generator().manual_seed(0)
    order = torch.randperm(len(labels), generator=chance)
    found = torch.empty_like(logits)
    halves = order[::2], order[1::2]
    for fitted, other in (halves, halves[::-1]):
        scale, offsets = _scale_and_offsets(logits[fitted], labels[fitted])
        found[other] = logits[other] * scale + offsets
    return found


def _scale_and_offsets(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    logarithm = torch.zeros(1, requires_grad=True)
    offsets = torch.zeros(logits.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([logarithm, offsets], max_iter=50, line_search_fn='strong_wolfe')

    def cost() -> Tensor:
        optimiser.zero_grad()
        likelihood = cross_entropy(logits * logarithm.exp() + offsets, labels)
        total = likelihood + _OFFSET_PENALTY * offsets.square().sum()
        total.backward()
        return total

    with torch.enable_grad():
        optimiser.step(cost)
    return logarithm.detach().exp(), offsets.detach()


def trained_proxy(
    study: Path,
    prototype: Prototype,
    data_folder: Path,
    validation_images: int = VALIDATION_IMAGES,
) -> Proxy:
    """Proxy with the averaged weights of a study's supernet, as far as it is trained.

    Raises
    ------
    CheckpointError
        If there is no supernet yet.
    StudyError
        If it is of another version of this code.
    DataError
        If the data cannot be read.
    """
    path = study / SUPERNET / 'last.pt'
    checkpoint = read_checkpoint(path, torch.device('cpu'))
    supernet = Supernet(prototype)
    try:
        supernet.load_state_dict(checkpoint['average'])
        config = config_from(checkpoint['config'])
    except (RuntimeError, ConfigError) as error:
        raise StudyError(f'{path} is of another version of this code: {error}') from error
    supernet.eval()
    data = proxy_data(data_folder, config, validation_images)
    name = f'supernet after epoch {checkpoint["epoch"]}, {len(data.labels)} images, rescaled'
    return Proxy(supernet, data, name)
