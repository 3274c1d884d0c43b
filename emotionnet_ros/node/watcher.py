# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Shows the expressions in the terminal, live: ``ros2 run emotionnet_ros watcher``.

With ``--ros-args -p timeline:=FILE`` it draws in the end what it saw.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile

from emotionnet_ros.expressions import EXPRESSION_NAMES
from emotionnet_ros.msg import ExpressionArray, PowerState
from emotionnet_ros.timeline import Moment, draw, of_answer, of_power
from emotionnet_ros.timeline import summary as summary_of

REFRESH_PERIOD = 0.25
LINE_PERIOD = 1.0
RATE_WINDOW = 2.0
MOST_MOMENTS = 200_000  # of a timeline, the newest: hours, some tens of MB
BAR_WIDTH = 20
HEADINGS = f'{"face":<6} {"expression":<11} {"confidence":<{BAR_WIDTH + 6}} {"face age":>9}'


class Watcher(Node):  # type: ignore[misc]
    """Keeps the newest answer of each camera and draws it.

    On a terminal the tables are redrawn in place; elsewhere a line a second is written of each.
    ``answers`` counts the answers, ``first_face`` is the steady time of the first with a face.
    """

    def __init__(self, output: TextIO = sys.stdout) -> None:
        super().__init__('watcher')
        self._output = output
        self._in_place = output.isatty()
        self._newest: dict[str, ExpressionArray] = {}
        self._arrivals: dict[str, deque[float]] = {}
        self.answers = 0
        self.first_face: float | None = None
        self.moments: deque[Moment] = deque(maxlen=MOST_MOMENTS)
        # Read once, as Ctrl-C ends the context.
        self.timeline = str(self.declare_parameter('timeline', '').value)
        if self.timeline:
            self.create_subscription(PowerState, 'power', self._on_power, QoSProfile(depth=10))
        self.create_subscription(
            ExpressionArray, 'expressions', self._on_expressions, QoSProfile(depth=10)
        )
        self.create_timer(REFRESH_PERIOD if self._in_place else LINE_PERIOD, self._draw)

    def _on_expressions(self, message: ExpressionArray) -> None:
        self._newest[message.camera] = message
        self.answers += 1
        now = time.monotonic()
        self._arrivals.setdefault(message.camera, deque()).append(now)
        if message.expressions and self.first_face is None:
            self.first_face = now
        if self.timeline:
            self.moments.append(of_answer(now, message))

    def _on_power(self, message: PowerState) -> None:
        self.moments.append(of_power(time.monotonic(), message))

    def _draw(self) -> None:
        parts = []
        for camera, message in sorted(self._newest.items()):
            arrivals = self._arrivals[camera]
            while arrivals and arrivals[0] < time.monotonic() - RATE_WINDOW:
                arrivals.popleft()
            draw = table if self._in_place else line
            name = f'{camera}: ' if len(self._newest) > 1 else ''
            parts.append(name + draw(message, len(arrivals) / RATE_WINDOW))
        if not parts:
            parts = [f'waiting for {self.resolve_topic_name("expressions")} ...']
        if self._in_place:
            self._output.write('\x1b[H\x1b[J' + '\n\n'.join([*parts, 'Ctrl-C ends it.']) + '\n')
        else:
            self._output.write('\n'.join(parts) + '\n')
        self._output.flush()


def summary(message: ExpressionArray, rate_hz: float) -> str:
    """Say how fresh and how frequent the answers are and where the time goes."""
    timing = message.timing
    return (
        f'{rate_hz:4.1f} answers/s   frame age {timing.age * 1e3:4.0f} ms   '
        f'(wait {timing.wait * 1e3:.1f}, decode {timing.decode * 1e3:.1f}, '
        f'detect {timing.detect * 1e3:.1f}, classify {timing.classify * 1e3:.1f} ms)   '
        f'frames: {timing.frames_received} received, {timing.frames_processed} processed, '
        f'{timing.frames_skipped} skipped, {timing.frames_lost} lost'
    )


def table(message: ExpressionArray, rate_hz: float) -> str:
    """Draw one answer as a table of faces."""
    rows = [_row(face) for face in message.expressions] or ['(nobody there)']
    return '\n'.join([summary(message, rate_hz), '', HEADINGS, *rows])


def line(message: ExpressionArray, rate_hz: float) -> str:
    """Draw one answer in one line."""
    faces = ', '.join(
        f'{face.face_id} {EXPRESSION_NAMES[face.expression]} {face.confidence:.2f} '
        f'({face.face_age:.1f} s)'
        for face in message.expressions
    )
    return f'{faces or "(nobody there)"} | {summary(message, rate_hz)}'


def _row(face: Any) -> str:
    filled = round(face.confidence * BAR_WIDTH)
    bar = '█' * filled + '·' * (BAR_WIDTH - filled)
    return (
        f'{face.face_id:<6} {EXPRESSION_NAMES[face.expression]:<11} {bar} {face.confidence:5.2f} '
        f'{face.face_age:7.1f} s'
    )


def draw_timeline(moments: Sequence[Moment], path: Path) -> int:
    """Draw what was watched and return the exit status."""
    if not any(moment.faces is not None for moment in moments):
        print(f'watcher: no answers came, and {path} is not drawn', file=sys.stderr)
        return 1
    try:
        draw(moments, path)
    except (ImportError, OSError, ValueError) as error:
        print(f'watcher: {path} cannot be drawn: {error}', file=sys.stderr)
        return 1
    print(f'{path}: {summary_of(moments)}')
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Watch until interrupted; return the exit status, 1 where the timeline cannot be drawn."""
    rclpy.init(args=None if arguments is None else list(arguments))
    watcher = Watcher()
    try:
        rclpy.spin(watcher)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return draw_timeline(watcher.moments, Path(watcher.timeline)) if watcher.timeline else 0
