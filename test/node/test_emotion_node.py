# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node in the process of the test, which says what its detector does."""

import logging
import time
from contextlib import contextmanager

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Image

from emotionnet_ros.imaging import ImageError
from emotionnet_ros.node import emotion_node, models, session

pytestmark = pytest.mark.filterwarnings('error::pytest.PytestUnhandledThreadExceptionWarning')

DEADLINE = 60.0


class Detector:
    """Any detector, seen from the node."""

    name = 'of the test'
    crop_side_over_box = 1.0
    crop_shift_y = 0.0

    def __init__(self):
        self.started = False
        self.detect_when_started = list
        self.options = {}

    def open(self, name, **options):
        self.options = options
        return self

    def detect(self, frame):
        self.started = True
        return self.detect_when_started()


def wait_until(condition, meanwhile=lambda: time.sleep(0.01)):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        meanwhile()


@pytest.fixture
def detector():
    return Detector()


@pytest.fixture
def context():
    context = rclpy.Context()
    rclpy.init(context=context)
    yield context
    context.try_shutdown()


@pytest.fixture
def node(context, detector, monkeypatch):
    """An active node with an image on its way to the detector."""
    monkeypatch.setattr(models, 'open_detector', detector.open)
    node = emotion_node.EmotionNode(context=context)
    node.autostart()
    yield node
    node.stop()
    node.destroy_node()


@contextmanager
def spinning(node):
    """Give two functions that spin the node for a moment: with an image for it, and without."""
    camera = rclpy.create_node('camera', context=node.context)
    publisher = camera.create_publisher(Image, 'image', 1)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    image = Image(width=64, height=48, encoding='mono8', step=64, data=bytes(64 * 48))

    def spin():
        executor.spin_once(timeout_sec=0.1)

    def publish():
        publisher.publish(image)
        spin()

    try:
        yield publish, spin
    finally:
        executor.shutdown()
        camera.destroy_node()


def give_an_image(node, detector):
    with spinning(node) as (publish, _):
        wait_until(lambda: detector.started, publish)


def test_publishers_are_looked_for_less_often_while_images_come(node):
    watch = node._session._timer
    assert watch.timer_period_ns == round(session.WATCH_PERIOD * 1e9)
    with spinning(node) as (publish, spin):
        spin()
        assert watch.timer_period_ns == round(session.WATCH_PERIOD * 1e9)
        wait_until(lambda: watch.timer_period_ns > session.WATCH_PERIOD * 1e9, publish)
        assert watch.timer_period_ns == round(session.CALM_WATCH_PERIOD * 1e9)
        wait_until(lambda: watch.timer_period_ns < session.CALM_WATCH_PERIOD * 1e9, spin)


def test_the_executor_waits_for_no_events_of_the_outputs(node):
    assert set(node._outputs) == set(emotion_node.TOPICS)
    assert not any(output.event_handlers for output in node._outputs.values())


def test_an_interrupt_while_an_image_is_worked_on_is_quiet(node, context, detector, capfd):
    def detect():
        wait_until(lambda: not context.ok())
        return []

    detector.detect_when_started = detect
    give_an_image(node, detector)
    with context.handle:
        context.handle.shutdown()  # all that the signal handler does
    node.stop()
    assert 'Traceback' not in capfd.readouterr().err


def test_a_bad_image_is_named_even_after_unsubscribing(node, detector, capfd):
    def detect():
        wait_until(lambda: node.count_subscribers('image') == 0)
        raise ImageError('too_odd', 'an image of the test')

    detector.detect_when_started = detect
    give_an_image(node, detector)
    node.trigger_deactivate()
    assert 'Image on /image refused (too_odd): an image of the test' in capfd.readouterr().err


def test_what_other_rooms_log_is_handed_on_at_every_severity(node, capfd):
    log = logging.getLogger('emotionnet_ros.faces')
    for level in (logging.INFO, logging.WARNING, logging.ERROR, logging.INFO):
        log.log(level, 'said at %d', level)
    lines = capfd.readouterr().err.splitlines()
    said = [line for line in lines if 'said at' in line]
    assert [line.split()[0] for line in said] == ['[INFO]', '[WARN]', '[ERROR]', '[INFO]']


def test_a_destroyed_node_leaves_the_network(node, observer, wait_until):
    def services():
        names = observer.get_service_names_and_types_by_node('emotionnet', '/')
        return {name for name, _ in names}

    wait_until(lambda: 'emotionnet' in observer.get_node_names(), 'the node on the network')
    wait_until(lambda: '/emotionnet/change_state' in services(), 'its lifecycle services')
    node.stop()
    node.destroy_node()
    wait_until(lambda: 'emotionnet' not in observer.get_node_names(), 'the node gone')


def test_the_detector_finds_as_many_faces_as_may_be_asked_for_while_running(node, detector):
    (most,) = node.describe_parameter('tracker.max_faces').integer_range
    assert detector.options['max_faces'] == most.to_value


def test_a_detector_that_fails_is_named_and_counted_and_the_next_image_answered(
    node, detector, capfd
):
    def detect():
        raise RuntimeError('no such accelerator')

    detector.detect_when_started = detect
    give_an_image(node, detector)
    wait_until(lambda: node._session.activity().cameras[0].refused.get('detector_failed'))
    detector.detect_when_started, detector.started = list, False
    give_an_image(node, detector)
    wait_until(lambda: node._session.activity().cameras[0].counts.processed)
    camera = node._session.activity().cameras[0]
    counts, refused = camera.counts, camera.refused
    assert set(refused) == {'detector_failed'}
    assert counts.skipped >= refused['detector_failed']
    output = capfd.readouterr().err
    assert 'of the test on an image of 64 x 48 pixels, RuntimeError: no such acc' in output
    assert 'Traceback' in output
