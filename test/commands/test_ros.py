# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How options become ROS arguments, and how the programs are found."""

import os

import pytest

from emotionnet_ros.commands.main import SUBCOMMANDS
from emotionnet_ros.commands.ros import PASSED_THROUGH, PROGRAMS, ros_arguments


@pytest.mark.parametrize(
    ('name', 'typed', 'expected'),
    [
        ('watch', [], []),
        ('play', ['talk.mp4'], ['-p', 'source:="talk.mp4"']),
        ('play', ['0'], ['-p', 'source:="0"']),
        (
            'play',
            ['a b: c.mp4', '--rate', '15', '--once'],
            ['-p', 'source:="a b: c.mp4"', '-p', 'rate:=15.0', '-p', 'loop:=false'],
        ),
        (
            'run',
            ['--image', '/head/image_raw', '--power-budget', '12'],
            [
                *('-r', 'image:=/head/image_raw'),
                *('-r', 'image/compressed:=/head/image_raw/compressed'),
                *('-p', 'power.budget:=12.0'),
            ],
        ),
        (
            'run',
            ['--compressed', '--params-file', 'n.yaml', '--ros-args', '--log-level', 'debug'],
            [
                *('-p', 'camera.compressed:=true'),
                *('--params-file', 'n.yaml'),
                *('--log-level', 'debug'),
            ],
        ),
        ('react', ['--namespace', '/head'], ['-r', '__ns:=/head']),
    ],
)
def test_options_become_ros_arguments(name, typed, expected):
    assert ros_arguments(name, typed) == (['--ros-args', *expected] if expected else [])


def test_the_table_of_subcommands_has_all_of_them():
    programs = {*PROGRAMS, *PASSED_THROUGH}
    assert {n for n, row in SUBCOMMANDS.items() if row.module.endswith('.ros')} == programs


@pytest.mark.parametrize('name', PROGRAMS)
def test_help_has_examples_and_needs_no_ros(run, name):
    result = run(name, '--help')
    assert result.returncode == 0
    assert f'  emotionnet {name}\n' in result.stdout or f'  emotionnet {name} ' in result.stdout


def test_without_ros_it_is_said_what_to_source(run):
    result = run('run')
    assert result.returncode == 3
    assert 'needs ROS 2, and none is sourced here' in result.stderr


def test_a_ros_without_the_package_is_told_from_none(run, tmp_path):
    result = run('watch', AMENT_PREFIX_PATH=str(tmp_path))
    assert result.returncode == 3
    assert 'colcon build' in result.stderr


def test_a_wrong_option_is_refused_before_ros_is_looked_for(run):
    result = run('play', '--rate', 'fast')
    assert result.returncode == 2
    assert 'fast' in result.stderr


@pytest.mark.parametrize(
    ('typed', 'received'),
    [
        (['play', 'talk.mp4'], 'player --ros-args -p source:="talk.mp4"'),
        (['demo', '--duration', '3'], 'demo --duration 3'),
        (['--ros-args', '-p', 'autostart:=false'], 'emotionnet --ros-args -p autostart:=false'),
    ],
)
def test_the_program_takes_the_place_of_this_one(run, tmp_path, typed, received):
    folder = tmp_path / 'second' / 'lib' / 'emotionnet_ros'
    folder.mkdir(parents=True)
    for executable in ('player', 'demo', 'emotionnet'):
        (folder / executable).write_text('#!/bin/sh\necho "$(basename "$0")" "$@"\nexit 5\n')
        (folder / executable).chmod(0o755)
    prefixes = os.pathsep.join(str(tmp_path / name) for name in ('first', 'second'))
    result = run(*typed, AMENT_PREFIX_PATH=prefixes)
    assert result.returncode == 5
    assert result.stdout.strip() == received
