# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark with its subjects c, the whole node over DDS, and h, the node's start.

``ros2 run emotionnet_ros benchmark`` measures everything that there is; see ``benchmarks``.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import rclpy

from emotionnet_ros.benchmarks import command
from emotionnet_ros.benchmarks.report import Result, Row
from emotionnet_ros.benchmarks.scenes import scene
from emotionnet_ros.benchmarks.settings import Settings
from emotionnet_ros.benchmarks.timing import QUICK
from emotionnet_ros.node.measure import Measurement, measure
from emotionnet_ros.node.programs import private_domain
from emotionnet_ros.node.start import STEPS, measure_minimal, measure_start, measure_steps

# Width, height, faces.
SCENES = tuple((*size, faces) for size in ((640, 480), (1280, 720)) for faces in (0, 1, 4))
QUICK_SCENES = ((640, 480, 1),)
RATE_HZ = 30.0
SECONDS = 10.0
QUICK_SECONDS = 2.0
STARTS = 7
START_TITLE = f'From the start of the node to its first face, camera at {RATE_HZ:g} Hz; medians'


def run(settings: Settings) -> Result:
    """Play scenes to the node, each as raw images at 30 Hz, and see what it answers."""
    quick = settings.effort == QUICK
    rows, skipped = [], {}
    with _ros(), tempfile.TemporaryDirectory() as folder:
        for width, height, faces in QUICK_SCENES if quick else SCENES:
            name = f'{width}x{height}, {faces} faces'
            video = Path(folder) / f'{width}x{height}_{faces}.avi'
            _write_video(video, width, height, faces, QUICK_SECONDS if quick else SECONDS)
            try:
                measured = measure(video, [f'network.model:={settings.network}'])
            except RuntimeError as error:
                skipped[name] = str(error)
                continue
            rows.append(_row({'picture': f'{width}x{height}', 'faces': faces}, measured))
    title = f'The node over DDS: bgr8 at {RATE_HZ:g} Hz, {settings.network_name}'
    return Result('c', title, rows, skipped)


def run_start(settings: Settings) -> Result:
    """Start the node some times while a camera shows a face."""
    count = 1 if settings.effort == QUICK else STARTS
    with _ros():
        parameters = [f'network.model:={settings.network}']
        try:
            both = [
                (measure_start(parameters, RATE_HZ, phase), measure_minimal(RATE_HZ, phase))
                for phase in np.arange(count) / count
            ]
        except RuntimeError as error:
            return Result('h', START_TITLE, [], {'start': str(error)})
        steps = [measure_steps() for _ in range(count)]
    starts, minimal = [start for start, _ in both], [seconds for _, seconds in both]
    first = [start.first_answer for start in starts]
    medians = {
        'active, s': [start.active for start in starts],
        'subscribed, s': [start.subscribed for start in starts],
        'first answer, s': first,
        'first face, s': [start.first_face for start in starts],
        'its CPU time by then, s': [start.cpu_seconds for start in starts],
        **{f'of it {name}, s': [step[name] for step in steps] for name in STEPS},
        'bare subscription, first image, s': minimal,
    }
    spread = {
        'first answer, least': min(first),
        'first answer, most': max(first),
        'bare subscription, least': min(minimal),
        'bare subscription, most': max(minimal),
    }
    row = Row(
        {'starts': count},
        cpu_ms={},
        wall_ms={},
        values={name: float(np.median(v)) for name, v in medians.items()} | spread,
        stages_ms={},
    )
    return Result('h', START_TITLE, [row])


@contextmanager
def _ros() -> Iterator[None]:
    os.environ.setdefault('ROS_DOMAIN_ID', private_domain())
    rclpy.init()
    try:
        yield
    finally:
        rclpy.try_shutdown()


def _write_video(path: Path, width: int, height: int, faces: int, seconds: float) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), RATE_HZ, (width, height))
    pictures = itertools.cycle(scene(width, height, faces))
    for picture in itertools.islice(pictures, round(seconds * RATE_HZ)):
        writer.write(picture)
    writer.release()


def _row(labels: dict[str, str | int | float], measured: Measurement) -> Row:
    age, age_95 = (float(v) for v in np.percentile(measured.ages_ms, (50, 95)))
    return Row(
        labels,
        cpu_ms={},
        wall_ms={},
        values={
            'CPU ms a frame, whole process': measured.cpu_ms_per_frame,
            'age ms, median': age,
            'age ms, 95 %': age_95,
            'answers a second': measured.answers_per_second,
            'share of one core, %': measured.cpu_ms_per_frame * measured.answers_per_second / 10,
            'memory MB': measured.memory_bytes / 1e6,
            'faces found': float(np.mean(measured.faces)),
            'skipped': measured.frames_skipped,
            'lost': measured.frames_lost,
        },
        stages_ms={},
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status, as ``benchmarks.command.main``."""
    return command.main(arguments, {**command.SUBJECTS, 'c': run, 'h': run_start})
