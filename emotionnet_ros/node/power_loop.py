# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads the power, lets the governor decide, publishes what came of it; in its own thread."""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from rclpy.node import Node

from emotionnet_ros.inference.classifier import shipped_networks
from emotionnet_ros.msg import PowerState
from emotionnet_ros.node import parameters
from emotionnet_ros.node.counts import FrameCounts
from emotionnet_ros.node.lasting_thread import LastingThread
from emotionnet_ros.power.flags import FlagReader
from emotionnet_ros.power.governor import (
    CONTROL_PERIOD,
    LIMITED,
    NO_SENSOR,
    OK,
    UNREACHABLE,
    Command,
    Governor,
    GovernorSettings,
)
from emotionnet_ros.power.operating_points import (
    BUILT_IN,
    OperatingPoint,
    load_points,
    usable_points,
)
from emotionnet_ros.power.power_model import load_power_model
from emotionnet_ros.power.sensor import PowerReading, PowerSensor, SensorError, open_sensor

PUBLISH_PERIOD = 0.5
RATE_WINDOW = 2.0
# A sensor that fails for so long is looked for anew: a robot that docks has no battery reading.
REOPEN_AFTER = 10.0
CONFIGURED = 'configured'
STATES = {
    OK: PowerState.OK,
    LIMITED: PowerState.LIMITED,
    UNREACHABLE: PowerState.UNREACHABLE,
    NO_SENSOR: PowerState.NO_SENSOR,
}


class Worker(Protocol):
    """What is governed."""

    def counts(self) -> FrameCounts:
        """Frames since activation."""

    def govern(self, point: OperatingPoint | None, rate_hz: float) -> None:
        """Work in this way, at this rate at most; None and 0: as the parameters say."""


class PowerSource:
    """The sensor that the parameters ask for, looked for anew when it fails for long.

    Raises
    ------
    SensorError
        A sensor asked for by name cannot be read.
    ValueError
        The file of the CPU model is missing or wrong.
    """

    def __init__(self, value: Mapping[str, parameters.Value]) -> None:
        self._name = str(value['power.sensor'])
        self._sysfs_root = Path(str(value['power.sysfs_root']))
        self._proc_root = Path(str(value['power.proc_root']))
        model = str(value['power.model'])
        self._calibration = load_power_model(Path(model)) if model else None
        self._sensor: PowerSensor | None = None
        self._failing_since = math.inf
        self.fault = ''
        self.flags = FlagReader(self._sysfs_root)
        try:
            self._open()
        except SensorError as error:
            if self._name != 'auto':
                raise SensorError(f'power.sensor is {self._name}: {error}') from error
            self.fault = str(error)

    def read(self) -> PowerReading | None:
        """Read once; None where there is no reading, with the reason in ``fault``."""
        now = time.monotonic()
        try:
            if self._sensor is None or now - self._failing_since > REOPEN_AFTER:
                self._open()
            assert self._sensor is not None
            reading = self._sensor.read()
        except SensorError as error:
            self.fault = str(error)
            self._failing_since = min(self._failing_since, now)
            return None
        self.fault, self._failing_since = '', math.inf
        return reading

    def close(self) -> None:
        """Give the sensor's files back."""
        if self._sensor is not None:
            self._sensor.close()
            self._sensor = None

    def _open(self) -> None:
        self.close()
        self._failing_since = time.monotonic()  # the next search, should this one fail
        self._sensor = open_sensor(
            self._name,
            sysfs_root=self._sysfs_root,
            proc_root=self._proc_root,
            calibration=self._calibration,
        )


def governor_settings(value: Mapping[str, parameters.Value]) -> GovernorSettings:
    """Turn the values of all parameters into the governor's settings."""
    return GovernorSettings(
        budget=float(value['power.budget']),
        budget_cpu_percent=float(value['power.budget_cpu_percent']),
        min_rate=float(value['power.min_rate']),
        min_rate_wins=bool(value['power.min_rate_wins']),
        max_rate=float(value['camera.max_rate']),
        target_rate=float(value['power.target_rate']),
    )


def operating_points(value: Mapping[str, parameters.Value]) -> list[OperatingPoint]:
    """Give the table that the parameters name, without the rows whose network is not there.

    Raises
    ------
    OperatingPointError
        The file is missing or wrong, or no row can be used.
    """
    path = str(value['power.operating_points'])
    return usable_points(load_points(path) if path else BUILT_IN, shipped_networks())


class PowerLoop:
    """Holds the budget while the node is active.

    Without a budget nothing is held back and the operating point is what the parameters say; the
    power is read and published all the same.

    Parameters
    ----------
    node
        Gives clock and logger.
    publish
        Takes each PowerState.
    worker
        What is governed.
    source
        Where readings come from.
    points
        The operating points, from the best to the cheapest.
    settings
        What the user wants.
    """

    def __init__(
        self,
        node: Node,
        publish: Callable[[PowerState], None],
        worker: Worker,
        source: PowerSource,
        points: list[OperatingPoint],
        settings: GovernorSettings,
    ) -> None:
        self._node = node
        self._publish = publish
        self._worker = worker
        self._source = source
        self._points = points
        self._settings = settings
        self._governor: Governor | None = None
        self._news = threading.Event()  # new settings, or the end
        self._ended = False
        self._counts: deque[tuple[float, FrameCounts]] = deque()
        self._processed = 0
        self._published = -math.inf
        self._point = CONFIGURED
        self._state = OK
        self._reason = ''
        self._newest: PowerState | None = None
        self._thread = LastingThread('emotionnet power', self._run, node.get_logger())

    def apply(self, settings: GovernorSettings) -> None:
        """Take new settings; the next step is made at once."""
        self._settings = settings
        self._news.set()

    def newest(self) -> tuple[PowerState | None, str, str]:
        """Give what was published last, None before the first, and why it is so.

        The third is what the thread has been at for too long, and for how long; or empty.
        """
        return self._newest, self._reason, self._thread.stuck

    def look_after(self) -> None:
        """Begin the thread again if it has ended, name it if it is stuck; call it now and then."""
        self._thread.look_after()

    def close(self) -> None:
        """End the thread.

        Raises
        ------
        StuckThreadError
            It does not return from the sensor. Should it return later, it ends and publishes
            nothing.
        """
        self._ended = True
        self._news.set()
        self._thread.join()

    def _run(self, thread: LastingThread) -> None:
        due = time.monotonic()
        while True:
            self._news.wait(max(due - time.monotonic(), 0.0))
            self._news.clear()
            if self._ended:
                return
            governed = self._settings.budget > 0 or self._settings.budget_cpu_percent > 0
            due = time.monotonic() + (CONTROL_PERIOD if governed else PUBLISH_PERIOD)
            try:
                with thread.busy_with('one step (sensor, operating point)'):
                    self._step(governed)
            except Exception:
                if self._ended or not self._node.context.ok():
                    return  # nobody is left to hear of it
                self._node.get_logger().error(
                    f'Power not governed:\n{traceback.format_exc()}', throttle_duration_sec=5.0
                )

    def _step(self, governed: bool) -> None:
        now = time.monotonic()
        reading = self._source.read()
        if self._ended:
            return  # and the publisher may be gone, where the sensor took its time
        offered_hz, rate_hz = self._rates(now)
        command = self._command(now, reading, offered_hz) if governed else None
        if command is None:
            self._governor = None
            self._worker.govern(None, 0.0)
        else:
            self._worker.govern(command.operating_point, command.rate_limit)
        self._log(command)
        if now - self._published >= PUBLISH_PERIOD - CONTROL_PERIOD / 2:
            self._published = now
            self._newest = self._message(now, reading, command, rate_hz)
            self._publish(self._newest)

    def _command(self, now: float, reading: PowerReading | None, offered_hz: float) -> Command:
        if self._governor is None:
            self._governor = Governor(self._points, self._settings)
        self._governor.settings = self._settings
        processed = self._counts[-1][1].processed
        frames, self._processed = processed - self._processed, processed
        return self._governor.step(
            now,
            reading,
            frames,
            offered_hz,
            self._source.flags.read(),
            time.process_time(),
        )

    def _rates(self, now: float) -> tuple[float, float]:
        """Frames a second that came and that were processed, over the last seconds."""
        self._counts.append((now, self._worker.counts()))
        while self._counts[0][0] < now - RATE_WINDOW and len(self._counts) > 2:
            self._counts.popleft()
        (then, first), (_, last) = self._counts[0], self._counts[-1]
        if now <= then:
            return 0.0, 0.0
        return (
            (last.received - first.received) / (now - then),
            (last.processed - first.processed) / (now - then),
        )

    def _log(self, command: Command | None) -> None:
        point = command.operating_point.name if command else CONFIGURED
        state = command.state if command else OK
        reason = command.reason if command else 'no budget is set'
        logger = self._node.get_logger()
        if point != self._point:
            logger.info(f'Operating point {self._point} -> {point}: {reason}')
        if state != self._state and state in (UNREACHABLE, NO_SENSOR):
            logger.warning(f'Power budget: {reason}. {self._source.fault}'.rstrip())
        elif state != self._state:
            logger.info(f'Power budget: {reason}')
        self._point, self._state = point, state
        self._reason = f'{reason}. {self._source.fault}' if self._source.fault else reason

    def _message(
        self,
        now: float,
        reading: PowerReading | None,
        command: Command | None,
        rate_hz: float,
    ) -> PowerState:
        message = PowerState(
            budget=self._settings.budget,
            power=math.nan,
            sensor_age=math.nan,
            operating_point=self._point,
            rate=rate_hz,
            rate_limit=command.rate_limit if command else self._settings.max_rate,
            energy_per_frame=command.energy_per_frame if command else math.nan,
            state=STATES[command.state] if command else PowerState.OK,
        )
        message.header.stamp = self._node.get_clock().now().to_msg()
        if reading is not None:
            message.power = reading.watts
            message.source = reading.source
            message.scope = reading.scope
            message.measured = reading.measured
            message.sensor_age = now - reading.stamp
        elif command is None:
            message.state = PowerState.NO_SENSOR
        return message
