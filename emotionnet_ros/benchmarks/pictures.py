# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a report, where matplotlib is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emotionnet_ros.benchmarks.report import Result, Row

STAGES = ('pixels', 'detect', 'classify', 'rest')


def draw(results: Sequence[Result], folder: Path) -> list[str]:
    """Draw what there is; give the names of the files written to the folder.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    written = []
    for result in results:
        if result.letter not in _DRAWINGS or not result.rows:
            continue
        figure, axes = pyplot.subplots(figsize=(8, 4.5), layout='constrained')
        _DRAWINGS[result.letter](axes, result.rows)
        axes.set_title(result.title, fontsize=10)
        name = f'benchmark_{result.letter}.png'
        figure.savefig(folder / name, dpi=110)
        pyplot.close(figure)
        written.append(name)
    return written


def _classifiers(axes: Any, rows: Sequence[Row]) -> None:
    for network in dict.fromkeys(row.labels['network'] for row in rows):
        own = [row for row in rows if row.labels['network'] == network]
        axes.plot(
            [row.labels['batch'] for row in own],
            [row.values['images a CPU second'] for row in own],
            marker='o',
            label=str(network),
        )
    axes.set(xlabel='faces at once', ylabel='faces a CPU second', ylim=(0, None))
    axes.legend()


def _bars(axes: Any, rows: Sequence[Row]) -> None:
    names = [str(row.labels['peer']) for row in rows]
    medians = [row.cpu_ms['median'] for row in rows]
    errors = [
        [row.cpu_ms['median'] - row.cpu_ms['low'] for row in rows],
        [row.cpu_ms['high'] - row.cpu_ms['median'] for row in rows],
    ]
    axes.barh(names[::-1], medians[::-1], xerr=[side[::-1] for side in errors])
    axes.set_xscale('log')
    axes.set_xlabel('CPU ms (quartiles)')


def _shares(axes: Any, rows: Sequence[Row]) -> None:
    names = [f'{row.labels["peer"]} ({row.labels["what"]})' for row in rows]
    shares = [100 * float(row.values['share of the limit']) for row in rows]
    axes.barh(names[::-1], shares[::-1])
    axes.set_xlabel('% of the limit')


def _stages(axes: Any, rows: Sequence[Row]) -> None:
    names = [' '.join(str(value) for value in row.labels.values()) for row in rows]
    _stack(axes.barh, names[::-1], rows[::-1], 'left')
    axes.set_xlabel('CPU ms a frame')
    axes.legend()


def _growth(axes: Any, rows: Sequence[Row]) -> None:
    rows = [row for row in rows if row.labels['cameras'] == 1]
    _stack(axes.bar, [str(row.labels['faces']) for row in rows], rows, 'bottom')
    axes.set(xlabel='faces in the picture', ylabel='CPU ms a frame')
    axes.legend()


def _stack(bars: Callable[..., Any], names: Sequence[str], rows: Sequence[Row], side: str) -> None:
    base = [0.0] * len(rows)
    for stage in STAGES:
        heights = [row.stages_ms.get(stage, 0.0) for row in rows]
        bars(names, heights, label=stage, **{side: base})
        base = [a + b for a, b in zip(base, heights, strict=True)]


_DRAWINGS: Mapping[str, Callable[[Any, Sequence[Row]], None]] = {
    'a': _classifiers,
    'b': _stages,
    'd': _bars,
    'e': _shares,
    'f': _growth,
}
