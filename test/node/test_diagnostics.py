# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from emotionnet_ros.msg import PowerState

from emotionnet_ros.node.counts import FrameCounts
from emotionnet_ros.node.diagnostics import Activity, CameraActivity, Diagnostics

QUIET = CameraActivity('/image')


def statuses(message):
    return {status.name.partition(': ')[2]: status for status in message.status}


def values(status):
    return {value.key: value.value for value in status.values}


def sayer():
    diagnostics = Diagnostics('emotionnet', {'network': 'nano_b'})

    def at(now, *cameras, power=None, reason='', power_stuck='', **worker):
        activity = Activity(cameras, **worker)
        return statuses(diagnostics.message(now, Time(), activity, power, reason, power_stuck))

    return at


@pytest.fixture
def say():
    return sayer()


def test_rates_are_those_since_the_message_before(say):
    say(10.0, QUIET)
    counts = FrameCounts(received=60, processed=30, skipped=30, lost=2)
    said = say(12.0, replace(QUIET, counts=counts, age=0.025, faces=3))
    assert values(said['input'])['frame_rate_msg'] == '30.00'
    assert values(said['input'])['frames_lost'] == '2'
    pipeline = values(said['pipeline'])
    assert pipeline['frame_rate_node'] == '15.00'
    assert pipeline['current_delay_from_realtime_ms'] == '25.0'
    assert pipeline['total_dropped_frames'] == '30'
    assert values(said['model'])['network'] == 'nano_b'
    assert {status.level for status in said.values()} == {DiagnosticStatus.OK}


def test_silence_is_a_warning_that_names_the_topic(say):
    status = say(0.0, replace(QUIET, silence=7.0))['input']
    assert status.level == DiagnosticStatus.WARN
    assert status.message == 'no image on /image for 7 s'


def test_nobody_listening_to_a_lazy_node_is_no_fault(say):
    status = say(0.0, replace(QUIET, listening=False))['input']
    assert status.level == DiagnosticStatus.OK
    assert status.message == 'lazy: nobody listens'


def test_stamps_of_another_clock_are_a_warning(say):
    fault = 'stamps are 3.0 s ahead of the clock of this node'
    status = say(0.0, replace(QUIET, age=-3.0, clock_fault=fault))['input']
    assert (status.level, status.message) == (DiagnosticStatus.WARN, fault)
    assert values(status)['current_delay_from_realtime_ms'] == '-3000.0'


def test_each_of_several_cameras_has_its_status_and_the_pipeline_their_sum(say):
    left, right = CameraActivity('/left'), CameraActivity('/right')
    say(10.0, left, right)
    said = say(
        11.0,
        replace(left, counts=FrameCounts(received=60, processed=20, skipped=40), age=0.02),
        replace(right, counts=FrameCounts(received=5, processed=5), age=0.05, faces=2),
    )
    assert list(said)[:3] == ['input /left', 'input /right', 'pipeline']
    assert values(said['input /left'])['frame_rate_node'] == '20.00'
    assert values(said['input /right'])['frame_rate_node'] == '5.00'
    assert values(said['input /right'])['faces'] == '2'
    pipeline = values(said['pipeline'])
    assert pipeline['frame_rate_node'] == '25.00'
    assert pipeline['total_dropped_frames'] == '40'
    assert pipeline['current_delay_from_realtime_ms'] == '50.0'


def test_the_silence_of_one_camera_is_its_own(say):
    said = say(0.0, CameraActivity('/left', silence=9.0), CameraActivity('/right'))
    assert said['input /left'].level == DiagnosticStatus.WARN
    assert said['input /right'].level == DiagnosticStatus.OK


def test_refused_images_warn_for_as_long_as_they_come(say):
    say(0.0, QUIET)
    bad = replace(QUIET, refused={'corrupt_jpeg': 4})
    assert say(1.0, bad)['input'].message == 'images refused: 4 x corrupt_jpeg'
    assert say(2.0, bad)['input'].level == DiagnosticStatus.OK


def test_a_dead_worker_is_an_error(say):
    status = say(0.0, QUIET, worker_alive=False)['pipeline']
    assert status.level == DiagnosticStatus.ERROR


@pytest.mark.parametrize('first', [0, 1])
def test_a_worker_that_was_begun_again_is_an_error_once(say, first):
    if first:
        say(0.0, QUIET)
    status = say(1.0, QUIET, worker_ends=1)['pipeline']
    assert status.level == DiagnosticStatus.ERROR
    assert 'begun again' in status.message
    status = say(2.0, QUIET, worker_ends=1)['pipeline']
    assert status.level == DiagnosticStatus.OK
    assert values(status)['worker_ends'] == '1'


@pytest.mark.parametrize('power', [None, PowerState(budget=15.0, state=PowerState.OK)])
def test_threads_that_do_not_return_are_errors_that_say_for_how_long(say, power):
    say(0.0, QUIET)
    stuck = {'worker_stuck': 'one image of /image for 7 s', 'power_stuck': 'a reading for 9 s'}
    said = say(1.0, QUIET, power=power, **stuck)
    assert said['pipeline'].level == said['power'].level == DiagnosticStatus.ERROR
    assert 'one image of /image for 7 s' in said['pipeline'].message
    assert 'a reading for 9 s' in said['power'].message
    said = say(2.0, QUIET, power=power)
    assert said['pipeline'].level == said['power'].level == DiagnosticStatus.OK


@pytest.mark.parametrize(
    ('budget', 'state', 'level'),
    [
        (15.0, PowerState.OK, DiagnosticStatus.OK),
        (15.0, PowerState.LIMITED, DiagnosticStatus.OK),
        (15.0, PowerState.UNREACHABLE, DiagnosticStatus.ERROR),
        (15.0, PowerState.NO_SENSOR, DiagnosticStatus.WARN),
        (0.0, PowerState.NO_SENSOR, DiagnosticStatus.OK),
    ],
)
def test_power_says_its_state_and_reason(say, budget, state, level):
    status = say(0.0, QUIET, power=PowerState(budget=budget, state=state), reason='the reason')[
        'power'
    ]
    assert (status.level, status.message) == (level, 'the reason')
    assert values(status)['budget'] == f'{budget:.2f}'


def test_the_node_publishes_them(start, collect, wait_until):
    messages = collect(DiagnosticArray, '/diagnostics')
    start('emotionnet', '__ns:=/robot')
    start('player', 'image:=/robot/image', rate=10.0)

    def working():
        if not messages:
            return False
        said = statuses(messages[-1])
        return float(values(said['pipeline'])['frame_rate_node']) > 5

    wait_until(working, 'diagnostics of a working node')
    said = statuses(messages[-1])
    assert set(said) == {'input', 'pipeline', 'power', 'model'}
    assert {status.hardware_id for status in said.values()} == {'robot/emotionnet'}
    assert values(said['input'])['topic'] == '/robot/image'
    assert values(said['pipeline'])['faces'] == '1'
    assert {status.level for status in said.values()} == {DiagnosticStatus.OK}
    assert values(said['model'])['network'] == 'nano_b'
