# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a robot does to the node: cameras that go, no CPU for seconds, a disk that is full."""

import os
import resource
import signal
import subprocess
import time

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from emotionnet_ros.msg import ExpressionArray
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT
STOPPED = 3.0
SLICE = 0.1


def seconds(message):
    return message.header.stamp.sec + message.header.stamp.nanosec * 1e-9


def test_a_camera_that_goes_is_missed_and_answered_again(start, observer, collect, wait_until):
    node = start('emotionnet')
    answers = collect(ExpressionArray, 'expressions', QoSProfile(depth=100))
    said = collect(DiagnosticArray, '/diagnostics')
    image = Image(width=64, height=48, encoding='mono8', step=64, data=bytes(64 * 48))
    sent = [0]

    def play(publisher):
        """Show a few images and wait until they are answered."""
        answers.clear()

        def publish_and_look():
            image.header.stamp = observer.get_clock().now().to_msg()
            publisher.publish(image)
            sent[0] += 1
            return len(answers) >= 5

        wait_until(publish_and_look, 'answers')

    def input_status():
        return said[-1].status[0]

    profiles = [
        QoSProfile(depth=1, reliability=RELIABLE),
        QoSProfile(depth=1, reliability=BEST_EFFORT),
        QoSProfile(depth=5, reliability=RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL),
    ]
    for profile in profiles:
        publisher = observer.create_publisher(Image, 'image', profile)
        play(publisher)
        observer.destroy_publisher(publisher)
    wait_until(
        lambda: 'No image on /image for ' in node.output and '0 publishers' in node.output,
        'a word about the silence',
    )
    wait_until(lambda: input_status().level == DiagnosticStatus.WARN, 'a warning')
    assert input_status().message.startswith('no image on /image for ')
    play(observer.create_publisher(Image, 'image', profiles[1]))
    wait_until(lambda: input_status().level == DiagnosticStatus.OK, 'the end of the warning')
    timing = answers[-1].timing
    print(f'\nsent {sent[0]}, received {timing.frames_received}, lost {timing.frames_lost}')
    assert timing.frames_received + timing.frames_lost <= sent[0]
    assert node.interrupt() == 0
    assert 'Traceback' not in node.output


@pytest.fixture
def answering(start, collect, wait_until, reliable_subscription):
    """A node that answers 30 frames a second, and its answers."""
    node = start('emotionnet')
    answers = collect(ExpressionArray, 'expressions', QoSProfile(depth=100))
    start('player', rate=30.0)
    reliable_subscription('/image')
    wait_until(lambda: len(answers) >= 10, 'answers')
    return node, answers


def test_after_seconds_without_cpu_the_answers_are_fresh_at_once(answering, wait_until):
    node, answers = answering
    node.process.send_signal(signal.SIGSTOP)
    end = time.monotonic() + STOPPED
    wait_until(lambda: time.monotonic() > end, 'the end of the pause')
    answers.clear()
    going_on = time.time()
    node.process.send_signal(signal.SIGCONT)
    wait_until(lambda: sum(seconds(a) > going_on for a in answers) >= 10, 'answers afterwards')
    old = [answer for answer in answers if seconds(answer) < going_on]
    fresh = [answer for answer in answers if seconds(answer) >= going_on]
    print(f'\nold: {[a.timing.age for a in old]}, then {[a.timing.age for a in fresh]}')
    # One at work, one in the slot, one with DDS: no queue.
    assert len(old) <= 3
    assert all(answer.timing.age >= going_on - seconds(answer) for answer in old)
    assert all(0 < answer.timing.age < STOPPED for answer in fresh)
    stamps = [seconds(answer) for answer in answers]
    assert stamps == sorted(stamps)
    assert node.interrupt() == 0
    assert 'Traceback' not in node.output


def test_with_a_tenth_of_the_cpu_no_queue_grows(answering, wait_until):
    node, answers = answering
    wakes, fresh = [], []
    for _ in range(10):
        node.process.send_signal(signal.SIGSTOP)
        end = time.monotonic() + 9 * SLICE
        wait_until(lambda e=end: time.monotonic() > e, 'the end of the pause')
        answers.clear()
        going_on = time.time()
        node.process.send_signal(signal.SIGCONT)
        wait_until(lambda g=going_on: time.time() > g + SLICE, 'the end of the slice')
        wakes.append(sum(seconds(answer) < going_on for answer in answers))
        fresh.append(sum(seconds(answer) >= going_on for answer in answers))
    print(f'\nof each slice, old answers: {wakes}, fresh ones: {fresh}')
    assert max(wakes) <= 3  # as after one pause; a queue would hold 27 a cycle, and ever more
    answers.clear()
    going_on = time.time()
    wait_until(lambda: sum(seconds(a) > going_on for a in answers) >= 10, 'answers afterwards')
    timing = answers[-1].timing
    assert timing.frames_processed + timing.frames_skipped <= timing.frames_received
    assert node.interrupt() == 0
    assert 'Traceback' not in node.output


def test_a_log_folder_that_cannot_be_made_is_said_in_a_sentence(start, tmp_path, monkeypatch):
    (tmp_path / 'file').touch()
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path / 'file' / 'log'))
    node = start('emotionnet')
    assert node.process.wait(60) == 1
    assert str(tmp_path / 'file' / 'log') in node.output
    assert 'Set ROS_LOG_DIR to a folder that can be written' in node.output
    assert 'Traceback' not in node.output
    assert len(node.output.splitlines()) == 1


@pytest.mark.skipif(not hasattr(resource, 'RLIMIT_FSIZE'), reason='no limit of file sizes here')
def test_a_full_disk_for_logs_does_not_keep_it_from_work(
    start, observer, collect, wait_until, tmp_path
):
    """A limit of 0 bytes a file fails each write as a full disk does."""
    from ament_index_python.packages import get_package_prefix

    folder = tmp_path / 'log'
    folder.mkdir()
    program = f'{get_package_prefix("emotionnet_ros")}/lib/emotionnet_ros/emotionnet'
    environment = {'ROS_LOG_DIR': str(folder), 'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}
    with (tmp_path / 'output').open('wb') as output:
        copy = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=output)
        node = subprocess.Popen(
            ['bash', '-c', f'ulimit -f 0; exec {program}'],
            stdout=copy.stdin,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    copy.stdin.close()
    try:
        answers = collect(ExpressionArray, 'expressions')
        start('player', rate=10.0)
        wait_until(lambda: len(answers) >= 3, 'answers')
        node.send_signal(signal.SIGINT)
        assert node.wait(60) == 0
        assert copy.wait(60) == 0
    finally:
        node.kill()
        copy.kill()
    assert {file.stat().st_size for file in folder.iterdir()} == {0}
    assert 'Traceback' not in (tmp_path / 'output').read_text()


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='no /dev/full here')
def test_what_it_says_may_go_to_a_full_disk(collect, start, start_program, wait_until, tmp_path):
    from ament_index_python.packages import get_package_prefix

    program = f'{get_package_prefix("emotionnet_ros")}/lib/emotionnet_ros/emotionnet'
    node = start_program(['bash', '-c', f'exec {program} >/dev/full 2>&1'], 'emotionnet')
    answers = collect(ExpressionArray, 'expressions')
    start('player', rate=10.0)
    wait_until(lambda: len(answers) >= 3, 'answers')
    assert node.interrupt() == 0
