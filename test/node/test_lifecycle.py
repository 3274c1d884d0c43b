# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The lifecycle over its services, as a manager sees it."""

import pytest
from emotionnet_ros.msg import ExpressionArray
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters


@pytest.fixture
def state(call):
    return lambda: call(GetState, '/emotionnet/get_state').current_state.id


@pytest.fixture
def change(call):
    return lambda transition: (
        call(ChangeState, '/emotionnet/change_state', transition=Transition(id=transition)).success
    )


def test_it_activates_by_itself(start, state):
    start('emotionnet')
    assert state() == State.PRIMARY_STATE_ACTIVE


def test_a_manager_leads_it_through_all_states(start, state, change, collect, wait_until):
    node = start('emotionnet', autostart='false')
    answers = collect(ExpressionArray, 'expressions')
    start('player', rate=10.0)
    assert state() == State.PRIMARY_STATE_UNCONFIGURED
    for _ in range(2):
        assert change(Transition.TRANSITION_CONFIGURE)
        assert state() == State.PRIMARY_STATE_INACTIVE
        assert change(Transition.TRANSITION_ACTIVATE)
        assert state() == State.PRIMARY_STATE_ACTIVE
        answers.clear()
        wait_until(lambda: len(answers) >= 2, 'answers while active')
        assert change(Transition.TRANSITION_DEACTIVATE)
        assert state() == State.PRIMARY_STATE_INACTIVE
        assert change(Transition.TRANSITION_CLEANUP)
        assert state() == State.PRIMARY_STATE_UNCONFIGURED
    assert change(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert state() == State.PRIMARY_STATE_FINALIZED
    assert node.interrupt() == 0
    assert 'Traceback' not in node.output


def test_a_transition_that_the_state_does_not_allow_is_refused(start, state, change):
    node = start('emotionnet', autostart='false')
    assert not change(Transition.TRANSITION_ACTIVATE)
    assert state() == State.PRIMARY_STATE_UNCONFIGURED
    assert node.process.poll() is None


@pytest.mark.parametrize(
    ('wrong', 'complaint'),
    [
        ({'network__model': '/no/such/network.onnx'}, '/no/such/network.onnx'),
        ({'detector__model': '/no/such/detector.tflite'}, '/no/such/detector.tflite'),
    ],
)
def test_a_missing_file_refuses_to_configure_and_can_be_put_right(
    start, state, change, call, wrong, complaint
):
    node = start('emotionnet', **wrong)
    assert state() == State.PRIMARY_STATE_UNCONFIGURED
    assert complaint in node.output
    assert 'Traceback' not in node.output

    (name,) = wrong
    right = {'network__model': 'nano_b', 'detector__model': ''}[name]
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=right)
    parameter = Parameter(name=name.replace('__', '.'), value=value)
    (result,) = call(SetParameters, '/emotionnet/set_parameters', parameters=[parameter]).results
    assert result.successful
    assert change(Transition.TRANSITION_CONFIGURE)
    assert change(Transition.TRANSITION_ACTIVATE)


def test_a_corrupt_network_refuses_to_configure(start, state, tmp_path):
    path = tmp_path / 'broken.onnx'
    path.write_bytes(b'not a network')
    node = start('emotionnet', network__model=path)
    assert state() == State.PRIMARY_STATE_UNCONFIGURED
    assert f'{path}: ONNX Runtime' in node.output


def test_a_bad_parameter_at_start_ends_it_with_a_reason(start):
    node = start('emotionnet', camera__reliability='quick')
    assert node.process.wait(60) == 1
    assert 'it must be one of auto, reliable, best_effort' in node.output
    assert 'Traceback' not in node.output
