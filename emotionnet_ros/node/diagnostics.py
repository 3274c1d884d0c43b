# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The state of the node for people: what /diagnostics says (REP-107).

The names of some values are those that existing dashboards read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from emotionnet_ros.msg import PowerState
from emotionnet_ros.node.counts import FrameCounts, total

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
class CameraActivity:
    """What goes on at one camera, at one moment.

    Parameters
    ----------
    topic
        The camera topic, after remapping.
    counts
        Frames since activation.
    listening
        Whether the node is subscribed; with ``camera.lazy`` only while somebody listens to it.
    silence
        Seconds since the last image came, or since it was subscribed to; 0 without subscription.
    age
        Seconds from stamp to publication of the last answer; NaN where unknown.
    clock_fault
        How the stamps differ from the node's clock, where they do; else empty.
    faces
        In the last answer.
    refused
        Images that could not be used, by reason, since activation.
    """

    topic: str
    counts: FrameCounts = field(default_factory=FrameCounts)
    listening: bool = True
    silence: float = 0.0
    age: float = math.nan
    clock_fault: str = ''
    faces: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Activity:
    """What the active node does, at one moment; the same cameras each time.

    ``worker_alive`` is False when the worker has ended, which it never should; ``worker_ends`` is
    how often it did and was begun again, since activation; ``worker_stuck`` is what it has been at
    for too long, and for how long, or empty.
    """

    cameras: tuple[CameraActivity, ...]
    worker_alive: bool = True
    worker_ends: int = 0
    worker_stuck: str = ''


class Diagnostics:
    """Turns what the node does while it is active into statuses, once a second.

    Keeps the counts of the call before, for rates.

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
        self,
        now: float,
        stamp: Time,
        activity: Activity,
        power: PowerState | None,
        reason: str,
        power_stuck: str = '',
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
        power_stuck
            What the power loop has been at for too long, and for how long; or empty.
        """
        then, before = self._before or (now, replace(activity, worker_ends=0))
        self._before = now, activity
        seconds = now - then
        return DiagnosticArray(
            header=Header(stamp=stamp),
            status=[
                *self._inputs(activity, before, seconds),
                self._pipeline(activity, before, seconds),
                self._power(power, reason, power_stuck),
                self._status('model', OK, 'loaded', self._models),
            ],
        )

    def _inputs(
        self, now: Activity, before: Activity, seconds: float
    ) -> Iterator[DiagnosticStatus]:
        for camera, camera_before in zip(now.cameras, before.cameras, strict=True):
            part = f'input {camera.topic}' if len(now.cameras) > 1 else 'input'
            yield self._input(part, camera, camera_before, seconds)

    def _input(
        self, part: str, now: CameraActivity, before: CameraActivity, seconds: float
    ) -> DiagnosticStatus:
        rate_hz = _rate(now.counts.received - before.counts.received, seconds)
        answer_rate_hz = _rate(now.counts.processed - before.counts.processed, seconds)
        level, text = OK, f'{rate_hz:.1f} images a second'
        new = {r: n - before.refused.get(r, 0) for r, n in now.refused.items()}
        refused = ', '.join(f'{n} x {reason}' for reason, n in new.items() if n > 0)
        if not now.listening:
            text = 'lazy: nobody listens'
        elif now.silence > SILENCE_BEFORE_WARNING:
            level, text = WARN, f'no image on {now.topic} for {now.silence:.0f} s'
        elif refused:
            level, text = WARN, f'images refused: {refused}'
        elif now.clock_fault:
            level, text = WARN, now.clock_fault
        values = {
            'topic': now.topic,
            'frame_rate_msg': f'{rate_hz:.2f}',
            'frame_rate_node': f'{answer_rate_hz:.2f}',
            'current_delay_from_realtime_ms': f'{now.age * 1e3:.1f}',
            'total_dropped_frames': str(now.counts.skipped),
            'frames_received': str(now.counts.received),
            'frames_processed': str(now.counts.processed),
            'frames_lost': str(now.counts.lost),
            'faces': str(now.faces),
            **{f'refused {reason}': str(n) for reason, n in now.refused.items()},
        }
        return self._status(part, level, text, values)

    def _pipeline(self, now: Activity, before: Activity, seconds: float) -> DiagnosticStatus:
        counts = total(camera.counts for camera in now.cameras)
        counts_before = total(camera.counts for camera in before.cameras)
        rate_hz = _rate(counts.processed - counts_before.processed, seconds)
        level, text = OK, f'{rate_hz:.1f} answers a second'
        if not now.worker_alive:
            level, text = ERROR, 'the worker has ended and will be begun again; see the log'
        elif now.worker_stuck:
            level, text = ERROR, f'the worker has been at {now.worker_stuck}; see the log'
        elif now.worker_ends > before.worker_ends:
            level, text = ERROR, 'the worker had ended and was begun again; see the log'
        ages = [camera.age for camera in now.cameras if not math.isnan(camera.age)]
        values = {
            'frame_rate_node': f'{rate_hz:.2f}',
            'current_delay_from_realtime_ms': f'{max(ages, default=math.nan) * 1e3:.1f}',
            'total_dropped_frames': str(counts.skipped),
            'frames_processed': str(counts.processed),
            'faces': str(sum(camera.faces for camera in now.cameras)),
            'worker_ends': str(now.worker_ends),
        }
        return self._status('pipeline', level, text, values)

    def _power(self, power: PowerState | None, reason: str, stuck: str) -> DiagnosticStatus:
        if stuck:
            stuck = f'the power loop has been at {stuck}; see the log'
        if power is None:
            return self._status('power', ERROR if stuck else OK, stuck or 'not read yet', {})
        level = ERROR if stuck else _POWER_LEVELS[power.state]
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
        return self._status('power', level, stuck or reason, values)

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
