# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The estimate where nothing measures: idle power, and so much for each busy core.

The cores' time is the whole machine's, so other programs' load counts too.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from emotionnet_ros.power.power_model import PowerModel
from emotionnet_ros.power.running_total import RunningTotal
from emotionnet_ros.power.sensor import PowerReading, SensorError, SensorSettings
from emotionnet_ros.power.sysfs import OpenFiles, number, read_text

# By what /proc/device-tree/model contains. Raspberry Pi 4: 2.7 W idle, 6.4 W with four cores busy.
BOARDS: tuple[tuple[str, float, float], ...] = (('Raspberry Pi 4', 2.7, 0.93),)
# By processor architecture: guesses at a small board and at a small PC, no more.
GENERIC: tuple[tuple[str, float, float], ...] = (
    ('aarch64', 2.5, 1.0),
    ('arm', 2.0, 0.5),
    ('x86_64', 10.0, 5.0),
    ('', 5.0, 2.0),
)
# The columns of /proc/stat in which a core works: user, nice, system, irq, softirq. The time of
# guests is in user's; steal is the time of other machines.
_BUSY_COLUMNS = (1, 2, 3, 6, 7)


def default_model(proc_root: Path, machine: str = '') -> tuple[str, PowerModel]:
    """Return a name and coefficients for a machine that was not calibrated."""
    board = read_text(proc_root / 'device-tree/model').rstrip('\0')
    for name, idle_watts, watts_per_core in BOARDS:
        if name in board:
            return name, PowerModel(idle_watts, watts_per_core, calibrated=False)
    machine = machine or platform.machine()
    idle_watts, watts_per_core = next(
        (idle, core) for part, idle, core in GENERIC if part in machine
    )
    return f'generic {machine}', PowerModel(idle_watts, watts_per_core, calibrated=False)


class BusyTime:
    """Core-seconds that the whole machine has worked since it started."""

    def __init__(self, proc_root: Path) -> None:
        self._path = proc_root / 'stat'
        self._ticks_per_second = os.sysconf('SC_CLK_TCK')
        self._files = OpenFiles(self._find)

    def read(self) -> float:
        """Return the core-seconds.

        Raises
        ------
        SensorError
            The file is not there or is not what the kernel writes.
        """
        _, texts = self._files.read()
        columns = texts[0].partition('\n')[0].split()
        if len(columns) <= _BUSY_COLUMNS[-1] or columns[0] != 'cpu':
            raise SensorError(f'{self._path} begins with {texts[0][:40]!r}, not with cpu times.')
        ticks = sum(number(columns[column], str(self._path)) for column in _BUSY_COLUMNS)
        return ticks / self._ticks_per_second

    def close(self) -> None:
        """Close the file."""
        self._files.close()

    def _find(self) -> tuple[None, list[Path]]:
        return None, [self._path]


def busy_cores(before: float, after: float, seconds: float) -> float:
    """Return how many cores were busy on average, from two readings of ``BusyTime``."""
    return max(after - before, 0.0) / seconds


class CpuTime:
    """The model's power for the cores that were busy since the last reading."""

    def __init__(self, settings: SensorSettings) -> None:
        if settings.calibration is not None:
            model = settings.calibration
            name = 'given coefficients'
        else:
            name, model = default_model(settings.proc_root)
        kind = 'calibrated' if model.calibrated else f'uncalibrated, {name}'
        self._source = f'cpu_time ({kind})'
        self._busy_time = BusyTime(settings.proc_root)
        self._model = model
        self._total = RunningTotal(self._busy_time.read, self._watts, settings)

    def read(self) -> PowerReading:
        """Return the mean since the last reading; see ``PowerSensor``."""
        watts, stamp = self._total.read()
        return PowerReading(watts, stamp, self._source, 'model', False)

    def close(self) -> None:
        """See ``PowerSensor``."""
        self._busy_time.close()

    def _watts(self, before: float, after: float, seconds: float) -> float:
        return self._model.watts(busy_cores(before, after, seconds))


def create(settings: SensorSettings) -> CpuTime:
    """Return the sensor; nothing is opened before the first reading."""
    return CpuTime(settings)
