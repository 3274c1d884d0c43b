# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The figures beside a weight file (``.json``) and their section in its model card (``.md``)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.training.corruptions import STRENGTHS
from emotionnet_ros.training.report import answered_text, corruption_rows

START, END = '<!-- figures: written by the export and evaluation commands -->', '<!-- end -->'
# Evaluations in the order of the card's columns.
EVALUATIONS = {
    'valid': 'validation',
    'test': 'test',
    'test_with_copies': 'test, with copies',
}


class CardError(ValueError):
    """The figures or the card cannot be brought up to date."""


def record_figures(weights: Path, figures: dict[str, Any]) -> None:
    """Add figures to the file beside the weights and bring the card's section up to date.

    Figures of an earlier content of the weight file are dropped. A card is changed only if there
    is one.

    Raises
    ------
    CardError
        If the figures file is not JSON or the card lacks the section's marks.
    """
    path = weights.with_suffix('.json')
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    try:
        known = json.loads(path.read_text(encoding='utf-8')) if path.exists() else {}
    except ValueError as error:
        raise CardError(f'{path} is not JSON: {error}') from error
    if known.get('sha256') != digest:
        known = {'sha256': digest}
    known.update(figures)
    path.write_text(json.dumps(known, indent=1) + '\n', encoding='utf-8')
    card = weights.with_suffix('.md')
    if card.exists():
        text = card.read_text(encoding='utf-8')
        before, start, rest = text.partition(START)
        _, end, after = rest.partition(END)
        if not start or not end:
            raise CardError(f'{card} lacks the lines {START} and {END}')
        card.write_text(
            f'{before}{START}\n{figures_section(known)}\n{END}{after}', encoding='utf-8'
        )


def figures_section(figures: dict[str, Any]) -> str:
    """Markdown tables of what is known of a weight file."""
    lines = ['| | |', '|---|---|', f'| sha256 | `{figures["sha256"]}` |']
    lines += [
        f'| {key.replace("_", " ")} | {_text(value)} |'
        for key, value in figures.get('file', {}).items()
    ]
    present = [name for name in EVALUATIONS if name in figures]
    if not present:
        return '\n'.join(lines)
    columns = [figures[name] for name in present]
    lines += ['', '| | ' + ' | '.join(EVALUATIONS[name] for name in present) + ' |']
    lines.append('|' + '---|' * (len(present) + 1))
    rows: list[tuple[str, list[str]]] = [
        ('images', [str(column['count']) for column in columns]),
        ('accuracy', [f'{column["accuracy"]:.1%}' for column in columns]),
        ('balanced accuracy', [f'{column["balanced_accuracy"]:.1%}' for column in columns]),
        ('expected calibration error', [f'{column["ece"]:.3f}' for column in columns]),
    ]
    rows += [
        (f'recall, {name}', [_recall(column, name) for column in columns]) for name in EXPRESSIONS
    ]
    rows += [
        (words, [text(column) for column in columns])
        for words, text in _SELECTIVE.items()
        if any(text(column) for column in columns)
    ]
    lines += [f'| {title} | ' + ' | '.join(cells) + ' |' for title, cells in rows]
    for name in present:
        lines += _corruption_lines(EVALUATIONS[name], figures[name].get('corruptions', {}))
    return '\n'.join(lines)


def _corruption_lines(evaluation: str, corruptions: dict[str, Any]) -> list[str]:
    if not corruptions:
        return []
    return [
        '',
        f'| points of accuracy lost on {evaluation} under | ' + ' | '.join(STRENGTHS) + ' |',
        '|' + '---|' * (len(STRENGTHS) + 1),
        *(
            f'| {words} | ' + ' | '.join(cells) + ' |'
            for words, cells in corruption_rows(corruptions, lambda at: f'{at["points_lost"]:.1f}')
        ),
    ]


def _area(column: dict[str, Any]) -> str:
    return f'{column["selective"]["aurc"]:.4f}' if 'selective' in column else ''


def _answered(which: str, column: dict[str, Any]) -> str:
    at = column.get('selective', {}).get(which)
    return answered_text(at) if at else ''


# Rows about answering only where the confidence suffices, where the figures have it.
_SELECTIVE: dict[str, Callable[[dict[str, Any]], str]] = {
    'area under the risk-coverage curve': _area,
    "at the node's threshold of confidence": partial(_answered, 'node'),
    'where answers are right half of the time': partial(_answered, 'chosen'),
}


def _recall(column: dict[str, Any], name: str) -> str:
    recall, images = column['recall'][name], column['images'][name]
    return '-' if recall is None else f'{recall:.1%} of {images}'


def _text(value: object) -> str:
    return f'{value:,}' if isinstance(value, int) else str(value)
