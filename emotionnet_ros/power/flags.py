# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Signs that the hardware is about to cut, or is cutting, what it gives: heat and low voltage."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emotionnet_ros.power.raspberry_pi_5 import run_vcgencmd
from emotionnet_ros.power.sensor import SensorError
from emotionnet_ros.power.sysfs import read_text

UNDER_VOLTAGE = 'under_voltage'
FREQUENCY_CAPPED = 'frequency_capped'
THROTTLED = 'throttled'
HOT = 'hot'

# The low bits of get_throttled are of now, those from 16 on of the time since the start.
_BITS = {0: UNDER_VOLTAGE, 1: FREQUENCY_CAPPED, 2: THROTTLED, 3: HOT}
# A call takes tens of milliseconds; the firmware itself looks about as rarely.
VCGENCMD_INTERVAL = 2.0
# The kernel throttles at its trip point; what heeds the flag should have eased off before.
MARGIN_CELSIUS = 3.0
_HOTTEST_CELSIUS = 200.0  # above: a trip point that is not set (ACPI: 256)
# Where to read and the limits change with the hardware only; finding them is most of the cost.
_SEARCH_INTERVAL = 30.0
_CPU_COOLING = re.compile(r'(thermal-)?cpufreq-.*|Processor')


@dataclass(frozen=True, slots=True)
class _Places:
    zones: list[tuple[Path, float]]  # a temperature, and the lowest limit in degrees
    cooling: list[Path]
    alarms: list[Path]


class FlagReader:
    """Reads the flags; what is missing raises none.

    Parameters
    ----------
    sysfs_root
        Where /sys is.
    vcgencmd
        The Raspberry Pi's command, a name on the PATH or a path; asked every 2 s at most.
    clock
        A steady clock in seconds.
    """

    def __init__(
        self,
        sysfs_root: Path = Path('/sys'),
        vcgencmd: str = 'vcgencmd',
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sysfs_root = sysfs_root
        # Without the command there is nothing to ask for later.
        self._vcgencmd = vcgencmd if shutil.which(vcgencmd) else ''
        self._clock = clock
        self._firmware: tuple[float, frozenset[str]] | None = None
        self._places: tuple[float, _Places] | None = None

    def read(self) -> frozenset[str]:
        """Return those of under_voltage, frequency_capped, throttled and hot that hold now."""
        now = self._clock()
        if self._places is None or now - self._places[0] >= _SEARCH_INTERVAL:
            self._places = (now, _find(self._sysfs_root))
        places = self._places[1]
        flags = set(self._firmware_flags(now))
        if any(_is_hot(temperature, limit) for temperature, limit in places.zones):
            flags.add(HOT)
        # The kernel holds the processor back because of heat.
        if any(read_text(state) not in ('', '0') for state in places.cooling):
            flags.add(THROTTLED)
        if any(read_text(alarm) == '1' for alarm in places.alarms):
            flags.add(UNDER_VOLTAGE)
        return frozenset(flags)

    def _firmware_flags(self, now: float) -> frozenset[str]:
        if not self._vcgencmd:
            return frozenset()
        if self._firmware is None or now - self._firmware[0] >= VCGENCMD_INTERVAL:
            try:
                flags = throttle_flags(run_vcgencmd(self._vcgencmd, 'get_throttled'))
            except SensorError:
                flags = frozenset()
            self._firmware = (now, flags)
        return self._firmware[1]


def read_flags(sysfs_root: Path = Path('/sys'), vcgencmd: str = 'vcgencmd') -> frozenset[str]:
    """Return the flags that hold now; see ``FlagReader``, which is for reading them repeatedly."""
    return FlagReader(sysfs_root, vcgencmd).read()


def throttle_flags(text: str) -> frozenset[str]:
    """Return the flags of now from the output of ``vcgencmd get_throttled``."""
    match = re.search(r'throttled=0x([0-9a-fA-F]+)', text)
    value = int(match[1], 16) if match else 0
    return frozenset(flag for bit, flag in _BITS.items() if value >> bit & 1)


def _find(sysfs_root: Path) -> _Places:
    thermal = sysfs_root / 'class/thermal'
    limits = {
        zone / 'temp': min(_limits(zone), default=None) for zone in thermal.glob('thermal_zone*')
    }
    return _Places(
        [(path, limit) for path, limit in limits.items() if limit is not None],
        [
            device / 'cur_state'
            for device in thermal.glob('cooling_device*')
            if _CPU_COOLING.fullmatch(read_text(device / 'type'))
        ],
        [
            chip / 'in0_lcrit_alarm'
            for chip in sysfs_root.glob('class/hwmon/hwmon*')
            if read_text(chip / 'name') == 'rpi_volt'
        ],
    )


def _is_hot(path: Path, limit: float) -> bool:
    celsius = _celsius(path)
    # A zone that is off (Jetson: -256 degrees) is below any limit.
    return celsius is not None and celsius >= limit - MARGIN_CELSIUS


def _limits(zone: Path) -> Iterator[float]:
    passive: list[float] = []
    for path in sorted(zone.glob('trip_point_*_type')):
        kind = read_text(path)
        celsius = _celsius(zone / path.name.replace('_type', '_temp'))
        if celsius is None or not 0.0 < celsius < _HOTTEST_CELSIUS:
            continue
        if kind in ('hot', 'critical'):
            yield celsius
        elif kind == 'passive':
            passive.append(celsius)
    if passive:
        # Of several, the lower ones only switch the kernel's control on; it holds the last.
        yield max(passive)


def _celsius(path: Path) -> float | None:
    try:
        return float(read_text(path)) / 1000.0
    except ValueError:
        return None
