# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fit the CPU model of power to this machine, from two readings: at rest and under load.

Needs a meter between supply and computer (a USB meter, say), read by eye or given as options, or a
sensor that measures (--reference). End other programs first. With the meter read by eye, the load
stays on until the reading is typed in.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emotionnet_ros.power.cpu_time import BusyTime, busy_cores
from emotionnet_ros.power.power_model import save_power_model, two_point_model
from emotionnet_ros.power.sensor import SENSORS, PowerSensor, SensorError, open_sensor

# Products of small matrices, as in the networks, by one thread; ends when its parent has gone.
_LOAD = """
import os, sys
import numpy
a = numpy.ones((128, 128), numpy.float32)
while os.getppid() == int(sys.argv[1]):
    for _ in range(100):
        a @ a
"""
_ONE_THREAD = {'OPENBLAS_NUM_THREADS': '1', 'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'}
_SETTLE_SECONDS = 2.0
_STEP_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Phase:
    """What was measured at rest or under load: busy cores, and watts where a sensor gave them."""

    cores: float
    watts: float | None


@contextmanager
def load(workers: int) -> Iterator[None]:
    """Keep so many cores busy meanwhile.

    Raises
    ------
    RuntimeError
        A worker ended too early.
    """
    command = [sys.executable, '-c', _LOAD, str(os.getpid())]
    processes = [
        subprocess.Popen(command, env={**os.environ, **_ONE_THREAD}, stdin=subprocess.DEVNULL)
        for _ in range(workers)
    ]
    try:
        yield
        ended = [process.poll() for process in processes if process.poll() is not None]
        if ended:
            raise RuntimeError(f'the load ended by itself (exit status {ended[0]}); see above')
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def measure(
    name: str,
    seconds: float,
    busy_time: BusyTime,
    reference: PowerSensor | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Phase:
    """Measure the mean of busy cores, and of the reference's watts, over so many seconds.

    Raises
    ------
    SensorError
        One of them cannot be read.
    """
    begin, before = time.monotonic(), busy_time.read()
    watts: list[float] = []
    if reference is not None:
        reference.read()  # a running total's mean begins here
    while (elapsed := time.monotonic() - begin) < seconds:
        time.sleep(min(_STEP_SECONDS, seconds - elapsed))
        if reference is not None:
            watts.append(reference.read().watts)
        report(f'{name}: {min(time.monotonic() - begin, seconds):4.0f} of {seconds:g} s')
    cores = busy_cores(before, busy_time.read(), time.monotonic() - begin)
    return Phase(cores, sum(watts) / len(watts) if watts else None)


def _progress(text: str) -> None:
    if sys.stdout.isatty():
        print(f'\r{text} ', end='', flush=True)


def _asked(when: str) -> float:
    """Ask for the meter's reading until it is a number."""
    while True:
        answer = input(f'The meter shows, {when}, watts: ')
        try:
            return float(answer.replace(',', '.'))
        except ValueError:
            print(f'{answer!r} is not a number; for example 3.4')


def calibrate(options: argparse.Namespace) -> None:
    """Do what the options of the command say.

    Raises
    ------
    SensorError, RuntimeError, ValueError, OSError
        No model came out of it, or it cannot be written.
    """
    reference = open_sensor(options.reference) if options.reference else None
    if reference is not None and not reference.read().measured:
        raise ValueError(f'the reference {options.reference} is an estimate itself')
    busy_time = BusyTime(Path('/proc'))
    phases: list[tuple[float, float]] = []
    for name, workers, given in (
        ('at rest', 0, options.idle_watts),
        ('under load', options.workers, options.busy_watts),
    ):
        with load(workers):
            time.sleep(min(_SETTLE_SECONDS, options.seconds))
            phase = measure(name, options.seconds, busy_time, reference, _progress)
            watts = given if given is not None else phase.watts
            _progress('')
            if watts is None:
                watts = _asked(name)
        print(f'{name}: {phase.cores:.2f} cores busy, {watts:.2f} W', flush=True)
        phases.append((watts, phase.cores))
    (idle_watts, idle_cores), (busy_watts, cores) = phases
    model = two_point_model(idle_watts, idle_cores, busy_watts, cores)
    save_power_model(model, options.output)
    print(f'{model.idle_watts:.2f} W + {model.watts_per_core:.2f} W a core: {options.output}')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cores = len(os.sched_getaffinity(0))
    measuring = [name for name in SENSORS if name != 'cpu_time']
    parser.add_argument('--output', type=Path, default=Path('power_model.yaml'), metavar='FILE')
    parser.add_argument(
        '--seconds', type=float, default=20.0, help='of each measurement (default 20)'
    )
    parser.add_argument(
        '--workers', type=int, default=cores, help=f'cores to load (default all, {cores})'
    )
    parser.add_argument(
        '--idle-watts', type=float, metavar='W', help="the meter's reading at rest"
    )
    parser.add_argument(
        '--busy-watts', type=float, metavar='W', help="the meter's reading under load"
    )
    parser.add_argument(
        '--reference',
        metavar='SENSOR',
        help=f'a sensor in place of the meter: {", ".join(measuring)} or hwmon:SELECTOR',
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 done, 1 no model, 2 wrong options, 130 interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not 0.1 <= options.seconds <= 3600.0:
        parser.error(f'--seconds {options.seconds:g}: it must lie in 0.1..3600')
    if not 1 <= options.workers <= 1024:
        parser.error(f'--workers {options.workers}: it must lie in 1..1024')
    given = options.idle_watts is not None, options.busy_watts is not None
    if any(given) and not all(given):
        parser.error('--idle-watts and --busy-watts are given together')
    if any(given) and options.reference:
        parser.error('--reference takes the place of --idle-watts and --busy-watts')
    if not any(given) and not options.reference and not sys.stdin.isatty():
        parser.error('nobody to ask: give --idle-watts and --busy-watts, or --reference')
    try:
        calibrate(options)
    except (SensorError, RuntimeError, ValueError, OSError, EOFError) as error:
        print(f'{parser.prog}: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f'\n{parser.prog}: interrupted', file=sys.stderr)
        return 130
    return 0
