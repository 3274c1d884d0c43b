# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What make takes the machine for; what it makes is what all other tests run on."""

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1]
COMMANDS = ('bash', 'find', 'grep', 'make', 'sed')
MISSING = [command for command in COMMANDS if not shutil.which(command)]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f'no {", ".join(MISSING)} here')


def make(*arguments, folder=SOURCES, **environment):
    return subprocess.run(
        [shutil.which('make'), *arguments],
        cwd=folder,
        env={'PATH': '/usr/bin:/bin', **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ('prefixes', 'expected'),
    [
        ([], 'wheels from PyPI'),
        ([SOURCES / '.env/jazzy', SOURCES / '.env/jazzy/venv'], 'wheels from PyPI'),
        (['/opt/ros/jazzy'], 'sourced'),
        ([SOURCES / '.env/sourced-jazzy', '/opt/ros/jazzy'], 'sourced'),
    ],
)
def test_a_sourced_ros_is_told_from_the_environment_made_here(prefixes, expected):
    path = ':'.join(map(str, prefixes))
    result = make('help', ROS_DISTRO='jazzy', AMENT_PREFIX_PATH=path)
    assert f'on ROS 2 jazzy ({expected})' in result.stdout


def test_help_lists_the_targets_with_the_barest_commands(tmp_path):
    for command in COMMANDS:
        (tmp_path / command).symlink_to(shutil.which(command))
    result = make('help', PATH=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert 'make test' in result.stdout


def test_a_folder_with_a_space_is_refused(tmp_path):
    folder = tmp_path / 'my robot'
    folder.mkdir()
    shutil.copy(SOURCES / 'Makefile', folder)
    result = make('help', folder=folder)
    assert result.returncode != 0
    assert 'folder with a space' in result.stderr


def test_demo_plays_a_video_at_its_own_rate_unless_told():
    assert "--source 'talk.mp4' --rate 0\n" in make('-n', 'demo', 'VIDEO=talk.mp4').stdout
    assert (
        "--source 'talk.mp4' --rate 7\n" in make('-n', 'demo', 'VIDEO=talk.mp4', 'RATE=7').stdout
    )


def test_bench_passes_its_options_on():
    assert "/benchmark' --quick --only a\n" in make('-n', 'bench', 'BENCH=--quick --only a').stdout
