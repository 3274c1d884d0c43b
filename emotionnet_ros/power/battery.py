# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is drawn from the batteries, while they feed the computer.

A battery's gauge sees all that hangs on it: on a robot perhaps the motors too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emotionnet_ros.power.sensor import PowerReading, SensorError, SensorSettings
from emotionnet_ros.power.sysfs import OpenFiles, number, read_text

_DISCHARGING = 'discharging'


@dataclass(frozen=True, slots=True)
class _Battery:
    name: str
    files: int  # after its status: microwatts, or microamperes and microvolts


def _find(sysfs_root: Path) -> tuple[list[_Battery], list[Path]]:
    folder = sysfs_root / 'class/power_supply'
    batteries: list[_Battery] = []
    paths: list[Path] = []
    for supply in sorted(folder.glob('*')):
        # Those of scope Device are a mouse's or a game pad's.
        if read_text(supply / 'type') != 'Battery' or read_text(supply / 'scope') == 'Device':
            continue
        files = [supply / 'power_now']
        if not read_text(files[0]):
            files = [supply / 'current_now', supply / 'voltage_now']
        if all(read_text(path) for path in files):
            batteries.append(_Battery(supply.name, len(files)))
            paths += [supply / 'status', *files]
    if not batteries:
        raise SensorError(f'no battery in {folder} tells its power.')
    return batteries, paths


class Battery:
    """The sum of all batteries that are discharging."""

    def __init__(self, settings: SensorSettings) -> None:
        self._clock = settings.clock
        self._files = OpenFiles(lambda: _find(settings.sysfs_root))

    def read(self) -> PowerReading:
        """Read once; fails while no battery is discharging. See ``PowerSensor``."""
        stamp = self._clock()
        batteries, texts = self._files.read()
        remaining = iter(texts)
        watts = 0.0
        discharging: list[str] = []
        statuses: list[str] = []
        for battery in batteries:
            status = next(remaining)
            statuses.append(f'{battery.name} is {status.lower()}')
            power = 1e-6 if battery.files == 1 else 1e-12
            for _ in range(battery.files):
                power *= number(next(remaining), f'battery {battery.name}')
            if status.lower() == _DISCHARGING:
                # Drivers differ in the sign of what flows out.
                watts += abs(power)
                discharging.append(battery.name)
        if not discharging:
            raise SensorError(
                f"{', '.join(statuses)}: a battery tells the computer's power only while it is "
                'discharging.'
            )
        return PowerReading(watts, stamp, f'battery {"+".join(discharging)}', 'battery', True)

    def close(self) -> None:
        """See ``PowerSensor``."""
        self._files.close()


def create(settings: SensorSettings) -> Battery:
    """Return the sensor; nothing is opened before the first reading."""
    return Battery(settings)
