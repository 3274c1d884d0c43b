# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which room may import what; docs/architecture.md says why."""

import ast
from pathlib import Path

import pytest

import emotionnet_ros

PACKAGE = Path(emotionnet_ros.__file__).parent
# Each room, and the rooms that it may import beside itself.
ALLOWED = {
    'expressions': set(),
    'yaml_file': set(),
    'imaging': {'expressions'},
    'faces': {'expressions', 'imaging'},
    'networks': {'expressions', 'yaml_file'},
    'inference': {'expressions'},
    'pipeline': {'expressions', 'imaging', 'faces', 'inference'},
    'timeline': {'expressions', 'imaging'},
    'training': {'expressions', 'imaging', 'faces', 'networks', 'inference', 'yaml_file'},
    'design': {'expressions', 'networks', 'inference', 'training', 'yaml_file'},
    'benchmarks': {'expressions', 'imaging', 'faces', 'networks', 'inference', 'pipeline'},
    'power': {'expressions', 'imaging', 'faces', 'inference', 'pipeline', 'yaml_file'},
    'node': {
        *('expressions', 'imaging', 'faces', 'inference', 'pipeline', 'timeline', 'power', 'msg'),
        'benchmarks',
    },
    # Whatever else it starts, it names in a table and imports when asked for it.
    'commands': {'expressions', 'imaging', 'faces', 'inference', 'pipeline', 'timeline'},
}
ONLY_IN = {
    'rclpy': {'node'},
    'torch': {'networks', 'training', 'design'},
    'onnx': {'networks', 'training', 'design', 'benchmarks'},
    'onnxruntime': {'inference', 'training', 'design', 'benchmarks'},
    'optuna': {'design'},
}


def modules():
    for path in sorted(PACKAGE.rglob('*.py')):
        room = path.relative_to(PACKAGE).parts[0].removesuffix('.py')
        if room not in ('__init__', 'msg'):
            yield pytest.param(room, path, id=str(path.relative_to(PACKAGE)))


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: imports are absolute'
            yield node.module


@pytest.mark.parametrize(('room', 'path'), list(modules()))
def test_a_room_imports_only_what_it_may(room, path):
    assert room in ALLOWED, f'{room} is a new room: say here and in docs what it may import'
    for name in imports(path):
        top, _, rest = name.partition('.')
        if top == 'emotionnet_ros':
            assert rest, f'{path}: import the module, not the package'
            assert rest.split('.')[0] in ALLOWED[room] | {room}, f'{path} imports {name}'
        assert room in ONLY_IN.get(top, {room}), f'{path} imports {name}'


def test_the_package_itself_is_empty():
    # rosidl lays its own empty __init__.py in the same place.
    assert (PACKAGE / '__init__.py').read_text() == ''
