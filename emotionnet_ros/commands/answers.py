# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What was found in pictures, as a table, as CSV and as JSON."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from emotionnet_ros.expressions import EXPRESSION_NAMES, EXPRESSIONS, FaceExpression, FrameResult

CSV_COLUMNS = (
    'source',
    'time',
    'face_id',
    'x',
    'y',
    'width',
    'height',
    'expression',
    'confidence',
    *EXPRESSIONS,
)
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found in one picture; ``time`` is its second in a video, None of a picture file."""

    source: str
    time: float | None
    result: FrameResult


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the answers go in place of a table."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        '--csv',
        metavar='FILE',
        help='write a line for each face to this file (-: standard output)',
    )
    group.add_argument('--json', action='store_true', help='print a JSON object for each picture')


@contextmanager
def open_output(
    options: argparse.Namespace, name_width: int = 0
) -> Iterator[Callable[[Answer], None]]:
    """Give the function that takes each answer, for as long as the block lasts.

    Parameters
    ----------
    options
        Those of ``add_options``.
    name_width
        Letters of the longest source's name, for the table of pictures; 0 for a video.

    Raises
    ------
    OSError
        The CSV file cannot be written.
    """
    if options.json:
        yield lambda answer: print(json.dumps(as_object(answer)), flush=True)
    elif options.csv == '-':
        yield _csv_writer(sys.stdout)
    elif options.csv:
        with Path(options.csv).open('w', newline='', encoding='utf-8') as file:
            yield _csv_writer(file)
    else:
        yield _table_printer(name_width and min(max(name_width, len('picture')), _LONGEST_NAME))


def as_object(answer: Answer) -> dict[str, Any]:
    """Give an answer as what JSON can hold; boxes in pixels, times in seconds."""
    return {
        'source': answer.source,
        'time': answer.time,
        'width': answer.result.width,
        'height': answer.result.height,
        'faces': [_face_object(face) for face in answer.result.faces],
    }


def _face_object(face: FaceExpression) -> dict[str, Any]:
    box = face.roi
    probabilities = zip(EXPRESSIONS, face.probabilities, strict=True)
    return {
        'face_id': face.face_id,
        'box': {
            'x': round(box.x, 1),
            'y': round(box.y, 1),
            'width': round(box.width, 1),
            'height': round(box.height, 1),
        },
        'detection_confidence': round(face.detection_confidence, 4),
        'expression': EXPRESSION_NAMES[face.expression],
        'confidence': round(face.confidence, 4),
        'probabilities': {name: round(float(p), 4) for name, p in probabilities},
        'raw_expression': EXPRESSION_NAMES[face.raw_expression],
        'raw_confidence': round(face.raw_confidence, 4),
    }


def _csv_writer(file: TextIO) -> Callable[[Answer], None]:
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(CSV_COLUMNS)

    def write(answer: Answer) -> None:
        time = '' if answer.time is None else f'{answer.time:.3f}'
        for face in answer.result.faces:
            box = face.roi
            writer.writerow(
                (
                    answer.source,
                    time,
                    face.face_id,
                    *(f'{length:.1f}' for length in (box.x, box.y, box.width, box.height)),
                    EXPRESSION_NAMES[face.expression],
                    f'{face.confidence:.4f}',
                    *(f'{p:.4f}' for p in face.probabilities),
                )
            )

    return write


def _table_printer(name_width: int) -> Callable[[Answer], None]:
    first = f'{"picture":<{name_width}}' if name_width else f'{"time":>8}'
    classes = ' '.join(f'{name[:5]:>5}' for name in EXPRESSIONS)
    print(f'{first}  {"face":<5} {"box":<19} {"expression":<10} {"conf.":>5}  {classes}')
    nobody_before = False

    def write(answer: Answer) -> None:
        nonlocal nobody_before
        if answer.time is None:
            name = answer.source
            start = name if len(name) <= _LONGEST_NAME else f'..{name[2 - _LONGEST_NAME :]}'
            start = f'{start:<{name_width}}'
        else:
            start = f'{answer.time:7.2f}s'
        for face in answer.result.faces:
            print(f'{start}  {_row(face)}')
        # Of a video it is said once, when it begins.
        if not answer.result.faces and (answer.time is None or not nobody_before):
            print(f'{start}  (nobody there)')
        nobody_before = not answer.result.faces

    return write


def _row(face: FaceExpression) -> str:
    box = face.roi
    place = f'{box.width:.0f}x{box.height:.0f}{box.x:+.0f}{box.y:+.0f}'
    probabilities = ' '.join(f'{p:5.2f}' for p in face.probabilities)
    return (
        f'{face.face_id:<5} {place:<19} {EXPRESSION_NAMES[face.expression]:<10} '
        f'{face.confidence:5.2f}  {probabilities}'
    )
