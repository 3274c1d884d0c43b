# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The launch file starts the node that its arguments ask for."""

import os
import runpy
import time

import launch_pytest
import pytest
import rclpy
from ament_index_python.packages import get_package_share_directory
from emotionnet_ros.msg import ExpressionArray
from launch.actions import IncludeLaunchDescription, LogInfo
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.utilities import perform_substitutions
from launch_pytest.actions import ReadyToTest
from launch_ros.actions import Node
from rcl_interfaces.srv import GetParameters

from launch import LaunchContext, LaunchDescription, LaunchService

DEADLINE = 60.0
PARAMETERS = {
    'power.budget': 15.0,
    'smoothing.time_constant': 1.25,
    'camera.compressed': False,
    'network.model': 'nano_b',
}


def launch_file(**arguments):
    folder = get_package_share_directory('emotionnet_ros')
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(os.path.join(folder, 'launch', 'nano.launch.py')),
        launch_arguments=arguments.items(),
    )


@launch_pytest.fixture
def description(tmp_path):
    params_file = tmp_path / 'robot.yaml'
    params_file.write_text(
        '/**:\n  ros__parameters:\n    smoothing:\n      time_constant: 1.25\n'
        '    power:\n      budget: 3.0\n'
    )
    return LaunchDescription(
        [
            launch_file(
                image='/head/image_raw',
                namespace='robot',
                power_budget='15',
                params_file=str(params_file),
            ),
            Node(
                package='emotionnet_ros',
                executable='player',
                parameters=[{'rate': 10.0}],
                remappings=[('image', '/head/image_raw')],
            ),
            ReadyToTest(),
        ]
    )


@pytest.mark.launch(fixture=description)
def test_arguments_reach_the_node_and_it_answers():
    rclpy.init()
    try:
        observer = rclpy.create_node('observer')
        answers = []
        observer.create_subscription(ExpressionArray, '/robot/expressions', answers.append, 10)
        client = observer.create_client(GetParameters, '/robot/emotionnet/get_parameters')
        deadline = time.monotonic() + DEADLINE
        futures = []
        while not (answers and any(future.done() for future in futures)):
            assert time.monotonic() < deadline, 'no answers or no parameters'
            rclpy.spin_once(observer, timeout_sec=0.1)
            if client.service_is_ready():  # a server that does not know us yet drops its answer
                futures.append(client.call_async(GetParameters.Request(names=list(PARAMETERS))))
        found = next(future for future in futures if future.done()).result().values
        assert found[0].double_value == PARAMETERS['power.budget']
        assert found[1].double_value == PARAMETERS['smoothing.time_constant']
        assert found[2].bool_value == PARAMETERS['camera.compressed']
        assert found[3].string_value == PARAMETERS['network.model']
        assert answers[-1].header.frame_id == 'camera'
    finally:
        rclpy.try_shutdown()


@launch_pytest.fixture
def two_cameras(tmp_path, monkeypatch):
    """The launch file with an aggregator that only notes its arguments."""
    index = tmp_path / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    (index / 'diagnostic_aggregator').touch()
    program = tmp_path / 'lib' / 'diagnostic_aggregator' / 'aggregator_node'
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\nexec sleep 60\n')
    program.chmod(0o755)
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'{tmp_path}:{os.environ["AMENT_PREFIX_PATH"]}')
    return LaunchDescription(
        [
            launch_file(cameras='/left/image, /right/image/compressed', aggregator='true'),
            ReadyToTest(),
        ]
    )


@pytest.mark.launch(fixture=two_cameras)
def test_cameras_and_an_aggregator_are_started(tmp_path):
    rclpy.init()
    try:
        observer = rclpy.create_node('observer')
        arguments = tmp_path / 'arguments'
        topics = ('/left/image', '/right/image/compressed')
        deadline = time.monotonic() + DEADLINE
        while not (arguments.exists() and all(map(observer.count_subscribers, topics))):
            assert time.monotonic() < deadline, 'no subscriptions or no aggregator'
            rclpy.spin_once(observer, timeout_sec=0.1)
        assert 'config/diagnostics_analyzers.yaml' in arguments.read_text()
    finally:
        rclpy.try_shutdown()


def test_without_an_aggregator_installed_the_launch_file_says_so():
    folder = get_package_share_directory('emotionnet_ros')
    file = runpy.run_path(os.path.join(folder, 'launch', 'nano.launch.py'))
    (action,) = file['aggregator']()
    assert isinstance(action, LogInfo)
    text = perform_substitutions(LaunchContext(), action.msg)
    assert text == 'No diagnostic_aggregator is installed: diagnostics are not aggregated'


@pytest.mark.parametrize(
    ('argument', 'value'),
    [
        ('params_file', '/no/such/file.yaml'),
        ('power_budget', 'plenty'),
        ('compressed', 'perhaps'),
        ('aggregator', 'perhaps'),
        ('ros4hri', 'perhaps'),
    ],
)
def test_a_bad_argument_is_refused_and_named(argument, value, caplog):
    service = LaunchService()
    service.include_launch_description(LaunchDescription([launch_file(**{argument: value})]))
    assert service.run() == 1
    assert f'{argument}:={value}: ' in caplog.text
