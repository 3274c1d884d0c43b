# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An evaluation's result as Markdown and as pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.training.corruptions import STRENGTHS, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# From mild to strong, readable on white and in print.
_SHADES = ('#9ecae1', '#4292c6', '#08306b')
_BLUE, _RED, _GREY = '#2171b5', '#cb181d', '#969696'


class ReportError(RuntimeError):
    """A report cannot be written: why, and what to do."""


def table(result: dict[str, Any]) -> str:
    """Summarise an evaluation in Markdown: headline figures, confusion matrix, corruptions."""
    selective = result['selective']
    lines = [
        f'{result["weights"]}: {result["protocol"]}, {result["count"]} images',
        '',
        f'- accuracy {result["accuracy"]:.1%}, balanced accuracy '
        f'{result["balanced_accuracy"]:.1%}, expected calibration error {result["ece"]:.3f}',
        f'- area under the risk-coverage curve {selective["aurc"]:.4f}',
        f"- at the node's threshold of {answered_text(selective['node'])}",
    ]
    if 'chosen' in selective:
        low, high = selective['chosen']['interval']
        lines.append(
            '- answers are right half of the time at a confidence of '
            f'{answered_text(selective["chosen"])} (95 % interval {low:.2f} to {high:.2f})'
        )
    lines += ['', *_confusion_lines(result)]
    if 'corruptions' in result:
        lines += ['', *_corruption_lines(result['corruptions'])]
    return '\n'.join(lines)


def answered_text(at: dict[str, Any]) -> str:
    """Say a threshold, how many images are answered from there on, how many of these rightly."""
    right = '' if at['accuracy'] is None else f', {at["accuracy"]:.1%} of them rightly'
    return f'{at["threshold"]:.2f}: {at["coverage"]:.1%} answered{right}'


def corruption_rows(
    corruptions: dict[str, Any], cell: Callable[[dict[str, Any]], str]
) -> list[tuple[str, list[str]]]:
    """Title with amounts, and a cell for each of STRENGTHS, of every corruption evaluated."""
    rows = []
    for name, figures in corruptions.items():
        present = [strength for strength in STRENGTHS if strength in figures]
        amounts = ' / '.join(f'{figures[strength]["amount"]:g}' for strength in present)
        words = f'{title(name)}, {amounts} {figures["unit"]}' if figures['unit'] else title(name)
        cells = [cell(figures[strength]) if strength in present else '' for strength in STRENGTHS]
        rows.append((words, cells))
    return rows


def _confusion_lines(result: dict[str, Any]) -> list[str]:
    lines = [
        '| label \\ answer | ' + ' | '.join(EXPRESSIONS) + ' | recall | precision |',
        '|' + '---|' * (len(EXPRESSIONS) + 3),
    ]
    for name, row in zip(EXPRESSIONS, result['confusion'], strict=True):
        shares = [_share(result[key][name]) for key in ('recall', 'precision')]
        lines.append('| ' + ' | '.join([name, *map(str, row), *shares]) + ' |')
    return lines


def _corruption_lines(corruptions: dict[str, Any]) -> list[str]:
    lines = [
        'Accuracy, balanced accuracy and points of accuracy lost under corruptions:',
        '',
        '| corruption | ' + ' | '.join(STRENGTHS) + ' |',
        '|' + '---|' * (len(STRENGTHS) + 1),
    ]

    def cell(at: dict[str, Any]) -> str:
        return f'{at["accuracy"]:.1%}, {at["balanced_accuracy"]:.1%}, {at["points_lost"]:.1f}'

    return lines + [
        f'| {words} | ' + ' | '.join(cells) + ' |'
        for words, cells in corruption_rows(corruptions, cell)
    ]


def _share(value: float | None) -> str:
    return '-' if value is None else f'{value:.1%}'


def prepare(folder: Path) -> None:
    """Make the folder of a report, and make sure that pictures can be drawn.

    Raises
    ------
    ReportError
        If the folder cannot be made or matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401

        folder.mkdir(parents=True, exist_ok=True)
    except ImportError as error:
        raise ReportError(
            f'no picture can be drawn ({error}): install matplotlib, or leave --report out'
        ) from error
    except OSError as error:
        raise ReportError(f'the folder of the report cannot be made: {error}') from error


def write_report(result: dict[str, Any], folder: Path) -> None:
    """Write ``report.md`` and its pictures of an evaluation.

    Raises
    ------
    ReportError
        As from ``prepare``.
    """
    prepare(folder)
    pictures = {
        'confusion': (_draw_confusion, (7.5, 6.5)),
        'reliability': (_draw_reliability, (5.5, 5.5)),
        'risk_coverage': (_draw_risk_coverage, (6.5, 4.5)),
    }
    if 'corruptions' in result:
        pictures['corruptions'] = (_draw_corruptions, (8.0, 7.0))
    for name, (draw, size) in pictures.items():
        _save(result, draw, size, folder / f'{name}.png')
    links = [f'![{title(name)}]({name}.png)' for name in pictures]
    text = '\n\n'.join(['# Evaluation', table(result), *links])
    (folder / 'report.md').write_text(text + '\n', encoding='utf-8')


def _save(
    result: dict[str, Any],
    draw: Callable[[dict[str, Any], Figure], None],
    size: tuple[float, float],
    path: Path,
) -> None:
    # The class for pictures without a window: pyplot would look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout='constrained')
    FigureCanvasAgg(figure)
    draw(result, figure)
    figure.suptitle(f'{result["weights"]}, {result["count"]} images', fontsize='medium')
    figure.savefig(path, dpi=100)


def _draw_confusion(result: dict[str, Any], figure: Figure) -> None:
    """Colour tells the share of the label's images, the number how many they are."""
    counts = np.array(result['confusion'])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap='Blues', vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        text = f'{count}\n{share:.0%}' if count else '·'
        colour = 'white' if share > 0.5 else 'black'
        axes.text(column, row, text, ha='center', va='center', color=colour, fontsize='small')
    places = range(len(EXPRESSIONS))
    totals = [f'{name} ({total})' for name, total in zip(EXPRESSIONS, counts.sum(1), strict=True)]
    axes.set_xticks(places, EXPRESSIONS, rotation=35, ha='right', rotation_mode='anchor')
    axes.set_yticks(places, totals)
    axes.set(xlabel='answer', ylabel='label (images)')
    figure.colorbar(image, label='share of the images with this label', shrink=0.8)


def _draw_reliability(result: dict[str, Any], figure: Figure) -> None:
    """How often one is right at each confidence, and how many images have it."""
    bins = result['reliability']
    width = 1 / len(bins['images'])
    centres = (np.arange(len(bins['images'])) + 0.5) * width
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled = [i for i, count in enumerate(bins['images']) if count]
    accuracy = np.array([bins['accuracy'][i] for i in filled])
    confidence = [bins['confidence'][i] for i in filled]
    counts = np.array([bins['images'][i] for i in filled])
    upper.plot([0, 1], [0, 1], color=_GREY, linestyle='--', label='perfectly calibrated')
    upper.bar(centres[filled], accuracy, 0.92 * width, color=_SHADES[0], label='accuracy')
    # One standard error: bins of few images say little.
    error = np.sqrt(np.maximum(accuracy * (1 - accuracy), 0.25 / counts) / counts)
    upper.errorbar(
        confidence, accuracy, error, fmt='o', color=_BLUE, markersize=4, label='± standard error'
    )
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel='right answers')
    upper.text(0.97, 0.05, f'ECE {result["ece"]:.3f}', ha='right', transform=upper.transAxes)
    upper.legend(loc='upper left')
    lower.bar(centres, bins['images'], 0.92 * width, color=_GREY)
    lower.set(xlabel='confidence', ylabel='images')


def _draw_risk_coverage(result: dict[str, Any], figure: Figure) -> None:
    """Share of wrong answers over the share of images answered."""
    selective = result['selective']
    curve = selective['curve']
    axes = figure.add_subplot()
    axes.plot(curve['coverage'], curve['risk'], 'o-', color=_BLUE, markersize=3)
    marks = [('node', 'threshold of the node', 's', _GREY), ('chosen', 'chosen here', '*', _RED)]
    for key, words, marker, colour in marks:
        at = selective.get(key)
        if at is None or at['accuracy'] is None:
            continue
        label = f'{words}, {at["threshold"]:.2f}'
        axes.plot(
            at['coverage'], 1 - at['accuracy'], marker, color=colour, markersize=10, label=label
        )
    axes.set(xlim=(0, 1.02), xlabel='coverage: images answered', ylabel='risk: wrong answers')
    axes.set_ylim(bottom=0)
    axes.set_title(f'area under the curve {selective["aurc"]:.4f}', fontsize='medium')
    axes.grid(alpha=0.3)
    axes.legend(loc='upper left')


def _draw_corruptions(result: dict[str, Any], figure: Figure) -> None:
    """Points of accuracy lost under every corruption, a bar a strength."""
    corruptions = result['corruptions']
    axes = figure.add_subplot()
    height = 0.26
    for i, strength in enumerate(STRENGTHS):
        rows = [row for row, at in enumerate(corruptions.values()) if strength in at]
        lost = [at[strength]['points_lost'] for at in corruptions.values() if strength in at]
        places = [row + (i - 1) * height for row in rows]
        bars = axes.barh(places, lost, 0.92 * height, color=_SHADES[i], label=strength)
        axes.bar_label(bars, fmt='%.1f', padding=2, fontsize='x-small')
    titles: Iterable[str] = (words for words, _ in corruption_rows(corruptions, str))
    axes.set_yticks(range(len(corruptions)), titles, fontsize='small')
    axes.invert_yaxis()
    axes.axvline(0, color='black', linewidth=0.8)
    axes.margins(x=0.08)
    axes.grid(axis='x', alpha=0.3)
    axes.set_axisbelow(True)
    axes.set_xlabel(
        f'points of accuracy lost, of {100 * result["accuracy"]:.1f} on the images as they are'
    )
    axes.legend(loc='lower right')
