# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What ROS's tools read of the package: dependencies, version, changelog, licence."""

import ast
import datetime
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ElementTree.parse(ROOT / 'package.xml')
# Packages of ROS that are asked for only where they are, and say what is missing.
OPTIONAL = {'hri_msgs'}
# What Python packages are called in rosdep; the others have no ROS in their name or no key.
KEYS = {
    'cv2': 'python3-opencv',
    'numpy': 'python3-numpy',
    'onnxruntime': 'python3-onnxruntime-pip',
    'psutil': 'python3-psutil',
    'yaml': 'python3-yaml',
}
ROS_PACKAGE = re.compile(r'rclpy|launch|launch_ros|ament_index_python|builtin_interfaces|\w+_msgs')


def imported(folder):
    """The packages that the files of a folder import, wherever in them."""
    for path in (ROOT / folder).rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.split('.')[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module.split('.')[0]


def declared(*tags):
    return {element.text for tag in tags for element in PACKAGE.findall(tag)}


def test_every_imported_package_is_a_dependency():
    names = {*imported('emotionnet_ros'), *imported('launch')} - OPTIONAL
    needed = {
        KEYS.get(name, name) for name in names if name in KEYS or ROS_PACKAGE.fullmatch(name)
    }
    interfaces = {'rcl_interfaces'} & names
    assert needed | interfaces <= declared('depend', 'exec_depend')
    assert len(needed) > 8


def test_every_dependency_of_the_package_is_used():
    names = {KEYS.get(name, name) for name in (*imported('emotionnet_ros'), *imported('launch'))}
    files = ''.join(path.read_text() for path in (ROOT / 'msg').glob('*.msg'))
    used = names | set(re.findall(r'(\w+)/\w+', files))
    # The services of the lifecycle node are made by rclpy.
    run_by_others = {'rosidl_default_runtime', 'lifecycle_msgs'}
    assert declared('depend', 'exec_depend') - run_by_others <= used


def test_the_changelog_begins_with_the_version_of_the_package():
    text = (ROOT / 'CHANGELOG.rst').read_text()
    title, underline = re.search(r'^(\d\S* \(.*\))\n(-+)$', text, re.MULTILINE).groups()
    assert len(title) == len(underline)
    version, date = re.fullmatch(r'(\d+\.\d+\.\d+) \((.*)\)', title).groups()
    assert version == PACKAGE.findtext('version')
    assert datetime.date.fromisoformat(date)
    assert 'Changelog for package emotionnet_ros' in text.splitlines()[1]


def test_the_changelog_is_understood_by_the_tools_that_release():
    changelog = pytest.importorskip('catkin_pkg.changelog', reason='reads as a release does')
    pytest.importorskip('docutils', reason='the changelog is reStructuredText')
    read = changelog.get_changelog_from_path(str(ROOT / 'CHANGELOG.rst'), 'emotionnet_ros')
    version, _, contents = next(iter(read.foreach_version()))
    assert version == PACKAGE.findtext('version')
    assert contents


def test_the_manifest_is_valid():
    package = pytest.importorskip('catkin_pkg.package', reason='reads as colcon does')
    manifest = package.parse_package(str(ROOT / 'package.xml'))
    warnings = []
    manifest.validate(warnings)
    assert warnings == []
    assert [license.file for license in manifest.licenses] == ['LICENSE']
    assert (ROOT / 'LICENSE').is_file()
