# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""camera.lazy: no camera is subscribed to while nobody listens, over a real DDS."""

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from emotionnet_ros.msg import Expression, ExpressionArray
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters

LAZY = 'nobody listens, so not subscribed to '


@pytest.fixture
def input_of(collect):
    said = collect(DiagnosticArray, '/diagnostics')

    def newest():
        inputs = [s for m in said[-1:] for s in m.status if s.name == 'emotionnet: input']
        return inputs[0] if inputs else DiagnosticStatus(message='none yet')

    return newest


@pytest.fixture
def set_lazy(call):
    def set_value(lazy):
        value = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=lazy)
        parameters = [Parameter(name='camera.lazy', value=value)]
        answer = call(SetParameters, '/emotionnet/set_parameters', parameters=parameters)
        assert answer.results[0].successful

    return set_value


@pytest.mark.parametrize(
    ('kind', 'topic'), [(ExpressionArray, 'expressions'), (Expression, 'expression')]
)
def test_cameras_are_subscribed_to_while_somebody_listens(
    start, observer, wait_until, input_of, kind, topic
):
    node = start('emotionnet', camera__lazy='true')
    start('player', rate=10.0)
    wait_until(lambda: input_of().message == 'lazy: nobody listens', 'lazy diagnostics')
    assert input_of().level == DiagnosticStatus.OK
    assert observer.count_subscribers('image') == 0
    assert f'Active: {LAZY}/image (camera.lazy)' in node.output

    for turn in (1, 2):
        answers = []
        subscription = observer.create_subscription(kind, topic, answers.append, 10)
        wait_until(lambda a=answers: len(a) >= 3, f'answers in turn {turn}')
        wait_until(lambda: 'images a second' in input_of().message, 'diagnostics at work')
        assert node.output.count('[emotionnet]: waiting for images on /image') == turn
        assert observer.destroy_subscription(subscription)
        wait_until(lambda: observer.count_subscribers('image') == 0, 'the end of the subscription')
        wait_until(lambda: input_of().message == 'lazy: nobody listens', 'lazy again')
        assert input_of().level == DiagnosticStatus.OK
    wait_until(lambda: node.output.count(f'[emotionnet]: {LAZY}') == 2, 'the words about it')
    assert 'No image on' not in node.output
    assert 'Traceback' not in node.output


def test_silence_counts_from_the_first_listener_on(start, collect, input_of, wait_until):
    node = start('emotionnet', camera__lazy='true')
    wait_until(lambda: input_of().message == 'lazy: nobody listens', 'lazy diagnostics')
    collect(ExpressionArray, 'expressions')
    wait_until(lambda: input_of().level == DiagnosticStatus.WARN, 'a warning of silence')
    seconds = int(input_of().message.removesuffix(' s').rpartition(' ')[2])
    assert 5 <= seconds <= 7
    assert 'No image on /image for 5 s' in node.output


def test_lazy_can_be_set_while_running(start, observer, set_lazy, wait_until):
    start('emotionnet')
    wait_until(lambda: observer.count_subscribers('image') == 1, 'the subscription')
    set_lazy(True)
    wait_until(lambda: observer.count_subscribers('image') == 0, 'the end of the subscription')
    set_lazy(False)
    wait_until(lambda: observer.count_subscribers('image') == 1, 'the subscription')
