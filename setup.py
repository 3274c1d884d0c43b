# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Install the part that needs no ROS (``pip install .``); colcon builds the whole with CMake."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from setuptools import find_packages, setup

version = ElementTree.parse(Path(__file__).parent / 'package.xml').findtext('version')

setup(
    version=version,
    packages=find_packages(
        include=['emotionnet_ros', 'emotionnet_ros.*'],
        exclude=['emotionnet_ros.node', 'emotionnet_ros.node.*'],
    ),
    package_data={'emotionnet_ros': ['weights/*', 'training/*.yaml', 'design/*.yaml']},
)
