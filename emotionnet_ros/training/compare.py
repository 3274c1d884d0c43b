# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Compare training runs: ``python -m emotionnet_ros.training.compare RUN RUN ...``.

Prints, for each run, in what its configuration differs from the first one's and what its averaged
weights reached on the validation split, before class offsets. Each figure is the mean over the
run's last epochs: there the averaged weights hardly move and a single epoch is partly chance.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.training.run import FREE_TO_CHANGE, CheckpointError, read_checkpoint

COLUMNS = {'accuracy': 'accuracy', 'balanced_accuracy': 'balanced', 'nll': 'likelihood cost'}


def differences(first: dict[str, Any], other: dict[str, Any], prefix: str = '') -> list[str]:
    """``key value`` for each value of ``other``, tables included, that ``first`` has otherwise."""
    found = []
    for key, value in other.items():
        before = first.get(key)
        if not prefix and (key in FREE_TO_CHANGE or key == 'design'):  # the network's name tells
            continue
        if isinstance(value, dict):
            empty = [f'{prefix}{key} none'] if before and not value else []
            found += empty or differences(before or {}, value, f'{prefix}{key}.')
        elif value != before:
            found.append(f'{prefix}{key} {value}')
    return found


def comparison(runs: Sequence[Path], last: int) -> str:
    """Markdown table of runs, a row each, means over their ``last`` epochs.

    Raises
    ------
    CheckpointError
        If a run has no checkpoint.
    """
    states = [read_checkpoint(run / 'last.pt', torch.device('cpu')) for run in runs]
    heads = ['run', 'unlike the first', 'epochs', *COLUMNS.values()]
    heads += [f'recall {name}' for name in EXPRESSIONS]
    lines = ['| ' + ' | '.join(heads) + ' |', '|' + '---|' * len(heads)]
    for run, state in zip(runs, states, strict=True):
        rows = state['history'][-last:]
        unlike = differences(states[0]['config'], state['config'])
        cells = [run.name, ', '.join(unlike) or '-', str(state['epoch'])]
        # Runs of earlier versions lack what was not noted then.
        cells += [_mean([row.get(name) for row in rows], 4) for name in COLUMNS]
        cells += [_mean([row['recall'][name] for row in rows], 3) for name in EXPRESSIONS]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def _mean(values: Sequence[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    return f'{np.mean(known):.{digits}f}' if len(known) == len(values) else '-'


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split(':')[0])
    parser.add_argument('runs', type=Path, nargs='+', metavar='RUN', help='folder of a run')
    parser.add_argument('--last', type=int, default=3, help='epochs at the end to take means of')
    options = parser.parse_args(arguments)
    try:
        print(comparison(options.runs, max(options.last, 1)))
    except CheckpointError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
