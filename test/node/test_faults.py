# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What fails inside the node, made to fail, and what the node does then."""

import time

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecyclePublisher, TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from emotionnet_ros.expressions import Box
from emotionnet_ros.faces.detection import Detection
from emotionnet_ros.node import camera, emotion_node, main, models, power_loop, session

DEADLINE = 60.0
FAILURE, ERROR = TransitionCallbackReturn.FAILURE, TransitionCallbackReturn.ERROR
UNCONFIGURED = State.PRIMARY_STATE_UNCONFIGURED
INACTIVE = State.PRIMARY_STATE_INACTIVE
ACTIVE = State.PRIMARY_STATE_ACTIVE


class Detector:
    name = 'of the test'
    crop_side_over_box = 1.0
    crop_shift_y = 0.0

    def __init__(self):
        self.detect_next = list

    def detect(self, frame):
        detect, self.detect_next = self.detect_next, list
        return detect()


class Scene:
    """An unconfigured node, and a camera that shows it an image each time it is looked at."""

    def __init__(self, observer):
        self.executor = SingleThreadedExecutor()
        self.node = emotion_node.EmotionNode(
            parameter_overrides=[Parameter('power.sensor', value='cpu_time')]
        )
        self.executor.add_node(self.node)
        self.publisher = observer.create_publisher(Image, 'image', 1)
        self.image = Image(width=64, height=48, encoding='mono8', step=64, data=bytes(64 * 48))

    @property
    def state(self):
        return self.node._state_machine.current_state[0]

    @property
    def activity(self):
        return self.node._session.activity()

    def until(self, condition):
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline
            self.publisher.publish(self.image)
            self.executor.spin_once(timeout_sec=0.02)

    def answers(self):
        """Wait for an answer that was not there before."""
        before = self.activity.cameras[0].counts.processed
        self.until(lambda: self.activity.cameras[0].counts.processed > before)

    def pipeline_status(self):
        """Give the level and text of the pipeline in the next diagnostics."""
        said = []
        publisher = self.node._outputs['/diagnostics']
        publish = publisher.publish
        publisher.publish = said.append
        self.until(lambda: said)
        publisher.publish = publish
        (status,) = (s for s in said[0].status if s.name.endswith(': pipeline'))
        return status.level, status.message, {v.key: v.value for v in status.values}


@pytest.fixture
def detector(monkeypatch):
    detector = Detector()
    monkeypatch.setattr(models, 'open_detector', lambda name, **options: detector)
    return detector


@pytest.fixture
def scene(observer, detector, monkeypatch):
    monkeypatch.setattr(emotion_node, 'DIAGNOSTICS_PERIOD', 0.1)
    scene = Scene(observer)
    yield scene
    scene.executor.remove_node(scene.node)
    scene.node.stop()
    scene.node.destroy_node()
    scene.executor.shutdown()


def failing(error):
    def fail(*arguments, **options):
        raise error

    return fail


@pytest.mark.parametrize(
    ('where', 'what', 'error', 'transition', 'answer', 'state'),
    [
        (models, 'open_detector', MemoryError('no memory'), 'configure', ERROR, UNCONFIGURED),
        (models, 'open_detector', ValueError('no size'), 'configure', FAILURE, UNCONFIGURED),
        (models, 'Classifier', OSError('disk gone'), 'configure', ERROR, UNCONFIGURED),
        (power_loop, 'open_sensor', OSError('bus gone'), 'configure', ERROR, UNCONFIGURED),
        (
            emotion_node,
            'operating_points',
            ValueError('a row'),
            'configure',
            FAILURE,
            UNCONFIGURED,
        ),
        (
            emotion_node.EmotionNode,
            'create_lifecycle_publisher',
            TypeError('no type support'),
            'configure',
            ERROR,
            UNCONFIGURED,
        ),
        (session, 'LatestSlots', TypeError('a mistake'), 'activate', ERROR, UNCONFIGURED),
        (session, 'LastingThread', RuntimeError('no thread'), 'activate', ERROR, UNCONFIGURED),
        (session, 'LastingThread', ValueError('no name'), 'activate', FAILURE, INACTIVE),
        (power_loop, 'LastingThread', RuntimeError('no thread'), 'activate', ERROR, UNCONFIGURED),
        (power_loop, 'LastingThread', ValueError('no name'), 'activate', FAILURE, INACTIVE),
        (
            emotion_node.EmotionNode,
            'destroy_timer',
            ValueError('no'),
            'deactivate',
            ERROR,
            UNCONFIGURED,
        ),
        (power_loop.PowerLoop, 'close', OSError('gone'), 'deactivate', ERROR, UNCONFIGURED),
        (power_loop.PowerSource, 'close', OSError('bus gone'), 'cleanup', ERROR, UNCONFIGURED),
    ],
)
def test_a_transition_that_fails_is_logged_and_leaves_the_node_usable(
    scene, monkeypatch, capfd, where, what, error, transition, answer, state
):
    before = {'configure': 0, 'activate': 1, 'deactivate': 2, 'cleanup': 1}[transition]
    ways = [scene.node.trigger_configure, scene.node.trigger_activate][:before]
    assert all(way() == TransitionCallbackReturn.SUCCESS for way in ways)
    with monkeypatch.context() as patch:
        patch.setattr(where, what, failing(error))
        assert getattr(scene.node, f'trigger_{transition}')() == answer
    said = capfd.readouterr().err
    assert f'on_{transition}:' in said
    assert str(error) in said
    assert ('Traceback' in said) == (answer == ERROR)
    assert scene.state == state
    if state == UNCONFIGURED:
        assert list(scene.node.publishers)[2:] == []  # but rclpy's own two
        assert scene.node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert list(scene.node.subscriptions) == []
    assert scene.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    scene.answers()


def test_a_publisher_that_fails_costs_its_answers_and_the_counts_hold(scene, monkeypatch, capfd):
    scene.node.autostart()
    scene.answers()
    publish = LifecyclePublisher.publish

    def publish_others(publisher, message):
        if publisher is scene.node._outputs['expressions']:
            raise OSError('no buffer')
        return publish(publisher, message)

    with monkeypatch.context() as patch:
        patch.setattr(LifecyclePublisher, 'publish', publish_others)
        scene.until(lambda: scene.activity.cameras[0].refused.get('OSError', 0) >= 3)
    scene.answers()
    scene.node._session._unsubscribe()
    scene.until(lambda: scene.node._session._slots.take_due() is None)
    counts, refused = scene.activity.cameras[0].counts, scene.activity.cameras[0].refused
    assert counts.skipped >= refused['OSError']
    assert 0 <= counts.received - counts.processed - counts.skipped <= 1  # the one at work
    assert 'no buffer' in capfd.readouterr().err


def test_a_network_that_fails_is_named_and_counted_and_the_next_image_answered(
    scene, detector, monkeypatch, capfd
):
    face = Detection(Box(10, 8, 30, 30), 0.95)
    monkeypatch.setattr(detector, 'detect', lambda frame: [face])
    scene.node.autostart()
    scene.answers()
    with monkeypatch.context() as patch:
        patch.setattr(models.Classifier, 'classify', failing(RuntimeError('no such device')))
        scene.until(lambda: scene.activity.cameras[0].refused.get('network_failed', 0) >= 3)
    scene.answers()
    assert set(scene.activity.cameras[0].refused) == {'network_failed'}
    assert scene.activity.cameras[0].faces == 1
    assert 'network failed: nano_b on an image of 64 x 48' in capfd.readouterr().err


def test_time_that_the_node_takes_is_not_blamed_on_the_stamps(scene, detector, monkeypatch, capfd):
    monkeypatch.setattr(camera, 'MOST_BEHIND', 1.0)
    monkeypatch.setattr(detector, 'detect', lambda frame: time.sleep(1.5) or [])
    scene.node.autostart()

    def stamp_and_look():
        scene.image.header.stamp = scene.node.get_clock().now().to_msg()
        return scene.activity.cameras[0].counts.processed

    scene.until(stamp_and_look)
    (activity,) = scene.activity.cameras
    assert activity.age > 1.5
    assert activity.clock_fault == ''
    assert 'behind the clock' not in capfd.readouterr().err


@pytest.mark.parametrize('end', [SystemExit('a library gave up'), GeneratorExit('strange')])
def test_a_dead_worker_is_said_and_begun_again(scene, detector, capfd, end):
    scene.node.autostart()
    scene.answers()
    scene.pipeline_status()
    dead = scene.node._session._worker._thread
    detector.detect_next = failing(end)
    scene.until(lambda: not dead.is_alive())
    level, text, _ = scene.pipeline_status()
    assert (level, text.startswith('the worker')) == (DiagnosticStatus.ERROR, True)
    scene.answers()
    assert scene.activity.cameras[0].refused == {type(end).__name__: 1}
    said = capfd.readouterr().err
    assert 'The thread "emotionnet worker" ended before its time and is begun again' in said
    assert str(end) in said
    levels = [scene.pipeline_status()[0] for _ in range(2)]
    assert levels[-1] == DiagnosticStatus.OK
    assert scene.pipeline_status()[2]['worker_ends'] == '1'
    assert scene.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS


def test_a_dead_power_loop_is_begun_again(scene, monkeypatch, capfd):
    scene.node.autostart()
    dead = scene.node._power_loop._thread._thread
    with monkeypatch.context() as patch:
        patch.setattr(power_loop.PowerSource, 'read', failing(SystemExit('driver gave up')))
        scene.until(lambda: not dead.is_alive())
    scene.until(lambda: scene.node._power_loop._thread.is_alive)
    scene.until(lambda: scene.node._power_loop.newest()[0] is not None)
    assert 'The thread "emotionnet power" ended before its time' in capfd.readouterr().err


def test_a_callback_that_fails_ends_nothing(scene, capfd):
    scene.node.autostart()
    watched = []
    fails = [RuntimeError('graph not there'), KeyError('gone'), None, ExternalShutdownException()]

    def watch():
        watched.append(time.monotonic())
        if fails[len(watched) - 1]:
            raise fails[len(watched) - 1]

    scene.node._session._timer.callback = watch
    main._spin(scene.executor, scene.node)
    said = capfd.readouterr().err
    assert len(watched) == len(fails)
    assert said.count('A callback failed') == 2
    assert 'graph not there' in said
    scene.node._session._timer.callback = scene.node._session._watch
    scene.answers()


def test_an_image_whose_callback_fails_costs_no_other(scene, monkeypatch, capfd):
    scene.node.autostart()
    scene.answers()
    put, failed = session.LatestSlots.put, []

    def put_but_once(slots, camera, arrival):
        if not failed:
            failed.append(arrival)
            raise MemoryError('no place for an image')
        return put(slots, camera, arrival)

    before = scene.activity.cameras[0].counts.processed

    def publish_until_answered():
        if failed and scene.activity.cameras[0].counts.processed > before:
            raise ExternalShutdownException
        scene.publisher.publish(scene.image)

    monkeypatch.setattr(session.LatestSlots, 'put', put_but_once)
    scene.node._session._timer.callback = publish_until_answered
    main._spin(scene.executor, scene.node)
    said = capfd.readouterr().err
    assert said.count('A callback failed') == 1
    assert 'no place for an image' in said
