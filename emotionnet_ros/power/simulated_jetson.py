# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A Jetson's power files whose watts come from the CPU time that a real process spends.

Holding a budget on it means really spending less. For tests and for ``trace_power``.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path

IDLE_WATTS = 8.0
WATTS_PER_CORE = 15.0  # about 0.12 J a frame at 8 ms of CPU time
LAG = 0.25
UPDATE_PERIOD = 0.02
RAIL_MILLIVOLTS = 5000
_RAILS = ('VDD_IN', 'VDD_CPU_GPU_CV', 'VDD_SOC')


@dataclass(frozen=True, slots=True)
class Sample:
    """True power over one short interval that ends at ``when``, seconds of the steady clock."""

    when: float
    seconds: float
    watts: float


class SimulatedJetson:
    """The files of an INA3221 on a Jetson Orin NX, as JetPack 5 shows them, below ``root``.

    VDD_IN draws ``IDLE_WATTS`` and ``WATTS_PER_CORE`` for each core that the watched process keeps
    busy; the files show it through a first-order lag of ``LAG``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.foreign_watts = 0.0
        self.trace: list[Sample] = []
        self._folder = root / 'bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3'
        self._folder.mkdir(parents=True)
        (self._folder / 'name').write_text('ina3221\n')
        for channel, label in enumerate(_RAILS, start=1):
            (self._folder / f'in{channel}_label').write_text(f'{label}\n')
            (self._folder / f'in{channel}_enable').write_text('1\n')
            (self._folder / f'in{channel}_input').write_text(f'{RAIL_MILLIVOLTS}\n')
            (self._folder / f'curr{channel}_input').write_text('001000\n')
        self._show(IDLE_WATTS)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, process_id: int) -> None:
        """Begin to follow the CPU time of a process."""
        self._thread = threading.Thread(target=self._run, args=(process_id,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following it; the files stay as they are."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def mean_watts(self, begin: float, end: float = math.inf) -> float:
        """Give the true mean power between two steady times; NaN where nothing was followed."""
        samples = [s for s in self.trace if begin <= s.when - s.seconds and s.when <= end]
        seconds = sum(s.seconds for s in samples)
        return sum(s.watts * s.seconds for s in samples) / seconds if seconds else math.nan

    def _run(self, process_id: int) -> None:
        before, then, shown = cpu_seconds(process_id), time.monotonic(), IDLE_WATTS
        while not self._stopped.wait(UPDATE_PERIOD):
            used, now = cpu_seconds(process_id), time.monotonic()
            elapsed = now - then
            busy_cores = max(used - before, 0.0) / elapsed
            watts = IDLE_WATTS + self.foreign_watts + WATTS_PER_CORE * busy_cores
            self.trace.append(Sample(now, elapsed, watts))
            shown += (watts - shown) * (1 - math.exp(-elapsed / LAG))
            self._show(shown)
            before, then = used, now

    def _show(self, watts: float) -> None:
        # Of one width and in place, as a reader keeps the file open.
        milliamperes = round(watts * 1e6 / RAIL_MILLIVOLTS)
        with (self._folder / 'curr1_input').open('r+') as file:
            file.write(f'{milliamperes:06d}\n')


def cpu_seconds(process_id: int) -> float:
    """Give the CPU time of all threads of a process in seconds, to the nanosecond.

    Time of threads that have ended is not in it; /proc/<pid>/stat has it, in steps of 10 ms.
    """
    total = 0
    for path in Path(f'/proc/{process_id}/task').glob('*/schedstat'):
        try:
            total += int(path.read_text().split()[0])
        except OSError:
            continue  # a thread that has just ended
    return total * 1e-9
