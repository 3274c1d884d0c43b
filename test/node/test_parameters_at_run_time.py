# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters changed while the node is active, and dumped and loaded again."""

import time

import pytest
import rclpy
import yaml
from emotionnet_ros.msg import ExpressionArray
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import (
    GetParameters,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter, parameter_value_to_python
from sensor_msgs.msg import Image

from emotionnet_ros.node import parameters
from emotionnet_ros.node.emotion_node import EmotionNode
from emotionnet_ros.node.power_loop import governor_settings
from emotionnet_ros.pipeline import Pipeline

NODE = '/emotionnet'
AT_ONCE = [row for row in parameters.TABLE if row.when == 'at once']


def another(row):
    """Give a good value that is not the default."""
    if row.choices:
        return next(choice for choice in row.choices if choice != row.default)
    if isinstance(row.default, bool):
        return not row.default
    kind = type(row.default)
    halves = kind(max(row.minimum, row.maximum / 2)), kind(row.maximum)
    return next(value for value in halves if value != row.default)


def extremes(row):
    """Give the least and the greatest good values, and those nearest to them."""
    kind = type(row.default)
    if isinstance(row.default, bool) or row.choices:
        return row.choices or (False, True)
    numbers = [row.minimum, row.minimum + (1e-300 if kind is float else 1), row.maximum]
    return [kind(n) for n in ([0, *numbers] if row.or_zero else numbers)]


def effective(node):
    """What the active node really works with, of all that can change at once."""
    session, loop = node._session, node._power_loop
    return (
        session._way.settings,
        session._slots._limit.rate_hz,
        session._lazy,
        loop._settings,
    )


@pytest.fixture
def active():
    rclpy.init()
    node = EmotionNode()
    node.autostart()
    assert node._session is not None
    yield node
    node.stop()
    node.destroy_node()
    rclpy.shutdown()


def test_each_that_can_change_at_once_does(active):
    before = effective(active)
    for row in AT_ONCE:
        (result,) = active.set_parameters([Parameter(row.name, value=another(row))])
        assert result.successful, result.reason
        after = effective(active)
        assert after != before, row.name
        before = after
    value = parameters.values(active)
    assert effective(active)[0] == parameters.pipeline_settings(value)
    assert effective(active)[3] == governor_settings(value)


def test_all_change_together_or_none(active):
    changes = [Parameter(row.name, value=another(row)) for row in AT_ONCE]
    before, values = effective(active), parameters.values(active)
    for wrong in (
        Parameter('smoothing.min_confidence', value=1.5),
        Parameter('camera.max_rate', value=0.001),
        Parameter('camera.reliability', value='quick'),
        Parameter('autostart', value=False),
        Parameter('detector.interval', value='3'),
    ):
        for position in (0, 5, len(changes)):
            trial = [*changes[:position], wrong, *changes[position:]]
            assert not active.set_parameters_atomically(trial).successful
            assert effective(active) == before
            assert parameters.values(active) == values
    assert active.set_parameters_atomically(changes).successful
    assert {name: parameters.values(active)[name] for name in (c.name for c in changes)} == {
        change.name: change.value for change in changes
    }


def test_every_image_is_worked_on_with_one_set_of_values(active, monkeypatch):
    """Three values that change together, a few hundred times while images flow."""
    names = 'smoothing.time_constant', 'tracker.max_faces', 'detector.interval'
    sets = {(0.1, 1, 1), (0.9, 9, 3)}
    seen = []
    process = Pipeline.process

    def values(pipeline):
        settings = pipeline.settings
        return (
            settings.smoothing.time_constant,
            settings.tracker.max_faces,
            settings.detector_interval,
        )

    def record(pipeline, image, stamp):
        before = values(pipeline)
        result = process(pipeline, image, stamp)
        seen.append((before, values(pipeline)))
        return result

    def change_to(new):
        changes = [Parameter(name, value=v) for name, v in zip(names, new, strict=True)]
        assert active.set_parameters_atomically(changes).successful

    change_to(min(sets))
    monkeypatch.setattr(Pipeline, 'process', record)
    camera = rclpy.create_node('camera')
    publisher = camera.create_publisher(Image, 'image', 1)
    image = Image(width=64, height=48, encoding='mono8', step=64, data=bytes(64 * 48))
    executor = SingleThreadedExecutor()
    executor.add_node(active)
    deadline = time.monotonic() + 60
    while len(seen) < 200:
        assert time.monotonic() < deadline
        for new in sets:  # images come after either, whenever the worker wakes
            publisher.publish(image)
            executor.spin_once(timeout_sec=0.01)
            change_to(new)
    executor.shutdown()
    camera.destroy_node()
    session = active._session
    assert active.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert {value for before_and_after in seen for value in before_and_after} == sets
    assert all(before == after for before, after in seen)
    (activity,) = session.activity().cameras
    # The last may be dropped where it lay, with the slots.
    counts = activity.counts
    assert 0 <= counts.received - counts.processed - counts.skipped <= 1
    assert counts.processed == len(seen)
    assert activity.refused == {}


def test_no_accepted_value_is_refused_further_in(active):
    for row in AT_ONCE:
        for value in extremes(row):
            result = active.set_parameters_atomically([Parameter(row.name, value=value)])
            settled = parameters.values(active)[row.name]
            assert settled == (value if result.successful else settled), row.name
        last = active.set_parameters_atomically([Parameter(row.name, value=row.default)])
        assert last.successful
    for value in (float('nan'), float('inf'), -float('inf')):
        for row in AT_ONCE:
            if isinstance(row.default, float):
                result = active.set_parameters_atomically([Parameter(row.name, value=value)])
                assert not result.successful, (row.name, value)


def dump(call):
    """Write what ``ros2 param dump`` writes, from the same services."""
    names = sorted(call(ListParameters, f'{NODE}/list_parameters', depth=0).result.names)
    values = call(GetParameters, f'{NODE}/get_parameters', names=names).values
    tree = {}
    for name, value in zip(names, values, strict=True):
        *groups, leaf = name.split('.')
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[leaf] = parameter_value_to_python(value)
    text = yaml.dump({NODE: {'ros__parameters': tree}}, default_flow_style=False)
    return text, dict(zip(names, map(parameter_value_to_python, values), strict=True))


def test_a_dump_loads_again(start, call, collect, wait_until, tmp_path):
    node = start('emotionnet', camera__max_rate=20.0, cameras='[/left/image,image]')
    changes = {row.name: another(row) for row in AT_ONCE if row.name != 'camera.lazy'}
    changes.update({'power.budget': 0.0, 'power.budget_cpu_percent': 0.0})
    changes['smoothing.time_constant'] = 1e-05
    asked = [Parameter(name, value=v).to_parameter_msg() for name, v in changes.items()]
    result = call(SetParametersAtomically, f'{NODE}/set_parameters_atomically', parameters=asked)
    assert result.result.successful, result.result.reason
    text, values = dump(call)
    assert {name: values[name] for name in changes} == changes
    assert any(name.startswith('qos_overrides./image.') for name in values)
    assert node.interrupt() == 0
    path = tmp_path / 'dump.yaml'
    path.write_text(text)

    again = start('emotionnet', params_file=path)
    wait_until(lambda: 'Active' in again.output, 'the node with the dumped parameters')
    call.forget()
    assert dump(call) == (text, values)
    answers = collect(ExpressionArray, 'expressions')
    start('player', rate=10.0)
    wait_until(lambda: answers, 'answers')
    assert 'Traceback' not in again.output


@pytest.mark.parametrize('odd', ['true', '~', 'a: b # c', "it's", '/päth with spaces', '[]'])
def test_odd_text_in_a_dump_stays_text(tmp_path, odd):
    path = tmp_path / 'dump.yaml'
    tree = {'network': {'model': odd}, 'detector': {'model': odd}, 'cameras': ['', 'image']}
    path.write_text(yaml.dump({NODE: {'ros__parameters': tree}}, default_flow_style=False))
    rclpy.init(args=['--ros-args', '--params-file', str(path)])
    try:
        node = EmotionNode()
        value = parameters.values(node)
        assert (value['network.model'], value['detector.model']) == (odd, odd)
        assert value['cameras'] == ['', 'image']
        node.stop()
        node.destroy_node()
    finally:
        rclpy.shutdown()


def test_a_request_that_is_nonsense_ends_nothing(start, observer, call, wait_until):
    node = start('emotionnet', autostart='false')
    call(GetParameters, f'{NODE}/get_parameters', names=['autostart'])
    client = observer.create_client(SetParameters, f'{NODE}/set_parameters')
    wait_until(client.service_is_ready, 'the service')
    nonsense = ParameterMessage(name='detector.interval', value=ParameterValue(type=99))
    client.call_async(SetParameters.Request(parameters=[nonsense]))
    wait_until(lambda: 'A callback failed' in node.output, 'a word about the nonsense')
    good = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=3)
    good = ParameterMessage(name='detector.interval', value=good)
    (result,) = call(SetParameters, f'{NODE}/set_parameters', parameters=[good]).results
    assert result.successful
    assert node.interrupt() == 0
