# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ways of working between which the governor chooses, and their file.

The file is YAML; ``profile_power`` measures one on the machine it is for::

    operating_points:
    - name: b2
      detector_interval: 2
      detector_input_size: 0
      network: nano_b
      threads: 1
      energy_per_frame: 0.0116
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from emotionnet_ros.yaml_file import read_yaml


class OperatingPointError(ValueError):
    """A table of operating points cannot be used: which file, which key, why."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One way of working.

    Parameters
    ----------
    name
        What logs and PowerState call it.
    detector_interval
        The detector runs on every n-th frame, at least 1.
    detector_input_size
        Longer side in pixels of the picture that the detector sees; 0 is the detector's default.
    network
        Name of a shipped network, ``nano_a``, ``nano_b`` or ``nano_c``, or path of an ONNX file.
    threads
        Threads of the network, at least 1.
    energy_per_frame
        Joules that a frame with one face costs beyond what the machine draws anyway.

    Raises
    ------
    ValueError
        A value lies outside its range.
    """

    name: str
    detector_interval: int
    detector_input_size: int
    network: str
    threads: int
    energy_per_frame: float

    def __post_init__(self) -> None:
        for key in ('name', 'network'):
            if not getattr(self, key):
                raise ValueError(f'{key} is empty')
        if not 1 <= self.detector_interval <= 100:
            raise ValueError(
                f'detector_interval is {self.detector_interval}, it must lie in 1..100'
            )
        if self.detector_input_size and not 32 <= self.detector_input_size <= 4096:
            raise ValueError(
                f'detector_input_size is {self.detector_input_size}, it must be 0 or lie in '
                '32..4096'
            )
        if not 1 <= self.threads <= 64:
            raise ValueError(f'threads is {self.threads}, it must lie in 1..64')
        if not (math.isfinite(self.energy_per_frame) and self.energy_per_frame > 0):
            raise ValueError(
                f'energy_per_frame is {self.energy_per_frame}, it must be a number above 0'
            )


# From the best answers to the cheapest: CPU time a frame on one x86 server core, measured with
# profile_power, times 4 W, about what such a core costs. The governor learns how far a machine is
# from them; a table measured on that machine also has the ratios between the rows right.
BUILT_IN: Sequence[OperatingPoint] = (
    OperatingPoint('a1', 1, 0, 'nano_a', 1, 0.0195),
    OperatingPoint('c1', 1, 0, 'nano_c', 1, 0.0158),
    OperatingPoint('a2', 2, 0, 'nano_a', 1, 0.0133),
    OperatingPoint('a3', 3, 0, 'nano_a', 1, 0.0111),
    OperatingPoint('c2', 2, 0, 'nano_c', 1, 0.0092),
    OperatingPoint('c3', 3, 0, 'nano_c', 1, 0.0068),
    OperatingPoint('c5', 5, 0, 'nano_c', 1, 0.0050),
    OperatingPoint('c10', 10, 0, 'nano_c', 1, 0.0037),
)


def usable_points(
    points: Sequence[OperatingPoint], shipped: Collection[str]
) -> list[OperatingPoint]:
    """Leave out the rows whose network is neither shipped nor an existing file.

    Parameters
    ----------
    points
        In any order; it is kept.
    shipped
        ``inference.classifier.shipped_networks()``.
    """
    return [p for p in points if p.network in shipped or Path(p.network).expanduser().is_file()]


def check_points(points: Sequence[OperatingPoint], where: str = 'operating points') -> None:
    """Refuse a table that cannot be chosen from.

    Raises
    ------
    OperatingPointError
        It is empty, a name occurs twice, or a row costs no less than one before it.
    """
    if not points:
        raise OperatingPointError(f'{where}: the table is empty')
    seen: set[str] = set()
    for before, point in zip((None, *points[:-1]), points, strict=True):
        if point.name in seen:
            raise OperatingPointError(f'{where}: name: {point.name!r} occurs twice')
        seen.add(point.name)
        if before is not None and point.energy_per_frame >= before.energy_per_frame:
            raise OperatingPointError(
                f'{where}: energy_per_frame of {point.name!r} is {point.energy_per_frame:g} J, no '
                f'less than the {before.energy_per_frame:g} J of {before.name!r} before it; the '
                'table goes from the best to the cheapest: leave the row out'
            )


def load_points(path: str | os.PathLike[str]) -> list[OperatingPoint]:
    """Read a table.

    Raises
    ------
    OperatingPointError
        The file cannot be read or something in it is wrong: file, key, reason.
    """
    return read_yaml(Path(path).expanduser(), _points, OperatingPointError)


def _points(document: object) -> list[OperatingPoint]:
    rows = document.get('operating_points') if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise OperatingPointError(
            'operating_points: must be a list of rows; measure one with profile_power'
        )
    points = [_point(row, f'operating_points[{i}]') for i, row in enumerate(rows)]
    check_points(points)
    return points


def save_points(
    path: str | os.PathLike[str], points: Sequence[OperatingPoint], comment: str = ''
) -> None:
    """Write a table, whole or not at all; ``comment`` says where the energies come from.

    Raises
    ------
    OperatingPointError
        The table is not one that could be read again.
    OSError
        The file cannot be written.
    """
    check_points(points, str(path))
    target = Path(path).expanduser()
    text = ''.join(f'# {line}\n' for line in comment.splitlines())
    text += yaml.safe_dump({'operating_points': [asdict(p) for p in points]}, sort_keys=False)
    partial = target.with_name(target.name + '.part')
    partial.write_text(text, encoding='utf-8')
    partial.replace(target)


_TYPES: dict[str, tuple[type, ...]] = {'str': (str,), 'int': (int,), 'float': (int, float)}


def _point(row: Any, where: str) -> OperatingPoint:
    if not isinstance(row, dict):
        raise OperatingPointError(f'{where}: must be a mapping, not {row!r}')
    keys = {field.name: str(field.type) for field in fields(OperatingPoint)}
    for key in row:
        if key not in keys:
            raise OperatingPointError(f'{where}: {key}: unknown; there are {", ".join(keys)}')
    for key, kind in keys.items():
        if key not in row:
            raise OperatingPointError(f'{where}: {key}: missing')
        # In Python, true is an integer.
        if isinstance(row[key], bool) or not isinstance(row[key], _TYPES[kind]):
            raise OperatingPointError(f'{where}: {key}: must be a {kind}, not {row[key]!r}')
    try:
        return OperatingPoint(**{**row, 'energy_per_frame': float(row['energy_per_frame'])})
    except (ValueError, OverflowError) as error:
        raise OperatingPointError(f'{where}: {error}') from error
