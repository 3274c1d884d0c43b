# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a power sensor is, and the table of those there are.

A new sensor is one module with a function ``create(settings) -> PowerSensor`` and one row in
``SENSORS``. The modules are imported when their sensor is asked for, never before.
"""

from __future__ import annotations

import importlib
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from emotionnet_ros.power.power_model import PowerModel

_log = logging.getLogger(__name__)

MOST_WATTS = 10_000.0


class SensorError(RuntimeError):
    """No believable reading: what is wrong, where, and what to do."""


@dataclass(frozen=True, slots=True)
class PowerReading:
    """One reading.

    Parameters
    ----------
    watts
        Above 0 and at most 10 kW.
    stamp
        When, in seconds of the clock that the sensor was opened with. Of a mean over time (running
        totals, the CPU model), the end of that time.
    source
        Where it comes from: the driver and the rail, or the name of the model.
    scope
        What it covers: board, module, SoC, battery, package or model.
    measured
        False for an estimate.
    """

    watts: float
    stamp: float
    source: str
    scope: str
    measured: bool

    def __post_init__(self) -> None:
        if not (math.isfinite(self.watts) and 0.0 < self.watts <= MOST_WATTS):
            raise SensorError(
                f'{self.source}: {self.watts:g} W is nothing that a running computer draws; '
                'see whether the device is wired and works, or name another sensor.'
            )


class PowerSensor(Protocol):
    """Reads the power of the computer; used from one thread at a time.

    A failed reading changes nothing: a sensor whose files have gone finds them again, at another
    place too, with the next reading after they are back.
    """

    def read(self) -> PowerReading:
        """Read once; a reading less than 0.1 s old may be returned again, with its own stamp.

        Raises
        ------
        SensorError
            There is no reading, or it is nonsense.
        """
        ...

    def close(self) -> None:
        """Give the files back; a later reading would open them again."""
        ...


@dataclass(frozen=True, slots=True)
class SensorSettings:
    """What every sensor is made from.

    Parameters
    ----------
    sysfs_root, proc_root
        Where /sys and /proc are.
    calibration
        The CPU model's coefficients; None: those of the board, or generic ones.
    selector
        Which hwmon chip and channel, see ``hwmon.py``; empty: the one that measures the board.
    vcgencmd
        The Raspberry Pi's command, a name on the PATH or a path.
    clock, sleep
        A steady clock in seconds, and what waits on it. Only the first reading of a running total
        ever waits.
    """

    sysfs_root: Path = Path('/sys')
    proc_root: Path = Path('/proc')
    calibration: PowerModel | None = None
    selector: str = ''
    vcgencmd: str = 'vcgencmd'
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


# In order of preference: the most of the computer first, an estimate last.
SENSORS: Mapping[str, str] = {
    'jetson': 'emotionnet_ros.power.jetson',
    'raspberry_pi_5': 'emotionnet_ros.power.raspberry_pi_5',
    'hwmon': 'emotionnet_ros.power.hwmon',
    'battery': 'emotionnet_ros.power.battery',
    'rapl': 'emotionnet_ros.power.rapl',
    'cpu_time': 'emotionnet_ros.power.cpu_time',
}


def open_sensor(
    name: str = 'auto',
    *,
    sysfs_root: Path = Path('/sys'),
    proc_root: Path = Path('/proc'),
    calibration: PowerModel | None = None,
    vcgencmd: str = 'vcgencmd',
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> PowerSensor:
    """Open a power sensor by name, or the best one that works; it has been read once.

    With ``'auto'``, it is the first of ``SENSORS`` that gives a believable reading; one line of
    the log says which, and why those before it were passed over.

    Parameters
    ----------
    name
        ``'auto'``, a key of ``SENSORS``, or ``'hwmon:SELECTOR'`` with a selector of ``hwmon.py``.
    sysfs_root, proc_root, calibration, vcgencmd, clock, sleep
        See ``SensorSettings``.

    Raises
    ------
    SensorError
        The sensor cannot be read, or with ``'auto'`` none can: the reason and what to do.
    """
    name, _, selector = name.partition(':')
    settings = SensorSettings(sysfs_root, proc_root, calibration, selector, vcgencmd, clock, sleep)
    if selector and name != 'hwmon':
        raise SensorError(f'Power sensor {name}: only hwmon takes a selector, not {selector!r}.')
    if name != 'auto':
        sensor, reading = _open(name, settings)
        _log.info('Power sensor: %s, asked for by name; %s', name, _described(reading))
        return sensor
    failures: list[str] = []
    for candidate in SENSORS:
        try:
            sensor, reading = _open(candidate, settings)
        except SensorError as error:
            failures.append(f'{candidate}: {error}')
            continue
        # An estimate is worth a warning: it can be far off.
        level = logging.INFO if reading.measured else logging.WARNING
        _log.log(
            level,
            'Power sensor: %s, the first that works; %s. Passed over: %s',
            candidate,
            _described(reading),
            ' '.join(failures) or 'none',
        )
        return sensor
    raise SensorError('No power sensor works. ' + ' '.join(failures))


def _open(name: str, settings: SensorSettings) -> tuple[PowerSensor, PowerReading]:
    if name not in SENSORS:
        raise SensorError(
            f'There is no power sensor {name!r}; choose one of auto, {", ".join(SENSORS)}.'
        )
    module = importlib.import_module(SENSORS[name])
    sensor = cast(PowerSensor, module.create(settings))
    try:
        return sensor, sensor.read()
    except SensorError:
        sensor.close()
        raise


def _described(reading: PowerReading) -> str:
    kind = 'measured' if reading.measured else 'estimated'
    return f'{reading.watts:.2f} W {kind} by {reading.source} (scope: {reading.scope})'
