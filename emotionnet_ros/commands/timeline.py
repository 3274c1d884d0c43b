# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Draw a recording of the node's answers over time; no ROS is needed.

BAG is what ros2 bag record wrote: a folder, or a .mcap or .db3 file in one. Each face has a lane
with its expressions; below are the age of the answers and, where power was recorded too, watts.
A live topic is drawn by: emotionnet watch --timeline FILE
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from emotionnet_ros.timeline import Moment, draw, of_answer, of_power, summary

EXAMPLES = """\
examples:
  ros2 bag record /expressions /power -o talk
  emotionnet timeline talk
  emotionnet timeline talk --output talk.svg --expressions /head/expressions
"""
# The types that are drawn, and the moment that a message of each makes.
TYPES = {
    'emotionnet_ros/msg/ExpressionArray': of_answer,
    'emotionnet_ros/msg/PowerState': of_power,
}


class BagError(Exception):
    """A recording cannot be drawn: why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status, as ``emotionnet --help`` lists them."""
    parser = argparse.ArgumentParser(
        prog='emotionnet timeline',
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('bag', type=Path, metavar='BAG')
    parser.add_argument(
        '--output',
        type=Path,
        metavar='FILE',
        help='picture to write: .png, .svg, .pdf (BAG with .png)',
    )
    parser.add_argument(
        '--expressions', metavar='TOPIC', help='topic of the answers, where there are several'
    )
    parser.add_argument(
        '--power', metavar='TOPIC', help='topic of the power, where there are several'
    )
    options = parser.parse_args(arguments)
    output = options.output or Path(f'{options.bag.resolve()}.png')
    try:
        moments = read_moments(options.bag, options.expressions, options.power)
        draw(moments, output, options.bag.resolve().name)
    except (BagError, ValueError) as error:
        print(f'emotionnet timeline: {error}', file=sys.stderr)
        return 1
    print(f'{output}: {summary(moments)}')
    return 0


def read_moments(
    path: Path, expressions: str | None = None, power: str | None = None
) -> list[Moment]:
    """Read answers and power from a recording, in the order and at the times of their arrival.

    Parameters
    ----------
    path
        Folder of the recording, or the file in it.
    expressions, power
        Their topics; None where there is one of each at most.

    Raises
    ------
    BagError
        It is no recording, is damaged, or has no answers.
    """
    from rosbags.highlevel import AnyReader, AnyReaderError

    if not path.exists():
        raise BagError(f'{path}: there is no such recording')
    folder = path if path.is_dir() else path.parent
    try:
        with AnyReader([folder], default_typestore=_installed_types()) as reader:
            by_type = _connections(reader.connections, folder, expressions, power)
            moments = [
                TYPES[connection.msgtype](nanoseconds * 1e-9, reader.deserialize(data, name))
                for connection, nanoseconds, data in reader.messages(by_type)
                for name in (connection.msgtype,)
            ]
    except (AnyReaderError, OSError, sqlite3.Error, KeyError, UnicodeError) as error:
        raise BagError(f'{folder}: it cannot be read as a recording ({error})') from error
    if not any(moment.faces is not None for moment in moments):
        raise BagError(f'{folder}: no answers were recorded in it')
    return moments


def _connections(
    connections: Sequence[Any], folder: Path, expressions: str | None, power: str | None
) -> list[Any]:
    """Choose what to read; raises BagError where that cannot be told."""
    chosen: list[Any] = []
    wanted = zip(TYPES, (expressions, power), ('--expressions', '--power'), strict=True)
    for kind, topic, option in wanted:
        topics = sorted({c.topic for c in connections if c.msgtype == kind})
        if topic and topic not in topics:
            there = ', '.join(topics) or 'none'
            raise BagError(f'{option} {topic}: {folder} has no such topic of {kind} ({there})')
        if len(topics) > 1 and not topic:
            raise BagError(f'{folder} has {", ".join(topics)}: choose one with {option}')
        if not topics and kind == next(iter(TYPES)):
            there = ', '.join(sorted({c.topic for c in connections})) or 'nothing'
            raise BagError(
                f'{folder} has no topic of {kind}, but {there}: record the answers with '
                'ros2 bag record /expressions /power'
            )
        chosen += [c for c in connections if c.topic in ([topic] if topic else topics)]
    return chosen


def _installed_types() -> Any:
    """Give the types for recordings that do not hold their own, as those of ROS 2 Humble."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    files = list(_message_files())
    for file in files:
        name = f'emotionnet_ros/msg/{file.stem}'
        store.register(get_types_from_msg(file.read_text(encoding='utf-8'), name))
    return store


def _message_files() -> Iterator[Path]:
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    folders = [Path(prefix) / 'share' / 'emotionnet_ros' / 'msg' for prefix in prefixes if prefix]
    for folder in (*folders, Path(__file__).parents[2] / 'msg'):
        files = sorted(folder.glob('*.msg'))
        if files:
            yield from files
            return
