# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RAPL: the running totals of energy in Intel's and AMD's processors.

The zones of the packages are added up; their subzones (cores, memory) are parts of them and not
counted again. Where the platform has its own zone, psys, and it says no less than the packages, it
is taken in their place: it covers the whole board.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from emotionnet_ros.power.running_total import RunningTotal
from emotionnet_ros.power.sensor import PowerReading, SensorError, SensorSettings
from emotionnet_ros.power.sysfs import OpenFiles, number, read_text

_ZONE = re.compile(r'intel-rapl:\d+')  # AMD's have this name too; a subzone has a second number
_SCOPES = {'psys': 'board', 'package': 'package'}
_DENIED = (
    'kernels since 5.10 keep it for root: allow it with '
    "'sudo chmod o+r /sys/class/powercap/intel-rapl:*/energy_uj' (until the next boot), "
    'or by a udev rule.'
)


@dataclass(frozen=True, slots=True)
class _Zone:
    name: str
    range_microjoules: float  # where it begins at 0 again


def _find(sysfs_root: Path, kind: str) -> tuple[tuple[_Zone, ...], list[Path]]:
    folder = sysfs_root / 'class/powercap'
    zones: list[_Zone] = []
    paths: list[Path] = []
    for path in sorted(folder.glob('intel-rapl:*')):
        name = read_text(path / 'name')
        if _ZONE.fullmatch(path.name) and name.partition('-')[0] == kind:
            text = read_text(path / 'max_energy_range_uj')
            zones.append(_Zone(name, number(text, str(path / 'max_energy_range_uj'))))
            paths.append(path / 'energy_uj')
    if not zones:
        raise SensorError(f'no {kind} zone of RAPL in {folder}.')
    return tuple(zones), paths


class Rapl:
    """The sum of the zones of one kind, psys or package."""

    def __init__(self, settings: SensorSettings, kind: str) -> None:
        self._kind = kind
        self._files = OpenFiles(lambda: _find(settings.sysfs_root, kind), _DENIED)
        self._total = RunningTotal(self._sample, self._watts, settings)
        self._source = f'RAPL {kind}'

    def read(self) -> PowerReading:
        """Return the mean since the last reading; see ``PowerSensor``."""
        watts, stamp = self._total.read()
        return PowerReading(watts, stamp, self._source, _SCOPES[self._kind], True)

    def close(self) -> None:
        """See ``PowerSensor``."""
        self._files.close()

    def _sample(self) -> dict[_Zone, float]:
        zones, texts = self._files.read()
        self._source = f'RAPL {"+".join(zone.name for zone in zones)}'
        return {zone: number(text, zone.name) for zone, text in zip(zones, texts, strict=True)}

    def _watts(
        self, before: dict[_Zone, float], after: dict[_Zone, float], seconds: float
    ) -> float:
        if before.keys() != after.keys():
            raise SensorError(f'{self._source}: the zones have changed; read again.')
        microjoules = 0.0
        for zone, now in after.items():
            step = now - before[zone]
            microjoules += step if step >= 0 else step + zone.range_microjoules
        return microjoules * 1e-6 / seconds


def create(settings: SensorSettings) -> Rapl:
    """Return the sensor on psys where that is believable, else on the packages."""
    package, platform = Rapl(settings, 'package'), Rapl(settings, 'psys')
    try:
        if platform.read().watts >= package.read().watts:
            return platform
    except SensorError:
        pass
    platform.close()
    return package
