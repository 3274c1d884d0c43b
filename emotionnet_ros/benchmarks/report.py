# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a subject found, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from emotionnet_ros.benchmarks.timing import Label, Timing

READING = (
    'Times are medians of turns that all rows of a table took one after another; in brackets the '
    'quartiles. CPU time is that of the whole process, so threads in hiding count. One thread '
    'unless a row says otherwise.'
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what it is, and what was measured; times in milliseconds."""

    labels: Mapping[str, Label]
    cpu_ms: Mapping[str, float]
    wall_ms: Mapping[str, float]
    values: Mapping[str, Label]
    stages_ms: Mapping[str, float]

    @classmethod
    def of(cls, timing: Timing, **values: Label) -> Row:
        """Make the row of a timing, with further values of its own."""
        return cls(
            dict(timing.case.labels),
            asdict(timing.cpu.scaled(1e3)),
            asdict(timing.wall.scaled(1e3)),
            {**timing.case.facts, **values},
            {name: 1e3 * seconds for name, seconds in timing.stages.items()},
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What one subject found.

    Parameters
    ----------
    letter, title
        Of the subject.
    rows
        All of one shape.
    skipped
        What could not be measured, and why.
    """

    letter: str
    title: str
    rows: Sequence[Row]
    skipped: Mapping[str, str] = field(default_factory=dict)


def as_json(machine: Mapping[str, Label], results: Sequence[Result]) -> dict[str, Any]:
    """Give everything in a form that JSON holds."""
    return {
        'machine': dict(machine),
        'subjects': {
            result.letter: {
                'title': result.title,
                'rows': [asdict(row) for row in result.rows],
                'skipped': dict(result.skipped),
            }
            for result in results
        },
    }


def as_markdown(
    machine: Mapping[str, Label], results: Sequence[Result], pictures: Sequence[str] = ()
) -> str:
    """Give everything as Markdown; ``pictures`` are names of files beside it."""
    lines = ['# Benchmark', '', READING, '', '| machine | |', '|---|---|']
    lines += [f'| {name} | {value} |' for name, value in machine.items()]
    for result in results:
        lines += ['', f'## {result.letter}. {result.title}', '']
        lines += _table(result.rows)
        lines += [f'\nSkipped: {name}: {reason}' for name, reason in result.skipped.items()]
    lines += [f'\n![]({name})' for name in pictures]
    return '\n'.join(lines) + '\n'


def _table(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return ['Nothing measured.']
    labels = list(dict.fromkeys(name for row in rows for name in row.labels))
    stages = list(dict.fromkeys(name for row in rows for name in row.stages_ms))
    values = list(dict.fromkeys(name for row in rows for name in row.values))
    times = {
        'CPU ms': [row.cpu_ms for row in rows],
        'wall ms': [row.wall_ms for row in rows],
    }
    times = {name: column for name, column in times.items() if any(column)}
    heading = [*labels, *times, *(f'{stage} ms' for stage in stages), *values]
    table = [heading, ['---'] * len(heading)]
    table += [
        [
            *(_cell(row.labels.get(name, '')) for name in labels),
            *(_spread(column[index]) for column in times.values()),
            *(_cell(row.stages_ms.get(name, '')) for name in stages),
            *(_cell(row.values.get(name, '')) for name in values),
        ]
        for index, row in enumerate(rows)
    ]
    return [f'| {" | ".join(cells)} |' for cells in table]


def _spread(times: Mapping[str, float]) -> str:
    if not times:
        return ''
    low, high = _cell(times['low']), _cell(times['high'])
    return f'{_cell(times["median"])} ({low}-{high})'


def _cell(value: Label) -> str:
    """Three significant digits, without an exponent."""
    if not isinstance(value, float):
        return str(value)
    if value == 0 or abs(value) >= 100:
        return f'{value:.0f}'
    return f'{value:#.3g}' if abs(value) >= 1e-3 else f'{value:.4f}'
