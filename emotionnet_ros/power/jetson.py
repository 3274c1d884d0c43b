# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""NVIDIA Jetson: the INA3221 monitors on the module, under either generation of driver.

JetPack 4 has the driver ina3221x with its rails as IIO devices, in milliwatts. JetPack 5 and later
have the kernel's ina3221 with millivolts and milliamperes. Which rails add up to the whole is the
board's affair and recognised by their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emotionnet_ros.power.sensor import PowerReading, SensorError, SensorSettings
from emotionnet_ros.power.sysfs import OpenFiles, number, read_text


@dataclass(frozen=True, slots=True)
class Board:
    """Rails that together are the whole, without counting any twice."""

    name: str
    rails: tuple[str, ...]
    scope: str


# The first row whose rails are all there. AGX Xavier has no input rail; AGX Orin has rails behind
# VIN_SYS_5V0 too, which are not added. VDD_MUX is what TX2's carrier takes beside the module.
BOARDS = (
    Board('AGX Xavier', ('GPU', 'CPU', 'SOC', 'CV', 'VDDRQ', 'SYS5V'), 'module'),
    Board('AGX Orin', ('VDD_GPU_SOC', 'VDD_CPU_CV', 'VIN_SYS_5V0'), 'module'),
    Board('TX2', ('VDD_IN', 'VDD_MUX'), 'board'),
    Board('Xavier NX, Orin NX or Orin Nano', ('VDD_IN',), 'module'),
    Board('Nano', ('POM_5V_IN',), 'module'),
)

# A rail's files: its milliwatts, or its millivolts and milliamperes.
Files = tuple[Path, ...]


def _rails_of_jetpack_4(sysfs_root: Path) -> Iterator[tuple[str, Files]]:
    for device in sorted(sysfs_root.glob('bus/i2c/drivers/ina3221x/*-00*/iio:device*')):
        for channel in range(3):
            yield (
                read_text(device / f'rail_name_{channel}'),
                (device / f'in_power{channel}_input',),
            )


def _rails_of_jetpack_5(sysfs_root: Path) -> Iterator[tuple[str, Files]]:
    for device in sorted(sysfs_root.glob('bus/i2c/drivers/ina3221/*-00*/hwmon/hwmon*')):
        # in4 to in7 are the voltages over the shunts, not of rails.
        for channel in (1, 2, 3):
            if read_text(device / f'in{channel}_enable') != '0':
                yield (
                    read_text(device / f'in{channel}_label'),
                    (device / f'in{channel}_input', device / f'curr{channel}_input'),
                )


_DRIVERS: dict[str, Callable[[Path], Iterator[tuple[str, Files]]]] = {
    'ina3221x': _rails_of_jetpack_4,
    'ina3221': _rails_of_jetpack_5,
}


@dataclass(frozen=True, slots=True)
class _Found:
    source: str
    scope: str
    rails: tuple[tuple[str, int], ...]  # the name and the number of files of each


def _find(sysfs_root: Path) -> tuple[_Found, list[Path]]:
    names: list[str] = []
    for driver, rails_of in _DRIVERS.items():
        files = {name: paths for name, paths in rails_of(sysfs_root) if name not in ('', 'NC')}
        for board in BOARDS:
            if all(rail in files for rail in board.rails):
                source = f'{driver} {"+".join(board.rails)} ({board.name})'
                rails = tuple((rail, len(files[rail])) for rail in board.rails)
                paths = [path for rail in board.rails for path in files[rail]]
                return _Found(source, board.scope, rails), paths
        names += files
    where = sysfs_root / 'bus/i2c/drivers/{ina3221x,ina3221}'
    if not names:
        raise SensorError(f'no INA3221 rails in {where}.')
    raise SensorError(
        f'the rails {", ".join(names)} in {where} are of no board known here; '
        'add its row to BOARDS in power/jetson.py, or select a channel with hwmon:ina3221/RAIL.'
    )


class Jetson:
    """The sum of the board's rails."""

    def __init__(self, settings: SensorSettings) -> None:
        self._clock = settings.clock
        self._files = OpenFiles(lambda: _find(settings.sysfs_root))

    def read(self) -> PowerReading:
        """Read once; see ``PowerSensor``."""
        stamp = self._clock()
        found, texts = self._files.read()
        remaining = iter(texts)
        milliwatts = 0.0
        for rail, files in found.rails:
            values = [number(next(remaining), f'{found.source}: {rail}') for _ in range(files)]
            milliwatts += values[0] if files == 1 else values[0] * values[1] / 1000.0
        return PowerReading(milliwatts / 1000.0, stamp, found.source, found.scope, True)

    def close(self) -> None:
        """See ``PowerSensor``."""
        self._files.close()


def create(settings: SensorSettings) -> Jetson:
    """Return the sensor; nothing is opened before the first reading."""
    return Jetson(settings)
