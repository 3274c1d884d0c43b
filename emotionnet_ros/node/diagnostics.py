# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The state of the node for people: what /diagnostics says (REP-107).

The names of some values are those that existing dashboards read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from emotionnet_ros.msg import PowerState
from emotionnet_ros.node.camera import FrameCounts

TOPIC = '/diagnostics'
SILENCE_BEFORE_WARNING = 5.0

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
_POWER_LEVELS: Mapping[int, bytes] = {
    PowerState.OK: OK,
    PowerState.LIMITED: OK,
    PowerState.UNREACHABLE: ERROR,
    PowerState.NO_SENSOR: WARN,
}


@dataclass(frozen=True, slots=True)
class Activity:
    """What the active node does, at one moment.

    Parameters
    ----------
    topic
        The camera topic.
    counts
        Frames since activation.
    silence
        Seconds since the last image came, or since activation.
    age
        Seconds from stamp to publication of the last answer; NaN where unknown.
    faces
        In the last answer.
    refused
        Images that could not be used, by reason, since activation.
    worker_alive
        False when the worker has ended, which it never should.
    """

    topic: str
    counts: FrameCounts
    silence: float
    age: float
    faces: int
    refused: Mapping[str, int]
    worker_alive: bool


class Diagnostics:
    """Turns what the node does into statuses; keeps the counts of the call before, for rates.

    Parameters
    ----------
    name
        The node's name, which the statuses begin with.
    models
        Names of detector and network, and where the network is.
    """

    def __init__(self, name: str, models: Mapping[str, str]) -> None:
        self._name = name
        self._models = models
        self._before: tuple[float, Activity] | None = None

    def message(
        self, now: float, stamp: Time, activity: Activity, power: PowerState | None, reason: str
    ) -> DiagnosticArray:
        """Make the message of one second.

        Parameters
        ----------
        now
            Seconds of a steady clock.
        stamp
            The node's time.
        activity
            What the node does.
        power, reason
            The last PowerState, and why it is so; None before the first.
        """
        then, before = self._before or (now, activity)
        self._before = now, activity
        seconds = now - then
        return DiagnosticArray(
            header=Header(stamp=stamp),
            status=[
                self._input(activity, before, seconds),
                self._pipeline(activity, before, seconds),
                self._power(power, reason),
                self._status('model', OK, 'loaded', self._models),
            ],
        )

    def _input(self, now: Activity, before: Activity, seconds: float) -> DiagnosticStatus:
        rate_hz = _rate(now.counts.received - before.counts.received, seconds)
        level, text = OK, f'{rate_hz:.1f} images a second'
        new = {r: n - before.refused.get(r, 0) for r, n in now.refused.items()}
        refused = ', '.join(f'{n} x {reason}' for reason, n in new.items() if n > 0)
        if now.silence > SILENCE_BEFORE_WARNING:
            level, text = WARN, f'no image on {now.topic} for {now.silence:.0f} s'
        elif refused:
            level, text = WARN, f'images refused: {refused}'
        values = {
            'topic': now.topic,
            'frame_rate_msg': f'{rate_hz:.2f}',
            'frames_received': str(now.counts.received),
            'frames_lost': str(now.counts.lost),
            **{f'refused {reason}': str(n) for reason, n in now.refused.items()},
        }
        return self._status('input', level, text, values)

    def _pipeline(self, now: Activity, before: Activity, seconds: float) -> DiagnosticStatus:
        rate_hz = _rate(now.counts.processed - before.counts.processed, seconds)
        level, text = OK, f'{rate_hz:.1f} answers a second'
        if not now.worker_alive:
            level, text = ERROR, 'the worker has ended: deactivate and activate the node'
        values = {
            'frame_rate_node': f'{rate_hz:.2f}',
            'current_delay_from_realtime_ms': f'{now.age * 1e3:.1f}',
            'total_dropped_frames': str(now.counts.skipped),
            'frames_processed': str(now.counts.processed),
            'faces': str(now.faces),
        }
        return self._status('pipeline', level, text, values)

    def _power(self, power: PowerState | None, reason: str) -> DiagnosticStatus:
        if power is None:
            return self._status('power', OK, 'not read yet', {})
        level = _POWER_LEVELS[power.state]
        if not power.budget and level == WARN:
            level = OK  # nobody asked for watts
        values = {
            'budget': f'{power.budget:.2f}',
            'power': f'{power.power:.2f}',
            'source': power.source,
            'scope': power.scope,
            'measured': str(power.measured),
            'operating_point': power.operating_point,
            'rate_limit': f'{power.rate_limit:.2f}',
            'rate': f'{power.rate:.2f}',
        }
        return self._status('power', level, reason, values)

    def _status(
        self, part: str, level: bytes, text: str, values: Mapping[str, str]
    ) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=level,
            name=f'{self._name}: {part}',
            message=text,
            hardware_id=self._name,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )


def _rate(frames: int, seconds: float) -> float:
    return frames / seconds if seconds > 0 else math.nan
