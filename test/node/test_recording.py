# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the node says, recorded as ros2 bag does it, and drawn; and what the watcher draws."""

import subprocess
import time
from pathlib import Path

import cv2
import pytest
from ament_index_python.packages import get_package_prefix, get_package_share_directory
from emotionnet_ros.msg import ExpressionArray, PowerState
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

COMMAND = Path(get_package_prefix('emotionnet_ros')) / 'bin' / 'emotionnet'
YELLOW = (66, 228, 240)  # happiness, BGR


@pytest.fixture(autouse=True)
def matplotlib():
    pytest.importorskip('matplotlib', reason='draws with matplotlib')


@pytest.fixture
def installed_types():
    store = get_typestore(Stores.ROS2_HUMBLE)
    folder = Path(get_package_share_directory('emotionnet_ros')) / 'msg'
    for file in sorted(folder.glob('*.msg')):
        store.register(get_types_from_msg(file.read_text(), f'emotionnet_ros/msg/{file.stem}'))
    return store


def test_a_recording_of_the_node_is_drawn_and_is_small(
    start, observer, wait_until, installed_types, tmp_path
):
    received = []
    for kind, topic in ((ExpressionArray, 'expressions'), (PowerState, 'power')):
        observer.create_subscription(
            kind,
            topic,
            lambda data, t=f'/{topic}': received.append((t, time.time_ns(), bytes(data))),
            10,
            raw=True,
        )

    def count(topic):
        return sum(name == topic for name, _, _ in received)

    start('emotionnet')
    start('player', rate=10.0)
    wait_until(lambda: count('/expressions') >= 20 and count('/power') >= 2, 'answers and power')
    bag = tmp_path / 'talk'
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {
            topic: writer.add_connection(
                topic, f'emotionnet_ros/msg/{kind}', typestore=installed_types
            )
            for topic, kind in (('/expressions', 'ExpressionArray'), ('/power', 'PowerState'))
        }
        for topic, nanoseconds, data in received:
            writer.write(connections[topic], nanoseconds, data)
    answers = [data for topic, _, data in received if topic == '/expressions']
    # One face: less than 0.5 kB an answer, 27 MB an hour at 15 a second.
    assert max(map(len, answers)) < 500

    picture = tmp_path / 'talk.png'
    result = subprocess.run(
        [COMMAND, 'timeline', bag, '--output', picture],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert f'{len(answers)} answers' in result.stdout
    assert 'faces: 1; ' in result.stdout
    assert (cv2.imread(str(picture)) == YELLOW).all(axis=2).sum() > 1000


def test_the_watcher_draws_what_it_saw(start, wait_until, tmp_path):
    picture = tmp_path / 'live.png'
    watcher = start('watcher', timeline=picture)
    start('emotionnet')
    start('player', rate=10.0)
    wait_until(lambda: watcher.output.count('happiness') >= 3, 'three lines about a smile')
    assert watcher.interrupt() == 0
    assert f'{picture}: ' in watcher.output.splitlines()[-1]
    assert (cv2.imread(str(picture)) == YELLOW).all(axis=2).sum() > 1000


def test_a_watcher_that_saw_nothing_says_so(start, wait_until, tmp_path):
    watcher = start('watcher', timeline=tmp_path / 'live.png')
    wait_until(lambda: 'waiting for' in watcher.output, 'the watcher')
    assert watcher.interrupt() == 1
    assert 'no answers came' in watcher.output
    assert not (tmp_path / 'live.png').exists()


def test_a_timeline_that_cannot_be_written_is_named(start, wait_until, tmp_path):
    watcher = start('watcher', timeline=tmp_path / 'none' / 'live.png')
    start('emotionnet')
    start('player', rate=10.0)
    wait_until(lambda: 'answers/s' in watcher.output, 'an answer')
    assert watcher.interrupt() == 1
    assert f'{tmp_path}/none/live.png cannot be drawn' in watcher.output
    assert 'Traceback' not in watcher.output
