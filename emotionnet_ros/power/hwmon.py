# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A power monitor under /sys/class/hwmon that measures the whole board.

Most chips there measure a part: a graphics card, a disk. So by itself only a chip of ``CHIPS`` is
taken, and only where a single channel of them is there. Any other is named by a selector
``CHIP[@DEVICE][/CHANNEL]``, for instance ``ina226``, ``ina226@1-0040``, ``ina3221/VDD_5V`` or
``ltc2947/energy1``: the chip's name, the device behind it, and a label or name of a channel. What
a selector names is taken to measure the board.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from emotionnet_ros.power.running_total import RunningTotal
from emotionnet_ros.power.sensor import PowerReading, SensorError, SensorSettings
from emotionnet_ros.power.sysfs import OpenFiles, number, read_text

# ACPI's meter of the whole machine, and monitors that are put into a board's supply.
CHIPS = (
    *('power_meter', 'ltc2945', 'ltc2947', 'ltc4151', 'ina3221', 'ina209', 'ina219', 'ina220'),
    *('ina226', 'ina228', 'ina230', 'ina231', 'ina232', 'ina237', 'ina238', 'ina260'),
)
# Which voltage goes with which current is the chip's affair. in0 of the INA2xx is its shunt.
_FIRST_PAIR = ((1, 1),)
VOLTS_AMPERES: Mapping[str, tuple[tuple[int, int], ...]] = {
    **{chip: _FIRST_PAIR for chip in CHIPS if chip.startswith('ina2')},
    'ina3221': ((1, 1), (2, 2), (3, 3)),
    'ltc4151': _FIRST_PAIR,
}
_MICRO = 1e-6
_ENERGY_OR_POWER = re.compile(r'(energy|power)(\d+)_(input|average)')
_SELECTOR = re.compile(r'(?P<chip>[^@/]+)(?:@(?P<device>[^/]+))?(?:/(?P<channel>.+))?')


@dataclass(frozen=True, slots=True)
class Channel:
    """One thing that a chip measures, in the best form that it offers.

    Parameters
    ----------
    chip, device
        The chip's name, and the name of the device behind it.
    name, label
        As in ``power1``, and what the board's maker calls it (may be empty).
    files
        One of microjoules or microwatts, or two of millivolts and milliamperes.
    is_energy
        Whether it is a running total.
    """

    chip: str
    device: str
    name: str
    label: str
    files: tuple[Path, ...]
    is_energy: bool = False

    @property
    def selector(self) -> str:
        """What names this channel."""
        return f'{self.chip}@{self.device}/{self.label or self.name}'


def channels(sysfs_root: Path) -> Iterator[Channel]:
    """Find every channel that gives energy or power; of each, energy before mean before momentary.

    A chip's voltages and currents are multiplied only where it gives neither.
    """
    for folder in sorted(sysfs_root.glob('class/hwmon/hwmon*')):
        chip = read_text(folder / 'name')
        device = (folder / 'device').resolve().name
        best: dict[int, tuple[int, Path]] = {}
        for path in sorted(folder.glob('*[0-9]_*')):
            match = _ENERGY_OR_POWER.fullmatch(path.name)
            if match is None or _is_off(folder, match[1] + match[2]):
                continue
            rank = {'energy': 0, 'power': 1 if match[3] == 'average' else 2}[match[1]]
            best[int(match[2])] = min(best.get(int(match[2]), (3, path)), (rank, path))
        for _, (rank, path) in sorted(best.items()):
            name = path.name.partition('_')[0]
            label = read_text(folder / f'{name}_label')
            yield Channel(chip, device, name, label, (path,), is_energy=rank == 0)
        for volts, amperes in () if best else VOLTS_AMPERES.get(chip, ()):
            files = (folder / f'in{volts}_input', folder / f'curr{amperes}_input')
            label = read_text(folder / f'in{volts}_label')
            is_used = label != 'NC' and not _is_off(folder, f'in{volts}')
            if is_used and all(path.exists() for path in files):
                yield Channel(chip, device, f'in{volts}', label, files)


def _is_off(folder: Path, name: str) -> bool:
    return read_text(folder / f'{name}_enable') == '0'


def find_channel(sysfs_root: Path, selector: str = '') -> Channel:
    """Return the one channel that the selector names, or without one, that of ``CHIPS``.

    Raises
    ------
    SensorError
        There is none, or more than one: which there are and how to name one.
    """
    found = list(channels(sysfs_root))
    if selector:
        match = _SELECTOR.fullmatch(selector)
        if match is None:
            raise SensorError(f'selector {selector!r} is not of the form CHIP[@DEVICE][/CHANNEL].')
        chosen = [
            channel
            for channel in found
            if channel.chip == match['chip']
            and match['device'] in (None, channel.device)
            and match['channel'] in (None, channel.label, channel.name)
        ]
    else:
        chosen = [channel for channel in found if channel.chip in CHIPS]
    if len(chosen) == 1:
        return chosen[0]
    there = ', '.join(f'hwmon:{channel.selector}' for channel in (chosen or found))
    which = f'of {selector}' if selector else 'known to measure the whole board'
    if chosen:
        raise SensorError(f'there are {len(chosen)} channels {which}: choose one of {there}.')
    choice = f'; if one of {there} does, choose it' if there else ''
    raise SensorError(f'no channel {which} in {sysfs_root / "class/hwmon"}{choice}.')


class HwmonPower:
    """A channel that gives power, or voltage and current."""

    def __init__(self, settings: SensorSettings) -> None:
        self._clock = settings.clock
        self._files = _open(settings)

    def read(self) -> PowerReading:
        """Read once; see ``PowerSensor``."""
        stamp = self._clock()
        channel, texts = self._files.read()
        watts = _MICRO
        for text in texts:  # microwatts, or millivolts times milliamperes
            watts *= number(text, f'hwmon {channel.selector}')
        return PowerReading(watts, stamp, f'hwmon {channel.selector}', 'board', True)

    def close(self) -> None:
        """See ``PowerSensor``."""
        self._files.close()


class HwmonEnergy:
    """A channel that counts energy: nothing between two readings is missed."""

    def __init__(self, settings: SensorSettings) -> None:
        self._files = _open(settings)
        self._source = ''
        self._total = RunningTotal(self._joules, self._watts, settings)

    def read(self) -> PowerReading:
        """Return the mean since the last reading; see ``PowerSensor``."""
        watts, stamp = self._total.read()
        return PowerReading(watts, stamp, self._source, 'board', True)

    def close(self) -> None:
        """See ``PowerSensor``."""
        self._files.close()

    def _joules(self) -> float:
        channel, texts = self._files.read()
        self._source = f'hwmon {channel.selector}'
        return _MICRO * number(texts[0], self._source)

    def _watts(self, before: float, after: float, seconds: float) -> float:
        if after < before:  # where it wraps is not told
            raise SensorError(f'{self._source}: the counter of energy began anew; read again.')
        return (after - before) / seconds


def _open(settings: SensorSettings) -> OpenFiles[Channel]:
    def find() -> tuple[Channel, tuple[Path, ...]]:
        channel = find_channel(settings.sysfs_root, settings.selector)
        return channel, channel.files

    return OpenFiles(find)


def create(settings: SensorSettings) -> HwmonPower | HwmonEnergy:
    """Return the sensor for the channel that is chosen.

    Raises
    ------
    SensorError
        No channel, or not a single one, can be chosen.
    """
    channel = find_channel(settings.sysfs_root, settings.selector)
    return HwmonEnergy(settings) if channel.is_energy else HwmonPower(settings)
