# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The configuration file of a training run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from torch import nn

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.networks import face_resnet
from emotionnet_ros.networks.modules import NanoModule
from emotionnet_ros.networks.network_file import (
    NetworkFileError,
    network_as_dict,
    network_from,
    read_network,
)
from emotionnet_ros.networks.tables import NETWORKS, Network
from emotionnet_ros.training.augmentation import EFFECTS, Geometry
from emotionnet_ros.yaml_file import read_yaml


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the file, the key and what is wrong."""


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides the outcome of a run, and how it is computed.

    ``network`` is a name of tables.NETWORKS; in the file it may also be the path, from the file's
    folder, of a table of layers (networks/network_file.py). The table then stands in ``design``,
    as plain values, so that a checkpoint does not depend on the file. ``face_resnet`` is a large
    network that teaches others (networks/face_resnet.py).

    ``balance`` is the exponent of balanced sampling: an image is drawn in proportion to the mean
    of its classes' frequencies to the power of minus ``balance`` (0: as in the data, 1: all
    classes alike). ``warmup`` is the share of all steps in which the learning rate rises to
    ``learning_rate``; it then falls to zero along a cosine. ``effects`` gives the share of images
    for each of augmentation.EFFECTS.

    ``distillation`` is the share of the teachers' answer in what an image is trained on, the rest
    being the votes; the teachers see ``teacher_views`` jittered views of each image. ``fer2013``
    gives, for an expression, the share that the label of the original data set has in the votes of
    an image that bears it. ``mixup`` is the alpha of mixup, 0 for none.
    """

    network: str = 'nano_b'
    epochs: int = 40
    batch_size: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup: float = 0.05
    ema_decay: float = 0.998
    balance: float = 0.5
    distillation: float = 0.0
    teacher_views: int = 8
    mixup: float = 0.0
    seed: int = 1
    geometry: Geometry = field(default_factory=Geometry)
    effects: dict[str, float] = field(default_factory=dict)
    fer2013: dict[str, float] = field(default_factory=dict)
    design: dict[str, Any] = field(default_factory=dict)
    device: str = 'cpu'
    threads: int = 2
    bfloat16: bool = True
    channels_last: bool = True
    compile: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as in the file."""
        values = asdict(self)
        if not self.design:
            del values['design']
        return values

    def table(self) -> Network:
        """Return the network's table of layers.

        Raises
        ------
        ConfigError
            If it has none.
        """
        if self.network == face_resnet.NAME:
            raise ConfigError(f'{self.network} only teaches: it has no table of layers')
        return network_from(self.design) if self.design else NETWORKS[self.network]

    def new_module(self) -> nn.Module:
        """Make the network with random weights."""
        if self.network == face_resnet.NAME:
            return face_resnet.FaceResNet()
        return NanoModule(self.table())


_RANGES: dict[str, tuple[float, float]] = {
    'epochs': (1, 100_000),
    'batch_size': (2, 65_536),
    'learning_rate': (1e-8, 10),
    'weight_decay': (0, 10),
    'warmup': (0, 0.9),
    'ema_decay': (0, 0.999999),
    'balance': (0, 1),
    'distillation': (0, 1),
    'teacher_views': (2, 1000),
    'mixup': (0, 10),
    'threads': (1, 1024),
}
_GEOMETRY_RANGES: dict[str, tuple[float, float]] = {
    'shift': (0, 0.5),
    'scale': (0, 1),
    'rotation_deg': (0, 180),
    'aspect': (0, 1),
    'mirror': (0, 1),
}


def read_config(path: Path) -> TrainingConfig:
    """Read a YAML file whose keys are TrainingConfig's; what is missing keeps its default.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a key or value is wrong.
    """
    return read_yaml(path, lambda content: config_from(content or {}, path.parent), ConfigError)


def config_from(content: object, folder: Path | None = None) -> TrainingConfig:
    """Check plain values and make a configuration of them.

    ``folder`` is where paths in them begin; without it ``network`` must be a name.
    """
    values = _checked(content, 'the file', TrainingConfig(), _RANGES)
    geometry = values.get('geometry', {})
    values['geometry'] = Geometry(**_checked(geometry, 'geometry', Geometry(), _GEOMETRY_RANGES))
    for table, names in (('effects', tuple(EFFECTS)), ('fer2013', EXPRESSIONS)):
        values[table] = _checked_shares(values.get(table) or {}, table, names)
    values.update(_checked_network(values, folder))
    return TrainingConfig(**values)


def _checked_network(values: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """``network`` and ``design``, the latter read from a file where the former is its path."""
    name = values.get('network', TrainingConfig.network)
    design = values.get('design') or {}
    try:
        if not design and name not in NETWORKS and folder and (folder / name).is_file():
            design = network_as_dict(read_network(folder / name))
            name = design['name']
        if design and network_from(design).name != name:
            raise ConfigError(f'design is called {design["name"]!r}, but network is {name!r}')
        if design and network_from(design).classes != EXPRESSIONS:
            raise ConfigError(f'{name} has other classes than {", ".join(EXPRESSIONS)}')
    except NetworkFileError as error:
        raise ConfigError(f'network: {error}') from error
    names = (*NETWORKS, face_resnet.NAME)
    if not design and name not in names:
        raise ConfigError(
            f'network must be one of {", ".join(names)}, or the path of a table of layers'
        )
    return {'network': name, 'design': design}


def _checked_shares(content: object, where: str, names: tuple[str, ...]) -> dict[str, float]:
    if not isinstance(content, dict):
        raise ConfigError(f'{where} must be a table of names and shares')
    for name, share in content.items():
        if name not in names:
            raise ConfigError(f'{where}.{name} is unknown; known are {", ".join(names)}')
        _check_range(f'{where}.{name}', share, (0, 1))
    return {name: float(share) for name, share in content.items()}


def _checked(
    content: object, where: str, defaults: object, ranges: dict[str, tuple[float, float]]
) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ConfigError(f'{where} must be a table of keys and values')
    known = {item.name: getattr(defaults, item.name) for item in fields(defaults)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in content.items():
        if key not in known:
            raise ConfigError(f'unknown key {key!r} in {where}; known are {", ".join(known)}')
        if key in ranges:
            _check_range(key, value, ranges[key])
        elif isinstance(known[key], bool | int | str) and type(value) is not type(known[key]):
            raise ConfigError(f'{key} must be {type(known[key]).__name__}, not {value!r}')
        if isinstance(known[key], int) and type(value) is not type(known[key]):
            raise ConfigError(f'{key} must be {type(known[key]).__name__}, not {value!r}')
        values[key] = float(value) if isinstance(known[key], float) else value
    return values


def _check_range(key: str, value: object, bounds: tuple[float, float]) -> None:
    low, high = bounds
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f'{key} must be a number from {low:g} to {high:g}, not {value!r}')
