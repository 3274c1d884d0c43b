# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Power as a linear function of the busy cores, and the file that its coefficients are kept in."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

_KEYS = ('idle_watts', 'watts_per_core')


@dataclass(frozen=True, slots=True)
class PowerModel:
    """``idle_watts + watts_per_core * busy_cores``.

    Calibrated on the machine, such models come within a few per cent; with another machine's
    coefficients they can be 40 % off.

    Parameters
    ----------
    idle_watts
        Power with no core busy, 0..10 000 W.
    watts_per_core
        What each busy core adds, above 0 and at most 1 000 W.
    calibrated
        Whether the coefficients were measured on this machine.

    Raises
    ------
    ValueError
        A coefficient lies outside its range.
    """

    idle_watts: float
    watts_per_core: float
    calibrated: bool = True

    def __post_init__(self) -> None:
        if not 0.0 <= self.idle_watts <= 10_000.0:
            raise ValueError(f'idle_watts is {self.idle_watts}, it must lie in 0..10000')
        if not 0.0 < self.watts_per_core <= 1_000.0:
            raise ValueError(
                f'watts_per_core is {self.watts_per_core}, it must be above 0 and at most 1000'
            )

    def watts(self, busy_cores: float) -> float:
        """Return the power with so many cores busy on average."""
        return self.idle_watts + self.watts_per_core * busy_cores


def two_point_model(
    idle_watts: float, idle_cores: float, busy_watts: float, busy_cores: float
) -> PowerModel:
    """Return the line through two measurements, each of watts and of the mean of busy cores.

    Raises
    ------
    ValueError
        The two are too near to each other, or power does not rise with load.
    """
    values = (idle_watts, idle_cores, busy_watts, busy_cores)
    if not all(math.isfinite(value) and value >= 0.0 for value in values):
        raise ValueError(f'power and busy cores cannot be negative or endless: {values}')
    if busy_cores - idle_cores < 0.5:
        raise ValueError(
            f'{idle_cores:.2f} cores were busy at idle and {busy_cores:.2f} under load; they must '
            'differ by half a core at least: end what else runs, and try again'
        )
    watts_per_core = (busy_watts - idle_watts) / (busy_cores - idle_cores)
    if watts_per_core <= 0.0:
        raise ValueError(
            f'power did not rise from idle ({idle_watts:g} W) to load ({busy_watts:g} W): '
            'read the meter again'
        )
    at_rest = idle_watts - watts_per_core * idle_cores
    if at_rest < 0.0:
        raise ValueError(
            f'{idle_watts:g} W at idle are less than the {idle_cores:.2f} cores busy then account '
            'for: end what else runs, and try again'
        )
    return PowerModel(at_rest, watts_per_core)


def save_power_model(model: PowerModel, path: Path) -> None:
    """Write the coefficients as YAML.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    lines = ['# Watts = idle_watts + watts_per_core * busy cores; measured on this machine.\n']
    values = asdict(model)
    lines += [f'{key}: {values[key]:.4f}\n' for key in _KEYS]
    path.write_text(''.join(lines))


def load_power_model(path: Path) -> PowerModel:
    """Read coefficients that were measured on this machine.

    Raises
    ------
    ValueError
        The file cannot be read or is not what ``save_power_model`` writes: what is wrong in it.
    """
    import yaml  # only where there is a file

    def wrong(what: str) -> ValueError:
        return ValueError(f'Power model {path}: {what}; write it anew with calibrate_power.')

    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise wrong(f'it cannot be read: {error.strerror}') from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise wrong(f'it is not YAML: {" ".join(str(error).split())}') from error
    if not isinstance(content, dict) or set(content) != set(_KEYS):
        raise wrong(f'it must have exactly the keys {" and ".join(_KEYS)}')
    for key in _KEYS:
        if isinstance(content[key], bool) or not isinstance(content[key], int | float):
            raise wrong(f'{key} is {content[key]!r}, not a number')
    try:
        return PowerModel(float(content['idle_watts']), float(content['watts_per_core']))
    except (ValueError, OverflowError) as error:
        raise wrong(str(error)) from error
