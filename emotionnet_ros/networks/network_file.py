# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A table of layers as plain values and as a file, YAML or JSON; no torch and no onnx here.

::

    name: small
    layers:
    - {name: a1, inputs: image, width: 8}
    - {name: a2, inputs: a1, width: 16, stride: 2}
    head_inputs: a2

``stride``, ``kernel`` and ``relu`` of a layer and ``classes`` of the network may be left out.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.networks.tables import NETWORKS, Layer, Network
from emotionnet_ros.yaml_file import read_yaml

# What the values of a layer must be; an int is also checked to be positive.
_TYPES = {
    item.name: {'str': str, 'int': int, 'bool': bool}[str(item.type)] for item in fields(Layer)
}
_NEEDED = ('name', 'inputs', 'width')
_OPTIONAL = {item.name: item.default for item in fields(Layer) if item.name not in _NEEDED}
_NAME = re.compile(r'[A-Za-z0-9_.-]+')


class NetworkFileError(ValueError):
    """A table of layers cannot be read; the message says where and what is wrong."""


def network_as_dict(network: Network) -> dict[str, Any]:
    """Plain values of a table, as in a file; what is a layer's default is left out."""
    rows = [
        {key: value for key, value in asdict(layer).items() if _OPTIONAL.get(key) != value}
        for layer in network.layers
    ]
    content: dict[str, Any] = {
        'name': network.name,
        'layers': rows,
        'head_inputs': network.head_inputs,
    }
    if network.classes != EXPRESSIONS:
        content['classes'] = list(network.classes)
    return content


def network_from(content: object) -> Network:
    """Check plain values and make a table of them.

    Raises
    ------
    NetworkFileError
        If a key or value is wrong, the layers do not fit, or the name is that of another network.
    """
    if not isinstance(content, dict):
        raise NetworkFileError('a network must be a table of keys and values')
    unknown = set(content) - {'name', 'layers', 'head_inputs', 'classes'}
    if unknown:
        raise NetworkFileError(f'unknown key {sorted(map(str, unknown))[0]!r} in the network')
    for key in ('name', 'head_inputs'):
        if not isinstance(content.get(key), str):
            raise NetworkFileError(f'{key} must be text, not {content.get(key)!r}')
    name, rows = content['name'], content.get('layers')
    if not _NAME.fullmatch(name):
        raise NetworkFileError(f'name {name!r} must consist of letters, digits, _, . and -')
    if not isinstance(rows, list) or not rows:
        raise NetworkFileError('layers must be a list of one layer or more')
    classes = content.get('classes', list(EXPRESSIONS))
    if not isinstance(classes, list) or not all(isinstance(item, str) for item in classes):
        raise NetworkFileError(f'classes must be a list of names, not {classes!r}')
    layers = tuple(_layer(row, index) for index, row in enumerate(rows, start=1))
    network = Network(name, layers, content['head_inputs'], tuple(classes))
    try:
        network.shapes()
    except ValueError as error:
        raise NetworkFileError(str(error)) from error
    known = NETWORKS.get(name)
    if known and (known.layers, known.head_inputs) != (network.layers, network.head_inputs):
        raise NetworkFileError(f'{name} is the name of another network: choose a new one')
    return network


def _layer(row: object, index: int) -> Layer:
    where = f'layer {index}'
    if not isinstance(row, dict):
        raise NetworkFileError(f'{where} must be a table of keys and values')
    for key in _NEEDED:
        if key not in row:
            raise NetworkFileError(f'{where} has no {key}')
    where = f'{where} ({row["name"]})'
    for key, value in row.items():
        if key not in _TYPES:
            raise NetworkFileError(
                f'unknown key {key!r} in {where}; known are {", ".join(_TYPES)}'
            )
        if type(value) is not _TYPES[key]:
            raise NetworkFileError(f'{key} of {where} must be {_TYPES[key].__name__}')
        if type(value) is int and not 1 <= value <= 65_536:
            raise NetworkFileError(f'{key} of {where} must be from 1 to 65536, not {value}')
    if row.get('kernel', 1) % 2 == 0:
        raise NetworkFileError(f'kernel of {where} must be odd')
    return Layer(**row)


def read_network(path: Path) -> Network:
    """Read a table of layers from a YAML or JSON file.

    Raises
    ------
    NetworkFileError
        If the file cannot be read or holds no table.
    """
    return read_yaml(path, network_from, NetworkFileError)


def write_network(path: Path, network: Network, comment: str = '') -> None:
    """Write a table of layers as YAML, a layer a line, below a comment."""
    content = network_as_dict(network)
    lines = [f'# {line}' for line in comment.splitlines()]
    lines.append(f'name: {network.name}')
    lines.append('layers:')
    lines += [
        '- {' + ', '.join(f'{key}: {json.dumps(value)}' for key, value in row.items()) + '}'
        for row in content['layers']
    ]
    lines.append(f'head_inputs: {network.head_inputs}')
    if 'classes' in content:
        lines.append(f'classes: {json.dumps(content["classes"])}')
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def table_digest(network: Network) -> str:
    """Hexadecimal digest of what a network computes: its layers and head, not its name."""
    content = {**network_as_dict(network), 'name': ''}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
