# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Plays videos to the node over ROS and measures its answers: age, share with a face, CPU time.

``ros2 run emotionnet_ros measure FOLDER_OR_VIDEO ...`` prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile

from emotionnet_ros.msg import ExpressionArray
from emotionnet_ros.node.messages import seconds_of
from emotionnet_ros.node.programs import private_domain, start_program, stop_programs, typed_name

VIDEO_SUFFIXES = ('.avi', '.gif', '.mkv', '.mov', '.mp4', '.webm')
START_TIMEOUT = 60.0
# After the last picture, the answers under way may still come for so long.
LAST_ANSWERS = 1.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """One video played once; times in milliseconds, one value an answer."""

    name: str
    faces: Sequence[int]
    ages_ms: Sequence[float]
    cpu_ms_per_frame: float
    frames_received: int
    frames_skipped: int
    frames_lost: int
    answers_per_second: float
    memory_bytes: int

    def row(self) -> str:
        """Give the row of the table."""
        faces = np.array(self.faces)
        age, age_95 = np.percentile(self.ages_ms, (50, 95))
        return (
            f'| {self.name} | {len(faces)} | {(faces > 0).mean():.2f} | {faces.mean():.2f} '
            f'| {age:.1f} / {age_95:.1f} | {self.cpu_ms_per_frame:.1f} '
            f'| {self.frames_skipped} / {self.frames_lost} |'
        )


HEADING = (
    '| video | answers | share with a face | faces a frame | age ms, median / 95 % '
    '| CPU ms a frame | skipped / lost |\n|---|---|---|---|---|---|---|'
)


def measure(video: Path, parameters: Sequence[str]) -> Measurement:
    """Play one video once at its own rate; ``parameters`` are the node's, as ``name:=value``.

    The CPU time is that of the node's whole process, from its first answer to its last.

    Raises
    ------
    RuntimeError
        The node or the player ended early or never answered.
    """
    observer = rclpy.create_node('measure')
    answers: list[ExpressionArray] = []
    observer.create_subscription(
        ExpressionArray, 'expressions', answers.append, QoSProfile(depth=100)
    )
    node = start_program('emotionnet', *parameters)
    programs = [node]
    try:
        _spin_until(observer, lambda: observer.count_publishers('expressions') > 0, node)
        # A file is played from its first picture on only when the node listens.
        player = start_program(
            'player', f'source:={video}', 'loop:=false', 'wait_for_subscriber:=true'
        )
        programs.append(player)
        _spin_until(observer, lambda: bool(answers) or player.poll() is not None, node)
        process = psutil.Process(node.pid)
        first, cpu_at_first = len(answers), _cpu_seconds(process)
        _spin_until(observer, lambda: player.poll() is not None, node, timeout=float('inf'))
        ended = time.monotonic()
        _spin_until(observer, lambda: time.monotonic() > ended + LAST_ANSWERS, node)
        cpu_seconds = _cpu_seconds(process) - cpu_at_first
        memory = int(process.memory_info().rss)
        if len(answers) <= first:
            raise RuntimeError(f'{video}: no answers; see the messages above')
    finally:
        stop_programs(programs)
        observer.destroy_node()
    return Measurement(
        name=video.name,
        faces=[len(answer.expressions) for answer in answers],
        ages_ms=[answer.timing.age * 1e3 for answer in answers],
        cpu_ms_per_frame=1e3 * cpu_seconds / (len(answers) - first),
        frames_received=answers[-1].timing.frames_received,
        frames_skipped=answers[-1].timing.frames_skipped,
        frames_lost=answers[-1].timing.frames_lost,
        answers_per_second=_rate([seconds_of(answer.header.stamp) for answer in answers]),
        memory_bytes=memory,
    )


def _spin_until(
    observer: Node,
    condition: Callable[[], bool],
    node: subprocess.Popen[bytes],
    timeout: float = START_TIMEOUT,
) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if node.poll() is not None:
            raise RuntimeError('The node ended; see its message above')
        if time.monotonic() > deadline:
            raise RuntimeError(f'Nothing came in {timeout:g} s; see the messages above')
        rclpy.spin_once(observer, timeout_sec=0.05)


def _cpu_seconds(process: Any) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _rate(stamps: Sequence[float]) -> float:
    """Give the answers a second, from the stamps of their images; 0 for a single one."""
    return (len(stamps) - 1) / (stamps[-1] - stamps[0]) if len(stamps) > 1 else 0.0


def _videos(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
        else:
            found.append(path)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 when there is nothing to play or a video could not be measured."""
    parser = argparse.ArgumentParser(
        prog=typed_name('measure'),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('videos', nargs='+', type=Path, metavar='FOLDER_OR_VIDEO')
    parser.add_argument(
        '-p', dest='parameters', action='append', default=[], metavar='NAME:=VALUE',
        help='a parameter of the node',
    )  # fmt: skip
    options = parser.parse_args(arguments)
    videos = _videos(options.videos)
    if not videos:
        print(f'No videos ({", ".join(VIDEO_SUFFIXES)}) there.', file=sys.stderr)
        return 1
    os.environ.setdefault('ROS_DOMAIN_ID', private_domain())
    rclpy.init()
    status = 0
    print(HEADING, flush=True)
    for video in videos:
        try:
            print(measure(video, options.parameters).row(), flush=True)
        except RuntimeError as error:
            print(f'{video}: {error}', file=sys.stderr)
            status = 1
    rclpy.try_shutdown()
    return status
