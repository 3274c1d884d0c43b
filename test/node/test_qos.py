# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service: what users override wins, and a wrong override is named."""

import pytest
from emotionnet_ros.msg import ExpressionArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import GetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

IMAGE = '/head/image'
RELIABILITY = f'qos_overrides.{IMAGE}.subscription.reliability'


@pytest.fixture
def start_with(start, tmp_path):
    """Start the node on the camera with overrides, as a parameter file gives them."""

    def run(overrides='    autostart: true', *remappings, **values):
        path = tmp_path / 'overrides.yaml'
        lines = [f'    {name}: {value}' for name, value in values.items()]
        path.write_text('\n'.join(['/**:', '  ros__parameters:', *lines, overrides]) + '\n')
        return start('emotionnet', f'image:={IMAGE} --params-file {path}', *remappings)

    return run


def override(topic, side, **policies):
    lines = [f'          {name}: {value}' for name, value in policies.items()]
    return '\n'.join(['    qos_overrides:', f'      {topic}:', f'        {side}:', *lines])


@pytest.fixture
def asked(observer):
    """The profiles of those who subscribe to the camera."""

    def infos():
        return [i.qos_profile for i in observer.get_subscriptions_info_by_topic(IMAGE)]

    return infos


@pytest.fixture
def read(call):
    def values(*names):
        return call(GetParameters, '/emotionnet/get_parameters', names=list(names)).values

    return values


def test_an_override_wins_over_the_automatic_choice_and_says_so(
    start, start_with, asked, collect, wait_until, read
):
    node = start_with(override(IMAGE, 'subscription', reliability='best_effort'))
    start('player', f'image:={IMAGE}', rate=10.0)
    answers = collect(ExpressionArray, 'expressions')
    wait_until(lambda: len(answers) >= 10, 'answers')
    assert [profile.reliability for profile in asked()] == [ReliabilityPolicy.BEST_EFFORT]
    assert 'Subscribed anew' not in node.output
    said = f'{IMAGE}: best_effort, as its qos_overrides say; camera.reliability (auto) does not'
    assert said in node.output
    assert read(RELIABILITY)[0].string_value == 'best_effort'


def test_an_override_wins_over_the_parameter_and_a_mismatch_is_named(
    start, start_with, asked, wait_until
):
    node = start_with(
        override(IMAGE, 'subscription', reliability='reliable'),
        camera='{reliability: best_effort}',
    )
    start('player', f'image:={IMAGE}', rate=10.0, best_effort='true')
    wait_until(lambda: f'No image on {IMAGE} for ' in node.output, 'the warning')
    assert [profile.reliability for profile in asked()] == [ReliabilityPolicy.RELIABLE]
    offered = '1 publishers (/player: sensor_msgs/msg/Image, best_effort)'
    wanted = 'wanted: sensor_msgs/msg/Image, reliable (qos_overrides)'
    wait_until(lambda: f'{offered}; {wanted}' in node.output, 'the reason')


def test_without_an_override_the_choice_stays_automatic_over_activations(
    start, start_with, asked, call, read, wait_until
):
    node = start_with()
    player = start('player', f'image:={IMAGE}', rate=10.0)

    def reliabilities():
        return [profile.reliability for profile in asked()]

    wait_until(lambda: reliabilities() == [ReliabilityPolicy.RELIABLE], 'a reliable subscription')
    player.kill()
    start('player', f'image:={IMAGE}', rate=10.0, best_effort='true')
    wait_until(lambda: reliabilities() == [ReliabilityPolicy.BEST_EFFORT], 'best effort')
    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE):
        assert call(
            ChangeState, '/emotionnet/change_state', transition=Transition(id=transition)
        ).success
    wait_until(lambda: reliabilities() == [ReliabilityPolicy.BEST_EFFORT], 'best effort again')
    # What a dump of the parameters holds would not freeze the choice when it is loaded.
    assert read(RELIABILITY)[0].string_value == 'auto'
    assert 'Traceback' not in node.output


def test_other_policies_can_be_overridden_on_both_sides(
    start_with, asked, observer, wait_until, read
):
    policies = {'durability': 'transient_local', 'depth': 3}
    publisher = override('/expressions', 'publisher', **policies)
    subscription = override(IMAGE, 'subscription', **policies).split('\n', 1)[1]
    node = start_with(f'{publisher}\n{subscription}')
    wait_until(lambda: 'Active' in node.output, 'the node')

    def offered():
        infos = observer.get_publishers_info_by_topic('/expressions')
        return [info.qos_profile.durability for info in infos]

    wait_until(lambda: offered() == [DurabilityPolicy.TRANSIENT_LOCAL], 'the publisher')
    wait_until(asked, 'the subscription')
    assert [profile.durability for profile in asked()] == [DurabilityPolicy.TRANSIENT_LOCAL]
    depths = read(
        f'qos_overrides.{IMAGE}.subscription.depth', 'qos_overrides./expressions.publisher.depth'
    )
    assert [depth.integer_value for depth in depths] == [3, 3]


def test_a_late_listener_gets_the_last_answer_of_a_durable_publisher(
    start, start_with, collect, wait_until
):
    node = start_with(override('/expressions', 'publisher', durability='transient_local'))
    player = start('player', f'image:={IMAGE}', rate=10.0)
    first = collect(ExpressionArray, 'expressions')
    wait_until(lambda: len(first) >= 3, 'answers')
    player.kill()
    late = collect(
        ExpressionArray,
        'expressions',
        QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL),
    )
    wait_until(lambda: late, 'the last answer')
    assert 'Traceback' not in node.output


@pytest.mark.parametrize(
    ('overrides', 'complaint'),
    [
        (
            override(IMAGE, 'subscription', reliability='quick'),
            f"{RELIABILITY} is 'quick', it must be one of auto, ",
        ),
        (override(IMAGE, 'subscription', reliability=3), f'qos_overrides.{IMAGE}: '),
        (override(IMAGE, 'subscription', depth=0), 'depth is 0, it must be at least 1'),
        (override(IMAGE, 'subscription', history='some'), f'qos_overrides.{IMAGE}: '),
        (override('/expressions', 'publisher', depth="'x'"), 'qos_overrides./expressions: '),
        (override('/power', 'publisher', reliability='quick'), 'qos_overrides./power: '),
    ],
)
def test_a_wrong_override_is_refused_and_named(
    start_with, observer, wait_until, overrides, complaint
):
    node = start_with(overrides)
    wait_until(lambda: 'Not started' in node.output, 'the refusal')
    assert complaint in node.output
    assert 'Traceback' not in node.output
    assert observer.count_subscribers(IMAGE) == 0
    assert node.interrupt() == 0
