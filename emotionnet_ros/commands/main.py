# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command ``emotionnet``: one entry point, and the table of what it can do."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

FAILED, WRONG_OPTIONS, MISSING, INTERRUPTED = 1, 2, 3, 130
ROS = 'emotionnet_ros.commands.ros'


@dataclass(frozen=True, slots=True)
class Subcommand:
    """One subcommand.

    Parameters
    ----------
    name, help
        What to type, and what it does in one line.
    module
        Its ``main(arguments)`` is called; it is imported only then.
    needs
        Packages beyond those that the package itself is installed with.
    extra
        The optional dependencies that hold them.
    """

    name: str
    module: str
    help: str
    needs: Sequence[str] = ()
    extra: str = ''


TABLE: Sequence[tuple[str, Sequence[Subcommand]]] = (
    (
        'pictures, videos, recordings',
        (
            Subcommand(
                'image', 'emotionnet_ros.commands.image', 'say what the faces of pictures express'
            ),
            Subcommand(
                'video',
                'emotionnet_ros.commands.video',
                'the same of a video or webcam, over time',
            ),
            Subcommand(
                'timeline',
                'emotionnet_ros.commands.timeline',
                'draw a bag of expressions over time',
                ('rosbags', 'matplotlib'),
                'reports',
            ),
        ),
    ),
    (
        'with ROS 2',
        (
            Subcommand('run', ROS, 'run the node'),
            Subcommand('play', ROS, 'publish a video, pictures or a webcam as a camera topic'),
            Subcommand('watch', ROS, 'show the expressions live'),
            Subcommand('react', ROS, 'example of a robot that reacts to them'),
            Subcommand('ros4hri', ROS, 'publish them as hri_msgs, for ROS4HRI (REP-155)'),
            Subcommand('demo', ROS, 'play, run and watch at once'),
            Subcommand('measure', ROS, 'play videos to the node and measure its answers'),
            Subcommand('trace-power', ROS, 'trace the node under a changing power budget'),
        ),
    ),
    (
        'power',
        (
            Subcommand(
                'calibrate-power',
                'emotionnet_ros.power.calibration',
                'fit the model that turns CPU time into watts',
            ),
            Subcommand(
                'profile-power',
                'emotionnet_ros.power.profile',
                'measure what frames cost on this computer',
            ),
            Subcommand(
                'simulate-power',
                'emotionnet_ros.power.simulation',
                'try the governor on a simulated board',
            ),
        ),
    ),
    (
        'speed',
        (
            Subcommand(
                'benchmark',
                'emotionnet_ros.benchmarks.command',
                'what everything costs here, beside other packages',
                ('onnx',),
                'benchmark',
            ),
        ),
    ),
    (
        'weights',
        (
            Subcommand(
                'train',
                'emotionnet_ros.training.train',
                'train a network on FER+',
                ('torch', 'matplotlib', 'tqdm'),
                'training',
            ),
            Subcommand(
                'export',
                'emotionnet_ros.training.export',
                'make a weight file of a training run',
                ('torch', 'onnx', 'tqdm'),
                'training',
            ),
            Subcommand(
                'evaluate',
                'emotionnet_ros.training.evaluate',
                'how good a weight file is on FER+, class folders or CK+',
                ('tqdm',),
                'reports',
            ),
            Subcommand(
                'compare',
                'emotionnet_ros.training.compare',
                'compare what training runs reached',
                ('torch', 'matplotlib', 'tqdm'),
                'training',
            ),
            Subcommand(
                'quantise',
                'emotionnet_ros.training.quantise',
                'make an 8-bit weight file of one',
                ('onnx', 'tqdm'),
                'training',
            ),
            Subcommand(
                'cross-validate',
                'emotionnet_ros.training.cross_validation',
                'train and evaluate on CK+, no subject in both',
                ('torch', 'matplotlib', 'tqdm'),
                'training',
            ),
            Subcommand(
                'design',
                'emotionnet_ros.design.__main__',
                'let this computer find a network for your board',
                ('torch', 'onnx', 'optuna', 'matplotlib', 'tqdm'),
                'design',
            ),
            Subcommand(
                'framing',
                'emotionnet_ros.training.framing',
                'how a detector frames faces, and what that costs',
                ('tqdm',),
                'reports',
            ),
        ),
    ),
)
# What pip calls a package that is imported by another name.
PIP_NAMES = {'cv2': 'opencv-python-headless', 'yaml': 'pyyaml'}
SUBCOMMANDS = {row.name: row for _, rows in TABLE for row in rows}
EPILOGUE = """\
examples:
  emotionnet image people.jpg --annotated people_annotated.jpg
  emotionnet video talk.mp4 --csv talk.csv --timeline talk.png
  emotionnet run --image /head/image_raw

emotionnet SUBCOMMAND --help says more.
exit status: 0 done, 1 failed (a file, a model), 2 wrong options, 3 something is not installed
or not sourced, 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the first argument names; return the exit status, which ``--help`` lists."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ['--ros-args']:  # as the node of the same name is started
        given.insert(0, 'run')
    if not given:
        print(overview(), end='', file=sys.stderr)
        return WRONG_OPTIONS
    name, *rest = given
    if name not in (*SUBCOMMANDS, '-h', '--help', 'help'):
        alike = difflib.get_close_matches(name, SUBCOMMANDS, 1)
        hint = f'did you mean {alike[0]}?' if alike else 'emotionnet --help lists them.'
        print(f'emotionnet: there is no subcommand {name!r}; {hint}', file=sys.stderr)
        return WRONG_OPTIONS
    try:
        if name in SUBCOMMANDS:
            status = _dispatch(SUBCOMMANDS[name], rest)
        else:
            status = 0
            print(overview(), end='')
        sys.stdout.flush()  # here, where it can be told that nobody reads it
        return status
    except KeyboardInterrupt:
        print(f'emotionnet {name}: interrupted', file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough of it; what is left must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        where = f'{error.filename}: ' if error.filename else ''
        print(f'emotionnet {name}: {where}{error.strerror or error}', file=sys.stderr)
        return FAILED


def overview() -> str:
    """List the subcommands."""
    lines = ['usage: emotionnet SUBCOMMAND [options]', '', 'Facial expressions for robots.', '']
    for title, rows in TABLE:
        lines += [f'{title}:', *(f'  {row.name:<16} {row.help}' for row in rows), '']
    return '\n'.join(lines) + '\n' + EPILOGUE


def _dispatch(row: Subcommand, arguments: list[str]) -> int:
    missing = [name for name in row.needs if importlib.util.find_spec(name) is None]
    if missing:
        return _lacks(row, missing)
    if row.module == ROS:
        from emotionnet_ros.commands import ros

        return ros.main(row.name, arguments)
    try:
        module = importlib.import_module(row.module)
    except ModuleNotFoundError as error:
        top = (error.name or '').split('.')[0]
        if top in ('', 'emotionnet_ros'):
            raise
        return _lacks(row, [top])
    before = sys.argv
    sys.argv = [f'emotionnet {row.name}', *arguments]  # what argparse calls the program
    try:
        return int(module.main(arguments))
    finally:
        sys.argv = before


def _lacks(row: Subcommand, missing: Sequence[str]) -> int:
    missing = [PIP_NAMES.get(name, name) for name in missing]
    remedy = f'pip install {" ".join(missing)}'
    if row.extra:
        remedy = f"pip install '.[{row.extra}]' in the folder of the sources, or {remedy}"
    plural = 'which are' if len(missing) > 1 else 'which is'
    print(
        f'emotionnet {row.name} needs {" and ".join(missing)}, {plural} not installed: {remedy}',
        file=sys.stderr,
    )
    return MISSING


if __name__ == '__main__':
    sys.exit(main())
