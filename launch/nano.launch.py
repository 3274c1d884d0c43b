# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Start the node on a camera: ros2 launch emotionnet_ros nano.launch.py image:=/head/image_raw."""

from pathlib import Path

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
)
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription

CONFIG = Path(get_package_share_directory('emotionnet_ros')) / 'config'
PARAMETERS_FILE = CONFIG / 'nano.yaml'
ANALYZERS_FILE = CONFIG / 'diagnostics_analyzers.yaml'
AGGREGATOR = 'diagnostic_aggregator'

# name, default, description, and the parameter that it sets (with its type), if any
ARGUMENTS = (
    ('image', 'image', 'Camera topic (sensor_msgs/Image).', None),
    (
        'compressed',
        '',
        'true: subscribe to <image>/compressed; empty: as in the parameter file.',
        ('camera.compressed', 'bool'),
    ),
    (
        'cameras',
        '',
        'Camera topics with commas between; those ending in /compressed carry JPEG or PNG. '
        'Empty: as in the parameter file.',
        ('cameras', 'list'),
    ),
    ('params_file', str(PARAMETERS_FILE), 'Parameter file.', None),
    (
        'power_budget',
        '',
        'Watts the computer may draw, 0 for no budget; empty: as in the parameter file.',
        ('power.budget', 'float'),
    ),
    ('namespace', '', 'Namespace of the node and its topics.', None),
    (
        'autostart',
        '',
        'false: wait for a lifecycle manager; empty: as in the parameter file.',
        ('autostart', 'bool'),
    ),
    (
        'aggregator',
        'false',
        'true: also start a diagnostic_aggregator for this node, where that package is.',
        None,
    ),
    (
        'ros4hri',
        'false',
        'true: also publish hri_msgs under /humans/faces (REP-155), where that package is.',
        None,
    ),
    ('log_level', 'info', 'debug, info, warn, error or fatal.', None),
)
BOOLEANS = {'true': True, '1': True, 'false': False, '0': False}


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, default, description, _ in ARGUMENTS
            ),
            OpaqueFunction(function=start_node),
        ]
    )


def start_node(context: LaunchContext) -> list[Node | LogInfo]:
    value = {name: LaunchConfiguration(name).perform(context) for name, _, _, _ in ARGUMENTS}
    if not Path(value['params_file']).is_file():  # launch_ros would start without it
        raise FileNotFoundError(f'params_file:={value["params_file"]}: there is no such file')
    overrides = {
        parameter[0]: convert(name, value[name], parameter[1])
        for name, _, _, parameter in ARGUMENTS
        if parameter and value[name]
    }
    return [
        Node(
            package='emotionnet_ros',
            executable='emotionnet',
            name='emotionnet',
            namespace=value['namespace'],
            parameters=[value['params_file'], overrides],
            remappings=[
                ('image', value['image']),
                ('image/compressed', f'{value["image"]}/compressed'),
            ],
            ros_arguments=['--log-level', value['log_level']],
            output='screen',
        ),
        *(aggregator() if convert('aggregator', value['aggregator'], 'bool') else []),
        *(bridge(value) if convert('ros4hri', value['ros4hri'], 'bool') else []),
    ]


def aggregator() -> list[Node | LogInfo]:
    try:
        get_package_prefix(AGGREGATOR)
    except PackageNotFoundError:
        return [LogInfo(msg=f'No {AGGREGATOR} is installed: diagnostics are not aggregated')]
    return [
        Node(
            package=AGGREGATOR,
            executable='aggregator_node',
            parameters=[str(ANALYZERS_FILE)],
            output='screen',
        )
    ]


def bridge(value: dict[str, str]) -> list[Node]:
    # Without hri_msgs it says itself what to install.
    return [
        Node(
            package='emotionnet_ros',
            executable='ros4hri',
            namespace=value['namespace'],
            ros_arguments=['--log-level', value['log_level']],
            output='screen',
        )
    ]


def convert(name: str, text: str, kind: str) -> bool | float | list[str]:
    if kind == 'list':
        return [topic.strip() for topic in text.split(',')]
    try:
        return BOOLEANS[text.lower()] if kind == 'bool' else float(text)
    except (KeyError, ValueError):
        wanted = 'true or false' if kind == 'bool' else 'a number'
        raise ValueError(f'{name}:={text}: it must be {wanted}') from None
