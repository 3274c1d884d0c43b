# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A detector and a power sensor that do not return: the node is a process of its own."""

import sys
import time

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from emotionnet_ros.msg import ExpressionArray, PowerState
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from sensor_msgs.msg import Image

# The installed node, with a detector and a power sensor that hang while a file is there. That a
# thread is stuck is told after less than the node's own seconds.
PROGRAM = """
import ctypes, sys, time
from pathlib import Path
from emotionnet_ros.node import lasting_thread, main, models, power_loop

lasting_thread.STUCK_AFTER, lasting_thread.END_WITHIN = 1.0, 2.0
folder = Path(sys.argv[1])

def hang(file):
    while (folder / file).exists():
        time.sleep(0.01)

class Detector:
    name, crop_side_over_box, crop_shift_y = 'of the test', 1.0, 0.0
    def detect(self, frame):
        hang('detector')
        while (folder / 'driver').exists():
            ctypes.CDLL(None).pause()  # for ever, outside Python
        return []

read = power_loop.PowerSource.read

def hang_and_read(source):
    hang('sensor')
    return read(source)

models.open_detector = lambda name, **options: Detector()
power_loop.PowerSource.read = hang_and_read
sys.exit(main.main(sys.argv[2:]))
"""
ERROR, OK = DiagnosticStatus.ERROR, DiagnosticStatus.OK


class Scene:
    """The node, a camera in the test's own process, and what the node says."""

    def __init__(self, start_program, observer, collect, call, wait_until, folder):
        self.folder, self.call, self._wait_until = folder, call, wait_until
        self.observer = observer
        program = folder / 'program.py'
        program.write_text(PROGRAM)
        arguments = ['--ros-args', '-p', 'power.sensor:=cpu_time']
        self.node = start_program([sys.executable, program, folder, *arguments], 'node')
        self.answers = collect(ExpressionArray, 'expressions', 100)
        self.powers = collect(PowerState, 'power')
        self.said = collect(DiagnosticArray, '/diagnostics')
        self.publisher = observer.create_publisher(Image, 'image', 1)
        self.image = Image(width=64, height=48, encoding='mono8', step=64, data=bytes(64 * 48))

    def hang(self, what):
        (self.folder / what).touch()

    def let_go(self, what):
        (self.folder / what).unlink()

    def until(self, condition, what):
        """Show the camera's images until something is so."""

        def publish_and_look():
            self.image.header.stamp = self.observer.get_clock().now().to_msg()
            self.publisher.publish(self.image)
            return condition()

        self._wait_until(publish_and_look, what)

    def answered(self):
        del self.answers[:]
        self.until(lambda: len(self.answers) >= 5, 'answers')

    def status(self, part):
        """Give level and text of a part in the newest diagnostics."""
        newest = self.said[-1].status if self.said else ()
        return next(((s.level, s.message) for s in newest if s.name.endswith(part)), (None, ''))

    def state(self):
        return self.call(GetState, 'emotionnet/get_state').current_state.id

    def change(self, transition):
        request = Transition(id=transition)
        return self.call(ChangeState, 'emotionnet/change_state', transition=request).success

    def set_rate(self, rate):
        value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=rate)
        answer = self.call(
            SetParameters,
            'emotionnet/set_parameters',
            parameters=[Parameter(name='camera.max_rate', value=value)],
        )
        return answer.results[0].successful


@pytest.fixture
def scene(start_program, observer, collect, call, wait_until, tmp_path):
    return Scene(start_program, observer, collect, call, wait_until, tmp_path)


def test_a_detector_that_does_not_return_stops_nothing_but_answers(scene):
    scene.answered()
    assert scene.set_rate(0.0)  # all services were called before: they are known
    assert scene.state() == State.PRIMARY_STATE_ACTIVE
    scene.hang('detector')
    scene.until(lambda: scene.status(': pipeline')[0] == ERROR, 'an error of diagnostics')
    assert scene.status(': pipeline')[1].startswith('the worker has been at one image of /image')
    assert 'in detect' in scene.node.output  # the stack
    scene.until(lambda: scene.status(': power')[0] == OK, 'all well with the power')

    del scene.powers[:], scene.said[:], scene.answers[:]
    assert scene.state() == State.PRIMARY_STATE_ACTIVE
    assert scene.set_rate(200.0)
    scene.until(lambda: len(scene.powers) >= 3 and len(scene.said) >= 2, 'power and diagnostics')
    assert scene.answers == []
    counts = [
        {v.key: v.value for v in status.values}['frames_received']
        for status in (message.status[0] for message in scene.said)
    ]
    assert int(counts[-1]) > int(counts[0])  # images are still taken

    scene.let_go('detector')
    scene.answered()
    scene.until(lambda: scene.status(': pipeline')[0] == OK, 'the end of the error')
    assert 'is back from one image of /image after' in scene.node.output
    assert scene.node.interrupt() == 0
    assert 'Traceback' not in scene.node.output


def test_a_node_with_a_stuck_worker_is_deactivated_and_begins_anew(scene):
    scene.answered()
    scene.hang('detector')
    scene.until(lambda: scene.status(': pipeline')[0] == ERROR, 'an error of diagnostics')
    assert not scene.change(Transition.TRANSITION_DEACTIVATE)
    # Its detector is in use by the thread that hangs: nothing of it is kept.
    assert scene.state() == State.PRIMARY_STATE_UNCONFIGURED
    assert '"emotionnet worker" has not ended in 2 s and is left to itself' in scene.node.output
    assert scene.change(Transition.TRANSITION_CONFIGURE)
    assert scene.change(Transition.TRANSITION_ACTIVATE)
    begun = time.time()
    scene.let_go('detector')
    scene.answered()
    # What the old thread was at is not answered by the new session.
    stamps = [a.header.stamp.sec + a.header.stamp.nanosec * 1e-9 for a in scene.answers]
    assert min(stamps) >= begun - 2.0

    scene.hang('detector')
    scene.until(lambda: scene.status(': pipeline')[0] == ERROR, 'an error of diagnostics')
    assert scene.change(Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert scene.state() == State.PRIMARY_STATE_FINALIZED
    assert scene.node.interrupt() == 0


@pytest.mark.parametrize(
    ('which', 'part'),
    [('detector', ': pipeline'), ('driver', ': pipeline'), ('sensor', ': power')],
)
def test_ctrl_c_ends_a_node_with_a_stuck_thread(scene, which, part):
    scene.answered()
    scene.hang(which)
    scene.until(lambda: scene.status(part)[0] == ERROR, 'an error of diagnostics')
    assert scene.node.interrupt() == 0
