# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How long the node needs from its start to its first answers, and where that time goes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile

from emotionnet_ros.msg import ExpressionArray
from emotionnet_ros.node.programs import start_program, stop_programs

TIMEOUT = 60.0
# Fast DDS announces a participant a few times as it begins and every 3 s from then on: what starts
# just after the camera is found sooner than what starts at any other time.
FIRST_ANNOUNCEMENTS = 0.5
ANNOUNCEMENT_PERIOD = 3.0
# Each a Python of its own; what one takes beyond the one before is what its line says.
STEPS = {
    'Python': 'pass',
    'imports': 'import emotionnet_ros.node.main',
    'models': (
        'import emotionnet_ros.node.main\n'
        'from emotionnet_ros.node.models import Models\n'
        'from emotionnet_ros.node.parameters import TABLE\n'
        'Models({row.name: row.default for row in TABLE})'
    ),
}
# The least that hears an image: what its start takes is the middleware's, not the node's.
MINIMAL = """
import time
import rclpy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node('minimal')
came = []
node.create_subscription(Image, 'image', came.append, 1)
while not came:
    rclpy.spin_once(node)
print(time.monotonic())
"""


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the node; seconds since its process was begun.

    Parameters
    ----------
    active
        Until it said so.
    subscribed
        Until it was seen to listen to images.
    first_answer, first_face
        Until an answer came, and one with a face.
    cpu_seconds
        CPU time that its process had used by then.
    """

    active: float
    subscribed: float
    first_answer: float
    first_face: float
    cpu_seconds: float


def measure_start(parameters: list[str], rate_hz: float, phase: float) -> Start:
    """Start the node while a camera already shows a face, and wait for what it answers.

    Parameters
    ----------
    parameters
        The node's, as ``name:=value``.
    rate_hz
        Of the camera.
    phase
        When to start, between two announcements of the camera's, 0..1.

    Raises
    ------
    RuntimeError
        A program ended early or the node never answered.
    """
    answers: list[tuple[float, ExpressionArray]] = []
    with _camera(rate_hz, phase) as (observer, programs), TemporaryDirectory() as folder:
        observer.create_subscription(
            ExpressionArray,
            'expressions',
            lambda answer: answers.append((time.monotonic(), answer)),
            QoSProfile(depth=100),
        )
        said = Path(folder) / 'said'
        try:
            with said.open('wb') as output:
                began = time.monotonic()
                programs.append(start_program('emotionnet', *parameters, output=output))
            process = psutil.Process(programs[-1].pid)
            _spin_until(observer, lambda: b'Active: ' in said.read_bytes(), programs)
            active = time.monotonic() - began
            _spin_until(observer, lambda: observer.count_subscribers('image') > 0, programs)
            subscribed = time.monotonic() - began
            _spin_until(observer, lambda: any(a.expressions for _, a in answers), programs)
            used = process.cpu_times()
        except RuntimeError:
            sys.stderr.buffer.write(said.read_bytes())
            raise
    first_face = next(when for when, answer in answers if answer.expressions)
    return Start(
        active, subscribed, answers[0][0] - began, first_face - began, used.user + used.system
    )


def measure_minimal(rate_hz: float, phase: float) -> float:
    """Give the seconds that a bare subscription needs from its start to its first image.

    ``rate_hz`` and ``phase`` as for ``measure_start``.

    Raises
    ------
    RuntimeError
        The camera ended early, or the subscription ended or heard nothing.
    """
    with _camera(rate_hz, phase):
        began = time.monotonic()
        try:
            ended = _run(MINIMAL, timeout=TIMEOUT)
        except subprocess.SubprocessError as error:
            raise RuntimeError(f'A bare subscription heard nothing: {error}') from error
    return float(ended.stdout) - began


def measure_steps() -> dict[str, float]:
    """Give the seconds that each of ``STEPS`` takes beyond those before it."""
    seconds = {}
    before = 0.0
    for name, code in STEPS.items():
        began = time.monotonic()
        _run(code)
        took = time.monotonic() - began
        seconds[name], before = took - before, took
    return seconds


def _run(code: str, timeout: float | None = None) -> subprocess.CompletedProcess[bytes]:
    # Elsewhere, as the working directory may hold the sources, which have no built messages.
    return subprocess.run(
        [sys.executable, '-c', code], check=True, capture_output=True, cwd='/', timeout=timeout
    )


@contextmanager
def _camera(rate_hz: float, phase: float) -> Iterator[tuple[Node, list[subprocess.Popen[bytes]]]]:
    """Play a face for a while; gives an observer, and the programs to be stopped at the end."""
    observer = rclpy.create_node('measure_start')
    programs = [start_program('player', f'rate:={rate_hz}')]
    try:
        _spin_until(observer, lambda: observer.count_publishers('image') > 0, programs)
        due = time.monotonic() + FIRST_ANNOUNCEMENTS + phase * ANNOUNCEMENT_PERIOD
        _spin_until(observer, lambda: time.monotonic() > due, programs)
        yield observer, programs
    finally:
        stop_programs(programs)
        observer.destroy_node()


def _spin_until(
    observer: Node, condition: Callable[[], bool], programs: list[subprocess.Popen[bytes]]
) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if any(program.poll() is not None for program in programs):
            raise RuntimeError('The node or the player ended; see its message above')
        if time.monotonic() > deadline:
            raise RuntimeError(f'Nothing came in {TIMEOUT:g} s; see the messages above')
        rclpy.spin_once(observer, timeout_sec=0.01)
