# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training of the supernet: every step some of its sub-networks, on the same images.

Source: the sandwich rule, Yu and Huang, "Universally Slimmable Networks and Improved Training
Techniques", ICCV 2019; uniform sampling of paths, Guo et al., "Single Path One-Shot Neural
Architecture Search with Uniform Sampling", ECCV 2020.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from emotionnet_ros.design.prototype import Prototype
from emotionnet_ros.design.proxy import Proxy, proxy_data
from emotionnet_ros.design.space import extreme, network_of, sample_within, scaled_prototype
from emotionnet_ros.design.study import SUPERNET, claim
from emotionnet_ros.design.supernet import Supernet
from emotionnet_ros.networks.tables import Network
from emotionnet_ros.training.config import ConfigError, TrainingConfig
from emotionnet_ros.training.curves import write_history
from emotionnet_ros.training.ferplus import read_split
from emotionnet_ros.training.run import Run, TrainingSet, soft_cross_entropy, usable_device
from emotionnet_ros.training.train import training_set

DEFAULT_CONFIG = Path(__file__).with_name('supernet.yaml')


class SupernetRun(Run):
    """A training run whose steps train several sub-networks of one supernet."""

    def __init__(
        self, config: TrainingConfig, prototype: Prototype, folder: Path, steps_per_epoch: int
    ) -> None:
        self.prototype = prototype
        # Every step runs other shapes: compiling each of them would take longer than it saves.
        super().__init__(replace(config, compile=False), folder, steps_per_epoch)

    def new_module(self) -> nn.Module:
        """Every design's weights, at random."""
        return Supernet(self.prototype)

    def backpropagate(self, images: Tensor, labels: Tensor) -> Tensor:
        """Leave the mean of the sub-networks' gradients; return the mean of their losses."""
        networks = self._networks()
        total = torch.zeros((), device=self.device)
        for network in networks:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bfloat16):
                logits = self.module(images, network)
            loss = soft_cross_entropy(logits, labels) / len(networks)
            loss.backward()
            total += loss.detach()
        return total

    def _networks(self) -> list[Network]:
        """Of one: by chance; of two also the widest, of three and more also the narrowest."""
        count = self.prototype.subnetworks_per_step
        genes = [extreme(self.prototype, widest) for widest in (True, False)[: count - 1]]
        # The run's own generator: its state is part of the checkpoint.
        seed = torch.randint(2**62, (1,), generator=self.generator, device=self.device)
        chance = random.Random(int(seed))
        genes += [sample_within(self.prototype, chance) for _ in range(count - len(genes))]
        return [network_of(self.prototype, one) for one in genes]


def train_supernet(
    config: TrainingConfig, prototype: Prototype, data_folder: Path, study: Path
) -> list[dict[str, Any]]:
    """Train or go on training a study's supernet; return the history, a row an epoch.

    The figures of a row are the prototype's own, cut out of the averaged weights.
    """
    claim(study, prototype)
    torch.set_num_threads(config.threads)
    device = usable_device(config.device)
    data = training_set(read_split(data_folder, 'train'), config, device)
    held = proxy_data(data_folder, config)
    folder = study / SUPERNET
    folder.mkdir(exist_ok=True)
    steps = len(data) // config.batch_size
    if steps == 0:
        raise ConfigError(f'batch_size {config.batch_size} exceeds the {len(data)} images')
    run = SupernetRun(config, prototype, folder, steps)
    run.resume()
    total = config.epochs * steps
    with tqdm(total=total, initial=run.epoch * steps, unit='step', desc='supernet') as progress:
        while run.epoch < config.epochs:
            _epoch(run, data, progress, Proxy(run.average, held))
    return run.history


def _epoch(run: SupernetRun, data: TrainingSet, progress: tqdm[Any], proxy: Proxy) -> None:
    loss = run.train_epoch(data, progress)
    scores = proxy.scores(network_of(run.prototype, scaled_prototype(run.prototype, 1.0)))
    run.record(loss, nll=scores.likelihood_cost, **scores.classified.as_dict())
    run.save(is_best=False)
    write_history(run.history, run.folder)
    progress.write(
        f'epoch {run.epoch}: loss {loss:.3f}; prototype: accuracy '
        f'{scores.classified.accuracy:.3f}, balanced {scores.classified.balanced_accuracy:.3f}, '
        f'likelihood cost {scores.likelihood_cost:.4f}'
    )
