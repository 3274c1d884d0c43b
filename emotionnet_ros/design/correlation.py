# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How far the proxy's order of designs agrees with the order after full training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotionnet_ros.design.explore import Judge
from emotionnet_ros.design.pareto import kendall, spearman
from emotionnet_ros.networks.tables import Network, parameter_count
from emotionnet_ros.training.config import ConfigError, config_from
from emotionnet_ros.training.run import CheckpointError, read_checkpoint

FIGURES = ('likelihood cost', 'accuracy', 'balanced accuracy')


@dataclass(frozen=True)
class Pair:
    """A design's figures in the order of FIGURES: as the proxy has them, and after training."""

    name: str
    network: Network
    predicted: tuple[float, float, float]
    trained: tuple[float, float, float]


def trained_network(run: Path, last: int) -> tuple[Network, tuple[float, float, float]]:
    """Table and figures on validation of a training run, means over its ``last`` epochs.

    Raises
    ------
    CheckpointError
        If the run has no checkpoint or no validated epoch.
    """
    path = run / 'last.pt'
    state = read_checkpoint(path, torch.device('cpu'))
    rows: list[dict[str, Any]] = state['history'][-last:]
    try:
        network = config_from(state['config']).table()
        figures = [
            float(np.mean([row[name] for row in rows]))
            for name in ('nll', 'accuracy', 'balanced_accuracy')
        ]
    except ConfigError as error:
        raise CheckpointError(f'{path} is of another version of this code: {error}') from error
    except KeyError as error:
        raise CheckpointError(f'{path} has no figures on validation: no {error}') from error
    if not rows:
        raise CheckpointError(f'{path} has no finished epoch')
    return network, (figures[0], figures[1], figures[2])


def pairs(runs: Sequence[Path], judge: Judge, last: int = 3) -> list[Pair]:
    """Figures of trained runs beside the proxy's.

    Raises
    ------
    CheckpointError
        If a run cannot be read.
    NotInSpaceError
        If a run's network is no design of the proxy's space.
    """
    found = []
    for run in runs:
        network, trained = trained_network(run, last)
        scores = judge(network)
        classified = scores.classified
        predicted = (scores.likelihood_cost, classified.accuracy, classified.balanced_accuracy)
        found.append(Pair(run.name, network, predicted, trained))
    return found


def correlation_table(found: Sequence[Pair]) -> str:
    """Markdown: every run's figures, then Kendall's tau-b and Spearman's rho of each figure."""
    heads = ['run', 'network', 'parameters']
    heads += [f'{name}, {side}' for name in FIGURES for side in ('proxy', 'trained')]
    lines = ['| ' + ' | '.join(heads) + ' |', '|' + '---|' * len(heads)]
    for pair in found:
        cells = [pair.name, pair.network.name, f'{parameter_count(pair.network):,}']
        for predicted, trained in zip(pair.predicted, pair.trained, strict=True):
            cells += [f'{predicted:.4f}', f'{trained:.4f}']
        lines.append('| ' + ' | '.join(cells) + ' |')
    lines += ['', f'| over {len(found)} designs | Kendall tau | Spearman rho |', '|---|---|---|']
    for index, name in enumerate(FIGURES):
        sides = [pair.predicted[index] for pair in found], [pair.trained[index] for pair in found]
        lines.append(f'| {name} | {kendall(*sides):.2f} | {spearman(*sides):.2f} |')
    return '\n'.join(lines)
