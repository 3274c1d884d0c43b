# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Time that is simulated, jumps, begins again, or differs between camera and node."""

import math
import re
import threading
import time

import cv2
import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from emotionnet_ros.msg import ExpressionArray, PowerState
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rosbags.rosbag2 import Reader, Writer
from rosbags.typesys import Stores, get_typestore
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image

from emotionnet_ros.node import emotion_node, models

BAG_TOPIC = '/camera/image/compressed'
BAG_START, BAG_IMAGES, BAG_PERIOD = 1000.0, 15, 0.1


def time_of(seconds):
    whole = math.floor(seconds)
    return Time(sec=whole, nanosec=int((seconds - whole) * 1e9))


def seconds_of(stamp):
    return stamp.sec + stamp.nanosec * 1e-9


@pytest.fixture(scope='module')
def bag(tmp_path_factory, face_picture):
    """A recording of a face that moves, as ros2 bag writes it."""
    path = tmp_path_factory.mktemp('bags') / 'face'
    types = get_typestore(Stores.ROS2_HUMBLE)
    kind, header, stamp = (
        types.types[name]
        for name in (
            'sensor_msgs/msg/CompressedImage',
            'std_msgs/msg/Header',
            'builtin_interfaces/msg/Time',
        )
    )
    with Writer(path, version=9) as writer:
        connection = writer.add_connection(BAG_TOPIC, kind.__msgtype__, typestore=types)
        for index in range(BAG_IMAGES):
            seconds = BAG_START + index * BAG_PERIOD
            at = time_of(seconds)
            _, jpeg = cv2.imencode('.jpg', np.roll(face_picture, 3 * index, axis=1))
            message = kind(header(stamp(at.sec, at.nanosec), 'recorded'), 'jpeg', jpeg.reshape(-1))
            data = types.serialize_cdr(message, kind.__msgtype__)
            writer.write(connection, round(seconds * 1e9), data)
    return path


@pytest.fixture
def set_clock(observer, wait_until):
    """Publish simulated time, and wait until the node has taken a jump of it over."""
    publisher = observer.create_publisher(Clock, '/clock', 10)

    def publish(seconds, node=None, jump=None):
        said = f"The node's time jumped by {jump:+.1f} s" if jump is not None else ''
        before = node.output.count(said) if said else 0

        def taken_over():
            publisher.publish(Clock(clock=time_of(seconds)))
            return not said or node.output.count(said) > before

        wait_until(taken_over, f'the jump to {seconds}')

    return publish


@pytest.fixture
def images(observer, wait_until, reliable_subscription):
    """A publisher to which the node is subscribed and that it knows to be reliable."""

    def connect(kind, topic):
        publisher = observer.create_publisher(kind, topic, 1)
        reliable_subscription(topic)
        wait_until(lambda: publisher.get_subscription_count() == 1, f'subscription to {topic}')
        return publisher

    return connect


@pytest.mark.parametrize('simulated', [True, False])
def test_a_recording_that_begins_again_is_followed_anew(
    start, bag, set_clock, images, collect, wait_until, simulated
):
    answers = collect(ExpressionArray, 'expressions')
    node = start(
        'emotionnet', cameras=f'[{BAG_TOPIC}]', use_sim_time=simulated, detector__interval=5
    )
    publisher = images(CompressedImage, BAG_TOPIC)
    span = (BAG_IMAGES - 1) * BAG_PERIOD
    rounds = []
    for number in range(2):
        if simulated:
            # From 0, where it has not begun, or from the end of the recording
            jump = -span if number else BAG_START
            set_clock(BAG_START, node, jump)
        with Reader(bag) as reader:
            answers.clear()
            for count, (_, nanoseconds, data) in enumerate(reader.messages(), start=1):
                if simulated:
                    set_clock(nanoseconds * 1e-9)
                publisher.publish(bytes(data))
                wait_until(lambda c=count: len(answers) == c, 'the answer to an image')
        rounds.append(list(answers))

    first, second = rounds
    stamps = [[seconds_of(answer.header.stamp) for answer in answers] for answers in rounds]
    assert stamps[0] == stamps[1] == sorted(set(stamps[0]))
    ids = [{f.face_id for answer in answers for f in answer.expressions} for answers in rounds]
    assert [len(faces) for faces in ids] == [1, 1]
    assert not ids[0] & ids[1]
    for answers in rounds:
        assert answers[0].timing.detector_ran
        assert all(0 <= f.face_age <= span + 0.01 for a in answers for f in a.expressions)
        # Smoothing began anew: the first answer about a face is that of one or two images.
        face = next(f for answer in answers for f in answer.expressions)
        assert face.face_age <= 2 * BAG_PERIOD
    # What comes of the same images is the same, whatever was before.
    for one, other in zip(first, second, strict=True):
        assert [f.expression for f in one.expressions] == [f.expression for f in other.expressions]
        for face, again in zip(one.expressions, other.expressions, strict=True):
            np.testing.assert_allclose(face.probabilities, again.probabilities, atol=1e-4)
    ages = [answer.timing.age for answers in rounds for answer in answers]
    if simulated:
        assert all(-BAG_PERIOD - 0.01 <= age <= BAG_PERIOD + 0.01 for age in ages)
        assert 'of the clock of this node' not in node.output
    else:  # years old, and the node says so
        assert all(age > 1e6 for age in ages)
        assert f'{BAG_TOPIC}: stamps are ' in node.output
        assert f'Stamps on {BAG_TOPIC} jumped back by {span:.1f} s' in node.output
    assert 'Traceback' not in node.output


def test_a_jump_at_one_camera_leaves_the_other_alone(
    start, images, collect, wait_until, face_picture
):
    answers = collect(ExpressionArray, 'expressions', QoSProfile(depth=100))
    node = start('emotionnet', cameras='[/left,/right]')
    publishers = {topic: images(Image, topic) for topic in ('/left', '/right')}
    image = Image(width=640, height=480, encoding='bgr8', step=1920, data=face_picture.tobytes())

    def faces_at(topic, stamp):
        image.header.stamp = time_of(stamp)
        publishers[topic].publish(image)
        wait_until(
            lambda: any(
                (a.camera, a.header.stamp) == (topic, image.header.stamp) for a in answers
            ),
            f'an answer about {topic} at {stamp}',
        )
        return {face.face_id for face in answers[-1].expressions}

    seconds = np.arange(100.0, 101.0, 0.1)
    before = [{topic: faces_at(topic, stamp) for topic in publishers} for stamp in seconds][-1]
    after = [
        {'/left': faces_at('/left', stamp - 60), '/right': faces_at('/right', stamp)}
        for stamp in seconds + 1.0
    ][-1]
    assert len(before['/left']) == len(after['/left']) == len(before['/right']) == 1
    assert after['/right'] == before['/right']
    assert not after['/left'] & before['/left']
    assert 'Stamps on /left jumped back by 59.9 s: all faces are new' in node.output
    assert 'Stamps on /right jumped' not in node.output


def jumps_in(text):
    return [float(jump) for jump in re.findall(r"The node's time jumped by ([+-][\d.]+) s", text)]


def near(jump, jumps):
    return any(abs(jump - other) < 60 for other in jumps)


def test_rates_hold_over_jumps_of_simulated_time(start, observer, collect, wait_until):
    """Node and camera on a simulated time that jumps by 1000 s, back and ahead."""
    answers = collect(ExpressionArray, 'expressions', QoSProfile(depth=100))
    states = collect(PowerState, 'power')
    said = collect(DiagnosticArray, '/diagnostics')
    publisher = observer.create_publisher(Clock, '/clock', 10)
    node = start('emotionnet', use_sim_time='true', camera__max_rate=5.0)
    start('player', rate=20.0, use_sim_time='true')
    origin = 5000.0 - time.monotonic()
    seen, ids = 0, []
    for jump in (0.0, -1000.0, 2000.0):
        origin += jump

        def running(goal):
            publisher.publish(Clock(clock=time_of(time.monotonic() + origin)))  # noqa: B023
            return len(answers) >= goal

        if jump:
            # With what went by meanwhile.
            wait_until(lambda: running(0) and near(jump, jumps_in(node.output)), 'the jump')  # noqa: B023
        seen = len(answers) + 5  # those on their way, and the first sight of a new face
        wait_until(lambda: running(seen), 'answers')  # noqa: B023
        begin = time.monotonic()
        wait_until(lambda: running(seen + 20), 'more answers')  # noqa: B023
        rate_hz = 20 / (time.monotonic() - begin)
        assert 1.0 < rate_hz < 6.5
        fresh = answers[seen:]
        assert all(-0.2 < answer.timing.age < 1.0 for answer in fresh)
        faces = {face.face_id for answer in fresh for face in answer.expressions}
        assert len(faces) == 1
        ids.append(faces.pop())
        assert 1.0 < states[-1].rate < 6.5
        pipeline = next(s for s in said[-1].status if s.name == 'emotionnet: pipeline')
        values = {value.key: value.value for value in pipeline.values}
        assert 0 < float(values['frame_rate_node']) < 8
    assert len(set(ids)) == 3
    assert 'Traceback' not in node.output


@pytest.mark.parametrize(('offset', 'side'), [(30.0, 'ahead of'), (-3600.0, 'behind')])
def test_a_camera_on_another_clock_is_named_until_it_is_put_right(
    start, images, collect, wait_until, face_picture, observer, offset, side
):
    answers = collect(ExpressionArray, 'expressions')
    said = collect(DiagnosticArray, '/diagnostics')
    node = start('emotionnet')
    publisher = images(Image, '/image')
    image = Image(width=640, height=480, encoding='bgr8', step=1920, data=face_picture.tobytes())

    def status_with(off):
        image.header.stamp = time_of(time.time() + off)
        publisher.publish(image)
        inputs = [s for m in said[-1:] for s in m.status if s.name == 'emotionnet: input']
        return (inputs[0].level, inputs[0].message) if answers and inputs else (None, '')

    fault = rf'stamps are (\d+\.\d) s {side} the clock of this node'
    wait_until(lambda: re.fullmatch(fault, status_with(offset)[1]), 'a warning of diagnostics')
    level, text = status_with(offset)
    assert level == DiagnosticStatus.WARN
    # A busy computer answers late.
    assert float(re.fullmatch(fault, text)[1]) == pytest.approx(abs(offset), abs=5.0)
    assert answers[-1].timing.age == pytest.approx(-offset, abs=5.0)
    assert re.search(f'/image: {fault}', node.output)
    wait_until(lambda: status_with(0.0)[0] == DiagnosticStatus.OK, 'the end of the warning')


class WaitingDetector:
    """Begins and ends its work when the test says so."""

    name = 'waiting'
    crop_side_over_box = 1.0
    crop_shift_y = 0.0

    def __init__(self):
        self.begun, self.may_end = threading.Event(), threading.Event()

    def detect(self, frame):
        self.begun.set()
        assert self.may_end.wait(60)
        return []


@pytest.fixture
def detector(monkeypatch):
    detector = WaitingDetector()
    monkeypatch.setattr(models, 'open_detector', lambda name, **options: detector)
    yield detector
    detector.may_end.set()


@pytest.fixture
def node(observer, detector):
    """A node on simulated time in the test's process, spun with ``wait``."""
    node = emotion_node.EmotionNode(parameter_overrides=[Parameter('use_sim_time', value=True)])
    node.autostart()
    yield node
    node.stop()
    node.destroy_node()


def test_images_from_before_a_jump_have_no_age_of_after_it(
    observer, detector, node, collect, capfd
):
    answers = collect(ExpressionArray, 'expressions')
    clock = observer.create_publisher(Clock, '/clock', 10)
    camera = observer.create_publisher(Image, 'image', 10)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    executor.add_node(observer)
    image = Image(width=64, height=48, encoding='mono8', step=64, data=bytes(64 * 48))

    def wait(condition, what):
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, what
            executor.spin_once(timeout_sec=0.1)

    def set_clock(seconds):
        def taken_over():
            clock.publish(Clock(clock=time_of(seconds)))
            return seconds_of(node.get_clock().now().to_msg()) == seconds

        wait(taken_over, f'the time {seconds}')

    def give(stamp):
        image.header.stamp = time_of(stamp)
        camera.publish(image)

    def counts():
        return node._session.counts()

    set_clock(1000.0)
    wait(lambda: camera.get_subscription_count() and node.count_publishers('image'), 'the camera')
    give(999.0)
    wait(detector.begun.is_set, 'work on the first image')
    give(999.5)
    wait(lambda: counts().received == 2, 'the second image')
    set_clock(500.0)
    assert counts().skipped == 1  # the second
    detector.may_end.set()
    wait(lambda: len(answers) == 1, 'the answer to the first')
    assert math.isnan(answers[0].timing.age)
    give(499.75)
    wait(lambda: len(answers) == 2, 'the answer to an image of the new time')
    assert answers[1].timing.age == pytest.approx(0.25)
    assert (counts().received, counts().processed, counts().skipped) == (3, 2, 1)
    assert "The node's time jumped by -500.0 s: all faces are new" in capfd.readouterr().err
    for simulated, said in ((False, 'is no longer simulated'), (True, 'is simulated from now on')):
        (result,) = node.set_parameters([Parameter('use_sim_time', value=simulated)])
        assert result.successful
        assert f"The node's time {said}: all faces are new" in capfd.readouterr().err
    executor.shutdown()
    assert rclpy.ok()
