# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command line in a built workspace: what is on the path, and that it starts the programs."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_prefix
from sensor_msgs.msg import CompressedImage

from emotionnet_ros.commands.ros import PASSED_THROUGH, PROGRAMS, find

PREFIX = Path(get_package_prefix('emotionnet_ros'))
COMMAND = PREFIX / 'bin' / 'emotionnet'


def test_the_command_on_the_path_is_the_command_line_and_not_the_node():
    assert Path(shutil.which('emotionnet')).samefile(COMMAND)
    result = subprocess.run([COMMAND, '--help'], capture_output=True, text=True, check=True)
    assert result.stdout.startswith('usage: emotionnet SUBCOMMAND')


@pytest.mark.parametrize(
    'executable', [*(p.executable for p in PROGRAMS.values()), *PASSED_THROUGH.values()]
)
def test_every_program_is_installed(executable):
    assert find(executable) == PREFIX / 'lib' / 'emotionnet_ros' / executable
    assert os.access(find(executable), os.X_OK)


@pytest.mark.parametrize(
    ('subcommand', 'executable'),
    [
        ('calibrate-power', 'calibrate_power'),
        ('profile-power', 'profile_power'),
        ('simulate-power', 'simulate_power'),
        *PASSED_THROUGH.items(),
    ],
)
def test_a_program_calls_itself_what_was_typed(subcommand, executable):
    for typed, name in (
        ([COMMAND, subcommand], f'emotionnet {subcommand}'),
        ([find(executable)], executable),
    ):
        result = subprocess.run([*typed, '--help'], capture_output=True, text=True, check=True)
        assert result.stdout.startswith(f'usage: {name} [-h] ')


def test_what_a_program_says_and_returns_comes_through(tmp_path):
    missing = tmp_path / 'it is: none.mp4'
    result = subprocess.run(
        [COMMAND, 'play', missing], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 1
    assert f'player: {missing}: there is no such file' in result.stderr


def test_a_played_picture_arrives_on_the_named_topic(collect, wait_until):
    images = collect(CompressedImage, '/head/image_raw/compressed')
    player = subprocess.Popen(
        [COMMAND, 'play', '--image', '/head/image_raw', '--compressed', '--rate', '20'],
        start_new_session=True,
    )
    try:
        wait_until(lambda: images, 'an image on the topic that was asked for')
    finally:
        player.send_signal(signal.SIGINT)
        assert player.wait(60) == 0
