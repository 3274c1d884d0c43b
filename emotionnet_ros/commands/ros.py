# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Starts the programs of the ROS part, in place of this process.

They are found where ``ros2 run`` finds them and not imported, so that this needs no ROS.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NEEDS_ROS = 3
NO_ROS = (
    'needs ROS 2, and none is sourced here. On a robot: source /opt/ros/<distribution>/setup.bash '
    'and install/setup.bash of the workspace; without ROS: make build, then source '
    '.env/jazzy/activate, in the folder of the sources'
)
NOT_BUILT = (
    'needs this package built for ROS 2, and what is sourced does not have it: colcon build '
    '--packages-select emotionnet_ros, then source install/setup.bash'
)


@dataclass(frozen=True, slots=True)
class Option:
    """An option and what it is for ROS.

    Parameters
    ----------
    flag
        Its name; without dashes, a positional one that may be left out.
    help, kind
        What it is, and the type of its value; a bool has none.
    ros
        The ROS arguments that it becomes, with {} for the value.
    """

    flag: str
    help: str
    kind: type
    ros: Sequence[str]


IMAGE = Option(
    '--image',
    'camera topic (image)',
    str,
    ('-r image:={}', '-r image/compressed:={}/compressed'),
)
EXPRESSIONS = Option('--expressions', 'topic (expressions)', str, ('-r expressions:={}',))
NAMESPACE = Option('--namespace', 'namespace of node and topics', str, ('-r __ns:={}',))


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the ROS part: what it is, its options, examples of its use."""

    executable: str
    description: str
    examples: str
    options: Sequence[Option] = ()


PROGRAMS: Mapping[str, Program] = {
    'run': Program(
        'emotionnet',
        'Run the node: camera topic in, expressions out. Ctrl-C ends it.',
        'emotionnet run\n'
        'emotionnet run --image /head/image_raw --power-budget 12\n'
        'emotionnet run --params-file nano.yaml --ros-args -p smoothing.time_constant:=0.8',
        (
            IMAGE,
            Option(
                '--compressed',
                'subscribe to <image>/compressed',
                bool,
                ('-p camera.compressed:=true',),
            ),
            Option('--params-file', 'parameter file', str, ('--params-file {}',)),
            Option('--model', 'expression network (nano_b)', str, ('-p network.model:={}',)),
            Option('--detector', 'face detector (auto)', str, ('-p detector.name:={}',)),
            Option(
                '--power-budget',
                'watts that the computer may draw',
                float,
                ('-p power.budget:={}',),
            ),
            NAMESPACE,
        ),
    ),
    'play': Program(
        'player',
        'Publish a video, a folder of pictures, a webcam or a built-in face as a camera topic.',
        'emotionnet play talk.mp4\n'
        'emotionnet play /dev/video0 --image /head/image_raw\n'
        'emotionnet play talk.mp4 --rate 15 --once',
        (
            Option(
                'source',
                'video, folder, picture or device (a built-in face)',
                str,
                ('-p source:={}',),
            ),
            Option('--rate', "pictures a second (the source's own)", float, ('-p rate:={}',)),
            Option('--once', 'end after the last picture', bool, ('-p loop:=false',)),
            Option(
                '--compressed',
                'publish JPEG on <image>/compressed',
                bool,
                ('-p compressed:=true',),
            ),
            IMAGE,
            NAMESPACE,
        ),
    ),
    'watch': Program(
        'watcher',
        'Show the expressions in the terminal, live.',
        'emotionnet watch\n'
        'emotionnet watch --expressions /head/expressions\n'
        'emotionnet watch --timeline talk.png',
        (
            Option(
                '--timeline',
                'when ended, draw what was watched: .png, .svg',
                str,
                ('-p timeline:={}',),
            ),
            EXPRESSIONS,
            NAMESPACE,
        ),
    ),
    'react': Program(
        'react',
        'React to expressions: an example to copy, which publishes what it would do.',
        'emotionnet react\nemotionnet react --ros-args -p min_confidence:=0.8',
        (EXPRESSIONS, NAMESPACE),
    ),
    'ros4hri': Program(
        'ros4hri',
        'Publish the expressions as hri_msgs under /humans/faces, as ROS4HRI (REP-155) has it.',
        'emotionnet ros4hri\nemotionnet ros4hri --expressions /head/expressions',
        (EXPRESSIONS, NAMESPACE),
    ),
}
# Those that read their options themselves.
PASSED_THROUGH: Mapping[str, str] = {
    'demo': 'demo',
    'measure': 'measure',
    'trace-power': 'trace_power',
}


def main(name: str, arguments: Sequence[str]) -> int:
    """Become a program; where that cannot be, say why and return the exit status."""
    if name in PASSED_THROUGH:
        executable, command = PASSED_THROUGH[name], list(arguments)
    else:
        executable, command = PROGRAMS[name].executable, ros_arguments(name, arguments)
    path = find(executable)
    if path is None:
        reason = NOT_BUILT if os.environ.get('AMENT_PREFIX_PATH') else NO_ROS
        print(f'emotionnet {name} {reason}.', file=sys.stderr)
        return NEEDS_ROS
    sys.stdout.flush()
    os.environ['EMOTIONNET_COMMAND'] = f'emotionnet {name}'  # for its usage and its errors
    return os.execv(path, [str(path), *command])


def find(executable: str) -> Path | None:
    """Find an installed program of the ROS part; None where there is none."""
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        path = Path(prefix) / 'lib' / 'emotionnet_ros' / executable
        if prefix and os.access(path, os.X_OK):
            return path
    return None


def ros_arguments(name: str, arguments: Sequence[str]) -> list[str]:
    """Turn options as people type them into ROS arguments.

    What follows ``--ros-args`` is passed on as it is.
    """
    program = PROGRAMS[name]
    own = list(arguments)
    passed: list[str] = []
    if '--ros-args' in own:
        start = own.index('--ros-args')
        own, passed = own[:start], own[start + 1 :]
    parser = argparse.ArgumentParser(
        prog=f'emotionnet {name}',
        description=program.description,
        epilog='examples:\n'
        + ''.join(f'  {example}\n' for example in program.examples.splitlines())
        + f'\nWhat follows --ros-args is passed on, as with: ros2 run emotionnet_ros '
        f'{program.executable}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for option in program.options:
        if option.kind is bool:
            parser.add_argument(option.flag, action='store_true', help=option.help)
        elif option.flag.startswith('-'):
            metavar = 'NUMBER' if option.kind is float else 'NAME'
            parser.add_argument(option.flag, type=option.kind, metavar=metavar, help=option.help)
        else:
            parser.add_argument(option.flag, nargs='?', help=option.help)
    given = vars(parser.parse_args(own))
    ros: list[str] = []
    for option in program.options:
        value = given[option.flag.lstrip('-').replace('-', '_')]
        if value is not None and value is not False:
            for argument in option.ros:
                flag, rest = argument.split(' ', 1)
                ros += [flag, rest.format(_as_yaml(value) if flag == '-p' else value)]
    ros += passed
    return ['--ros-args', *ros] if ros else []


def _as_yaml(value: str | float) -> str:
    # JSON is YAML as well: '0' stays a string, and a colon in a name makes no mapping of it.
    return json.dumps(value, ensure_ascii=False)
