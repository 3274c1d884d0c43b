# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest
import rclpy
import yaml
from ament_index_python.packages import get_package_share_directory
from rclpy.exceptions import InvalidParameterValueException
from rclpy.parameter import Parameter

from emotionnet_ros.node import parameters
from emotionnet_ros.node.emotion_node import EmotionNode
from emotionnet_ros.node.topics import camera_topics
from emotionnet_ros.pipeline import PipelineSettings


@pytest.fixture
def make_node():
    rclpy.init()
    nodes = []

    def make(**overrides):
        node = EmotionNode(
            parameter_overrides=[
                Parameter(name.replace('__', '.'), value=value)
                for name, value in overrides.items()
            ]
        )
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.stop()
        node.destroy_node()
    rclpy.shutdown()


def installed_file():
    return Path(get_package_share_directory('emotionnet_ros')) / 'config' / 'nano.yaml'


def test_parameter_file_is_the_table():
    assert installed_file().read_text() == parameters.yaml()


def test_parameter_file_sets_every_parameter_to_its_default():
    tree = yaml.safe_load(installed_file().read_text())['/**']['ros__parameters']
    flat = {}
    for name, value in tree.items():
        children = value.items() if isinstance(value, dict) else [('', value)]
        flat.update({f'{name}.{key}'.rstrip('.'): leaf for key, leaf in children})
    assert flat == {row.name: row.default for row in parameters.TABLE}
    assert all(type(flat[row.name]) is type(row.default) for row in parameters.TABLE)


def test_readme_has_the_table():
    readme = Path(__file__).parents[2] / 'README.md'
    assert parameters.markdown() in readme.read_text()


def test_every_parameter_is_declared_with_description_and_range(make_node):
    node = make_node()
    for row in parameters.TABLE:
        assert node.get_parameter(row.name).value == row.default
        descriptor = node.describe_parameter(row.name)
        assert descriptor.description == row.description
        ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
        if row.maximum:
            smallest = 0 if row.or_zero else row.minimum
            assert (ranges[0].from_value, ranges[0].to_value) == (smallest, row.maximum)


def test_defaults_are_those_of_the_rooms():
    defaults = {row.name: row.default for row in parameters.TABLE}
    assert parameters.pipeline_settings(defaults) == PipelineSettings()


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('camera.reliability', 'quick', "'quick', it must be one of auto, reliable, best_effort"),
        ('detector.name', 'eyes', 'it must be one of auto, blazeface'),
        ('smoothing.min_confidence', 1.5, ''),
        ('smoothing.min_confidence', 1.0000005, 'it must lie in 0 to 1'),  # rclpy rounds
        ('detector.interval', -1, ''),
        ('detector.input_size', 31, 'is 31, it must lie in 0 or 32 to 4096'),
        ('cameras', ['left image'], "'left image' is no name of a topic"),
        ('cameras', ['/a', '/b', '/a'], "'/a' stands there twice"),
        ('cameras', '/a', ''),  # no list
        ('power.budget', 15, ''),  # an int given for a double
        ('autostart', False, ''),  # read only
    ],
)
def test_a_bad_value_is_refused_with_a_reason(make_node, name, value, reason):
    node = make_node()
    before = node.get_parameter(name).value
    (result,) = node.set_parameters([Parameter(name, value=value)])
    assert not result.successful
    assert result.reason
    assert reason in result.reason
    assert node.get_parameter(name).value == before


@pytest.mark.parametrize('size', [0, 32, 4096])
def test_sizes_that_the_detectors_take_are_accepted(make_node, size):
    (result,) = make_node().set_parameters([Parameter('detector.input_size', value=size)])
    assert result.successful


@pytest.mark.parametrize(
    ('cameras', 'compressed', 'topics'),
    [
        ([''], False, ['image']),
        ([''], True, ['image/compressed']),
        (['', 'left'], True, ['left']),
        (['/a/image', 'b/compressed'], False, ['/a/image', 'b/compressed']),
    ],
)
def test_topics_that_the_parameters_name(make_node, cameras, compressed, topics):
    node = make_node(cameras=cameras, camera__compressed=compressed)
    assert camera_topics(parameters.values(node)) == topics


def test_an_empty_list_in_a_file_is_no_cameras(tmp_path):
    path = tmp_path / 'robot.yaml'
    path.write_text('/**:\n  ros__parameters:\n    cameras: []\n')
    rclpy.init(args=['--ros-args', '--params-file', str(path)])
    try:
        node = EmotionNode()
        assert parameters.values(node)['cameras'] == ['']
        node.stop()
        node.destroy_node()
    finally:
        rclpy.shutdown()


def test_a_bad_value_at_start_is_refused(make_node):
    with pytest.raises(InvalidParameterValueException, match='it must be one of'):
        make_node(camera__reliability='quick')


def test_a_parameter_of_rclpy_can_be_set(make_node):
    node = make_node()
    (result,) = node.set_parameters([Parameter('use_sim_time', value=True)])
    assert result.successful


def test_values_reach_the_pipeline(make_node):
    node = make_node(smoothing__time_constant=1.25, tracker__max_missed=2.5, detector__interval=3)
    settings = parameters.pipeline_settings(parameters.values(node))
    assert settings.smoothing.time_constant == 1.25
    assert settings.tracker.max_missed == 2.5
    assert settings.detector_interval == 3
