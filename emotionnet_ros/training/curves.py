# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The course of a training run as JSON, as a table and as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emotionnet_ros.expressions import EXPRESSIONS


def write_history(history: list[dict[str, Any]], folder: Path) -> None:
    """Write ``history.json``, ``history.md`` and ``curves.png`` of a run, a row an epoch."""
    (folder / 'history.json').write_text(json.dumps(history, indent=1) + '\n', encoding='utf-8')
    (folder / 'history.md').write_text(_table(history), encoding='utf-8')
    _picture(history, folder / 'curves.png')


def _table(history: list[dict[str, Any]]) -> str:
    columns = ('epoch', 'loss', 'accuracy', 'balanced_accuracy', 'ece')
    heads = (*columns, *(f'recall {name}' for name in EXPRESSIONS))
    lines = ['| ' + ' | '.join(heads) + ' |', '|' + '---|' * len(heads)]
    for row in history:
        cells = [_cell(row[name]) for name in columns]
        cells += [_cell(row['recall'][name]) for name in EXPRESSIONS]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'


def _cell(value: float | None) -> str:
    if value is None:
        return '-'
    return str(value) if isinstance(value, int) else f'{value:.3f}'


def _picture(history: list[dict[str, Any]], path: Path) -> None:
    # The class for pictures without a window: pyplot would look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout='constrained')
    FigureCanvasAgg(figure)
    loss, accuracy, recall = figure.subplots(1, 3)
    epochs = [row['epoch'] for row in history]
    loss.plot(epochs, [row['loss'] for row in history])
    loss.set(title='training loss', xlabel='epoch')
    for name in ('accuracy', 'balanced_accuracy'):
        accuracy.plot(epochs, [row[name] for row in history], label=name.replace('_', ' '))
    accuracy.set(title='validation', xlabel='epoch')
    accuracy.legend()
    for name in EXPRESSIONS:
        values = [row['recall'][name] for row in history]
        recall.plot(epochs, [float('nan') if v is None else v for v in values], label=name)
    recall.set(title='validation recall', xlabel='epoch', ylim=(0, 1))
    recall.legend(fontsize='small')
    figure.savefig(path, dpi=80)
