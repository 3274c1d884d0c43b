# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Raspberry Pi 5: what its power management chip says of its rails, by the command vcgencmd."""

from __future__ import annotations

import math
import re
import shutil
import subprocess

from emotionnet_ros.power.sensor import PowerReading, SensorError, SensorSettings

# A call takes 23 ms: never more often than this.
SHORTEST_INTERVAL = 0.1
TIMEOUT = 1.0
# Not every rail has a current sensor; fitted against a meter at the input: watts = a * sum + b.
WATTS_PER_SUMMED_WATT = 1.1451
WATTS_UNSEEN = 0.5879

_LINE = re.compile(r'^\s*(\w+)_([AV])\s+(?:current|volt)\(\d+\)=(\S+?)[AV]\s*$', re.MULTILINE)


def run_vcgencmd(command: str, argument: str) -> str:
    """Return what ``vcgencmd argument`` prints.

    Raises
    ------
    SensorError
        There is no such command, it may not be used, it fails or takes longer than a second.
    """
    # Looked up here: a failed lookup is cheaper than a failed fork.
    path = shutil.which(command)
    if path is None:
        raise SensorError(f'there is no command {command} (a Raspberry Pi has it).')
    what = f'{command} {argument}'
    try:
        result = subprocess.run(
            [path, argument],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SensorError(f'{what} did not end within {TIMEOUT:g} s.') from None
    except OSError as error:
        raise SensorError(f'{what} cannot be run: {error.strerror}.') from error
    text = result.stdout.decode(errors='replace')
    if result.returncode != 0 or 'error' in text:
        said = (result.stderr.decode(errors='replace').strip() or text.strip())[:120]
        raise SensorError(
            f'{what} failed (exit status {result.returncode}): {said!r}; the user must be in the '
            'group video, and only a Raspberry Pi 5 measures its power.'
        )
    return text


def board_watts(text: str) -> float:
    """Return the board's watts from the output of ``vcgencmd pmic_read_adc``.

    The rails with both a current and a voltage count; EXT5V and BATT have only a voltage.

    Raises
    ------
    SensorError
        A current without its voltage (the output is cut short), a value that is no number, or no
        rails at all.
    """
    current: dict[str, float] = {}
    voltage: dict[str, float] = {}
    for rail, unit, value in _LINE.findall(text):
        try:
            (current if unit == 'A' else voltage)[rail] = float(value)
        except ValueError:
            raise SensorError(f'pmic_read_adc says {value!r} for {rail}, not a number.') from None
    if not current:
        raise SensorError(f'pmic_read_adc gives no currents but {text.strip()[:80]!r}.')
    missing = sorted(set(current) - set(voltage))
    if missing:
        raise SensorError(f'pmic_read_adc gives no voltage for {", ".join(missing)}.')
    broken = sorted(r for r in current if not math.isfinite(current[r] * voltage[r]))
    if broken:
        raise SensorError(f'pmic_read_adc gives no finite value for {", ".join(broken)}.')
    summed = sum(amperes * voltage[rail] for rail, amperes in current.items())
    return WATTS_PER_SUMMED_WATT * summed + WATTS_UNSEEN


class RaspberryPi5:
    """The board's power from its power management chip, at most ten times a second."""

    def __init__(self, settings: SensorSettings) -> None:
        self._command = settings.vcgencmd
        self._clock = settings.clock
        self._last: PowerReading | None = None

    def read(self) -> PowerReading:
        """Read once, in about 23 ms; see ``PowerSensor``."""
        stamp = self._clock()
        if self._last is not None and 0 <= stamp - self._last.stamp < SHORTEST_INTERVAL:
            return self._last
        watts = board_watts(run_vcgencmd(self._command, 'pmic_read_adc'))
        self._last = PowerReading(watts, stamp, 'vcgencmd pmic_read_adc', 'board', True)
        return self._last

    def close(self) -> None:
        """Nothing is kept open."""


def create(settings: SensorSettings) -> RaspberryPi5:
    """Return the sensor; nothing is run before the first reading."""
    return RaspberryPi5(settings)
