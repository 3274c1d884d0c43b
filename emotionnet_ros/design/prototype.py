# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The human half of a design: a prototype and constraints, read from a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from emotionnet_ros.networks.tables import IMAGE_SIZE
from emotionnet_ros.yaml_file import read_yaml

DEFAULT_PROTOTYPE = Path(__file__).with_name('prototype.yaml')
_MAX_WIDTH, _MAX_DEPTH = 4096, 16


class PrototypeError(ValueError):
    """A prototype cannot be used; the message names the file, the key and what is wrong."""


@dataclass(frozen=True)
class Stage:
    """What the layers of one resolution may be.

    A stage is a first layer, ``depth`` (fewest, most) blocks of two layers and, but for the last
    stage, an out layer of stride 2. The first layer and every block's second have one of
    ``widths``, the same for the whole stage: the trunk, which joins add up. Every block's first
    layer has one of ``inner_widths``, the out layer one of ``out_widths``.

    ``joins``: a block, the out layer and the head may read the sum of the latest trunk layer and
    any earlier ones. ``projection``: there may be a 1x1 convolution from any of the trunk into
    the next stage. ``optional``: designs may end before this stage. ``prototype_width`` and
    ``prototype_depth`` are those of the person's own network; it ends before a stage with width 0.
    """

    name: str
    resolution: int
    widths: tuple[int, ...]
    inner_widths: tuple[int, ...]
    out_widths: tuple[int, ...]
    depth: tuple[int, int]
    joins: bool
    projection: bool
    optional: bool
    prototype_width: int
    prototype_depth: int


@dataclass(frozen=True)
class Constraints:
    """What a design must keep to; None where it does not matter.

    Parameters and multiply-adds are limits of size: designs beyond them are not even judged, nor
    taken in a supernet's steps. The least of multiply-adds keeps a search from small designs where
    a person knows that there is time for large ones.

    ``max_latency_ms`` and ``max_joules`` hold for one face; joules are latency times ``watts``.
    Accuracies are shares, 0..1, of validation images as the proxy predicts them.
    """

    max_parameters: int | None = None
    max_multiply_adds: int | None = None
    min_multiply_adds: int | None = None
    max_latency_ms: float | None = None
    watts: float | None = None
    max_joules: float | None = None
    min_accuracy: float | None = None
    min_balanced_accuracy: float | None = None

    def latency_limit_ms(self) -> float | None:
        """Latency that keeps to both limits, of time and of energy."""
        limits = [] if self.max_latency_ms is None else [self.max_latency_ms]
        if self.max_joules is not None and self.watts is not None:
            limits.append(1000 * self.max_joules / self.watts)
        return min(limits, default=None)


@dataclass(frozen=True)
class Prototype:
    """The stages in order, the constraints, and how many networks share a training step."""

    stages: tuple[Stage, ...]
    constraints: Constraints
    subnetworks_per_step: int = 3

    def space(self) -> dict[str, Any]:
        """Plain values of all that decides which designs there are and how they share weights."""
        return {
            'stages': [asdict(stage) for stage in self.stages],
            'subnetworks_per_step': self.subnetworks_per_step,
        }


def read_prototype(path: Path) -> Prototype:
    """Read a prototype's YAML file.

    Raises
    ------
    PrototypeError
        If the file cannot be read, or a key or value is wrong.
    """
    return read_yaml(path, prototype_from, PrototypeError)


def prototype_from(content: object) -> Prototype:
    """Check plain values, as in a file, and make a prototype of them."""
    table = _table(content, 'the file', ('stages', 'constraints', 'subnetworks_per_step'))
    rows = table.get('stages')
    if not isinstance(rows, list) or not rows:
        raise PrototypeError('stages must be a list of one stage or more')
    stages = tuple(_stage(row, index, index == len(rows)) for index, row in enumerate(rows, 1))
    _check_together(stages)
    per_step = _whole(table.get('subnetworks_per_step', 3), 'subnetworks_per_step', 1, 64)
    return Prototype(stages, _constraints(table.get('constraints') or {}), per_step)


_STAGE_KEYS = (
    'name',
    'resolution',
    'widths',
    'inner_widths',
    'out_widths',
    'depth',
    'joins',
    'projection',
    'optional',
    'prototype',
)


def _stage(row: object, index: int, is_last: bool) -> Stage:
    where = f'stage {index}'
    table = _table(row, where, _STAGE_KEYS)
    name = table.get('name')
    if not isinstance(name, str) or not name.isalpha() or name == 'p':
        raise PrototypeError(f'name of {where} must be letters, and not p, not {name!r}')
    where = f'{where} ({name})'
    for key in ('widths', 'inner_widths', 'depth', *(() if is_last else ('out_widths',))):
        if key not in table:
            raise PrototypeError(f'{where} has no {key}')
    if is_last and ('out_widths' in table or table.get('projection')):
        raise PrototypeError(f'{where} is the last: it has no out_widths and no projection')
    depth = table['depth']
    if not isinstance(depth, list) or len(depth) != 2:
        raise PrototypeError(f'depth of {where} must be [fewest, most], not {depth!r}')
    fewest = _whole(depth[0], f'depth of {where}', 0, _MAX_DEPTH)
    most = _whole(depth[1], f'depth of {where}', fewest, _MAX_DEPTH)
    widths = _widths(table['widths'], f'widths of {where}')
    own = _table(
        table.get('prototype', {}), f'prototype of {where}', ('width', 'depth', 'present')
    )
    present = _flag(own.get('present', True), f'prototype.present of {where}')
    optional = _flag(table.get('optional', False), f'optional of {where}')
    if not present and not optional:
        raise PrototypeError(f'{where} is not optional: its prototype must be present')
    width = _whole(own.get('width', widths[0]), f'prototype.width of {where}', 1, max(widths))
    return Stage(
        name,
        _whole(table.get('resolution'), f'resolution of {where}', 1, IMAGE_SIZE),
        widths,
        _widths(table['inner_widths'], f'inner_widths of {where}'),
        () if is_last else _widths(table['out_widths'], f'out_widths of {where}'),
        (fewest, most),
        _flag(table.get('joins', True), f'joins of {where}'),
        _flag(table.get('projection', False), f'projection of {where}'),
        optional,
        width if present else 0,
        _whole(own.get('depth', fewest), f'prototype.depth of {where}', fewest, most),
    )


def _check_together(stages: tuple[Stage, ...]) -> None:
    if len({stage.name for stage in stages}) < len(stages):
        raise PrototypeError('two stages have the same name')
    if stages[0].resolution not in (IMAGE_SIZE, IMAGE_SIZE // 2):
        raise PrototypeError(
            f'resolution of the first stage must be {IMAGE_SIZE} or {IMAGE_SIZE // 2}'
        )
    if stages[0].optional:
        raise PrototypeError(f'stage {stages[0].name} is the first: it cannot be optional')
    for before, stage in pairwise(stages):
        if stage.resolution != -(-before.resolution // 2):
            raise PrototypeError(
                f'resolution of stage {stage.name} must be half of {before.resolution}, '
                f'not {stage.resolution}'
            )
        if before.optional and not stage.optional:
            raise PrototypeError(f'stage {stage.name} must be optional, as {before.name} is')
        if before.prototype_width == 0 and stage.prototype_width:
            raise PrototypeError(
                f'the prototype of {stage.name} cannot be present without that of {before.name}'
            )


def _constraints(content: object) -> Constraints:
    known = tuple(item.name for item in fields(Constraints))
    table = _table(content, 'constraints', known)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if value is None:
            continue
        if key in ('max_parameters', 'max_multiply_adds', 'min_multiply_adds'):
            values[key] = _whole(value, f'constraints.{key}', 1, 10**12)
            continue
        high = 1.0 if key.startswith('min_') else 1e6
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= high:
            raise PrototypeError(
                f'constraints.{key} must be a number above 0, at most {high:g}, not {value!r}'
            )
        values[key] = float(value)
    if 'max_joules' in values and 'watts' not in values:
        raise PrototypeError('constraints.max_joules needs constraints.watts')
    return Constraints(**values)


def _table(content: object, where: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise PrototypeError(f'{where} must be a table of keys and values')
    for key in content:
        if key not in known:
            raise PrototypeError(f'unknown key {key!r} in {where}; known are {", ".join(known)}')
    return content


def _whole(value: object, where: str, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise PrototypeError(f'{where} must be a whole number from {low} to {high}, not {value!r}')
    return value


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise PrototypeError(f'{where} must be true or false, not {value!r}')
    return value


def _widths(value: object, where: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        raise PrototypeError(f'{where} must be a list of widths')
    widths = tuple(_whole(item, where, 1, _MAX_WIDTH) for item in value)
    if list(widths) != sorted(set(widths)):
        raise PrototypeError(f'{where} must rise: {value!r}')
    return widths
