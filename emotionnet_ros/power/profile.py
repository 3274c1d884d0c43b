# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measures what a frame costs at each operating point on this machine; writes the node's table.

The cost is the CPU time that the pipeline takes, times the watts that a busy core draws: those of
--watts-per-core or of the file that calibrate_power wrote. Run it while nothing else is busy.
"""

from __future__ import annotations

import argparse
import itertools
import math
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from emotionnet_ros.faces.detection import Detector, DetectorError, open_detector
from emotionnet_ros.imaging.sources import SourceError, open_source
from emotionnet_ros.inference.classifier import Classifier, ModelError, shipped_networks
from emotionnet_ros.pipeline import Pipeline, PipelineSettings
from emotionnet_ros.power.operating_points import (
    BUILT_IN,
    OperatingPoint,
    OperatingPointError,
    load_points,
    save_points,
    usable_points,
)

CAMERA_RATE = 30.0
WARM_UP_FRAMES = 10
ROUNDS = 5
# Pictures are made before the measurement, so that making them is no part of it.
MOST_PICTURES = 240

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a frame costs at an operating point.

    Parameters
    ----------
    cpu_ms
        CPU milliseconds of this process a frame.
    wall_ms
        Milliseconds from frame to answer, the median.
    faces
        Faces a frame, the mean.
    energy
        Joules a frame.
    """

    point: OperatingPoint
    cpu_ms: float
    wall_ms: float
    faces: float
    energy: float


def measure_cost(
    point: OperatingPoint,
    detector: Detector,
    pictures: Sequence[Picture],
    frames: int,
    watts_per_core: float,
    energy_counter: Callable[[], float] | None = None,
) -> Cost:
    """Measure one operating point.

    Parameters
    ----------
    detector
        One of the point's input size.
    pictures
        Played over and over.
    frames
        How many, at least 1.
    watts_per_core
        What a busy core draws.
    energy_counter
        Gives the joules that the machine drew since any moment; then the cost is what it counts
        less what it counts in as long a rest, in place of CPU time.

    Raises
    ------
    ModelError
        The network cannot be loaded.
    """
    pipeline = Pipeline(
        detector,
        Classifier(point.network, point.threads),
        PipelineSettings(detector_interval=point.detector_interval),
    )
    stamps = itertools.count()
    play = itertools.cycle(pictures)

    def answer() -> int:
        return len(pipeline.process(next(play), next(stamps) / CAMERA_RATE).faces)

    for _ in range(WARM_UP_FRAMES):
        answer()
    walls, faces = [], 0
    joules = energy_counter() if energy_counter else 0.0
    cpu, began = time.process_time(), time.perf_counter()
    for _ in range(frames):
        start = time.perf_counter()
        faces += answer()
        walls.append(time.perf_counter() - start)
    seconds = time.perf_counter() - began
    cpu_seconds = (time.process_time() - cpu) / frames
    energy = cpu_seconds * watts_per_core
    if energy_counter:
        busy = energy_counter()
        time.sleep(seconds)
        energy = max((busy - joules - (energy_counter() - busy)) / frames, 0.0)
    return Cost(
        replace(point, energy_per_frame=energy) if energy > 0 else point,
        1e3 * cpu_seconds,
        1e3 * float(np.median(walls)),
        faces / frames,
        energy,
    )


def profile(
    points: Sequence[OperatingPoint],
    pictures: Sequence[Picture],
    frames: int,
    watts_per_core: float,
    detector: str = 'auto',
    detector_model: str = '',
    energy_counter: Callable[[], float] | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> list[Cost]:
    """Measure a table, in its order; ``report`` hears of the progress.

    The points take turns, a few frames each, and of each one's turns the median counts: what else
    the machine does for a while falls on all of them alike.

    Raises
    ------
    DetectorError, ModelError
        What is missing and what to do.
    """
    sizes = {point.detector_input_size for point in points}
    detectors = {
        size: open_detector(detector, model_path=detector_model, input_size=size) for size in sizes
    }
    rounds: list[list[Cost]] = [[] for _ in points]
    turns = list(zip(rounds, points, strict=True))
    for number, (costs, point) in itertools.product(range(ROUNDS), turns):
        report(f'round {number + 1} of {ROUNDS}: {point.name}')
        costs.append(
            measure_cost(
                point,
                detectors[point.detector_input_size],
                pictures,
                math.ceil(frames / ROUNDS),
                watts_per_core,
                energy_counter,
            )
        )
    return [sorted(costs, key=lambda cost: cost.energy)[ROUNDS // 2] for costs in rounds]


def worth_having(costs: Sequence[Cost]) -> list[OperatingPoint]:
    """Leave out the points that cost no less than a better one: a table must fall."""
    points: list[OperatingPoint] = []
    for cost in costs:
        if 0 < cost.energy < min((p.energy_per_frame for p in points), default=float('inf')):
            points.append(cost.point)
    return points


def markdown(costs: Sequence[Cost]) -> str:
    """Give the measurement as a table in Markdown."""
    lines = [
        '| point | detector every | input size | network | threads | CPU ms a frame '
        '| ms a frame, median | faces a frame | mJ a frame |',
        '|---|---|---|---|---|---|---|---|---|',
    ]
    for cost in costs:
        p = cost.point
        lines.append(
            f'| {p.name} | {p.detector_interval} | {p.detector_input_size or "default"} '
            f'| {p.network} | {p.threads} | {cost.cpu_ms:.2f} | {cost.wall_ms:.2f} '
            f'| {cost.faces:.2f} | {1e3 * cost.energy:.1f} |'
        )
    return '\n'.join(lines)


def watts_per_core_of(path: Path) -> float:
    """Read ``watts_per_core`` from the file that calibrate_power wrote.

    Raises
    ------
    OperatingPointError
        What is wrong with the file.
    """
    try:
        document: Any = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise OperatingPointError(f'{path}: cannot be read: {error}') from error
    value = document.get('watts_per_core') if isinstance(document, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1000:
        raise OperatingPointError(
            f'{path}: watts_per_core: is {value!r}, it must be above 0 and at most 1000; '
            'write the file anew with calibrate_power'
        )
    return float(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--source', default='', help='video or folder of pictures; default: the built-in face'
    )
    parser.add_argument('--output', type=Path, default=Path('operating_points.yaml'))
    parser.add_argument('--frames', type=int, default=300, help='of each point (default 300)')
    parser.add_argument('--points', type=Path, help='table to measure; default: the built-in one')
    parser.add_argument('--detector', default='auto', help='as the parameter detector.name')
    parser.add_argument('--detector-model', default='', help='as the parameter detector.model')
    watts = parser.add_mutually_exclusive_group(required=True)
    watts.add_argument('--watts-per-core', type=float, metavar='W')
    watts.add_argument('--calibration', type=Path, help='file written by calibrate_power')
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 done, 1 not measured, 2 wrong options."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not 1 <= options.frames <= 1_000_000:
        parser.error(f'--frames {options.frames}: it must lie in 1..1000000')
    if options.watts_per_core is not None and not 0 < options.watts_per_core <= 1000:
        parser.error(f'--watts-per-core {options.watts_per_core}: it must be above 0')
    try:
        watts_per_core = options.watts_per_core or watts_per_core_of(options.calibration)
        wished = load_points(options.points) if options.points else list(BUILT_IN)
        points = usable_points(wished, shipped_networks())
        for point in wished:
            if point not in points:
                print(f'{point.name} left out: there is no network {point.network}', flush=True)
        pictures = list(itertools.islice(open_source(options.source).pictures, MOST_PICTURES))
        costs = profile(
            points,
            pictures,
            options.frames,
            watts_per_core,
            options.detector,
            options.detector_model,
            report=_report,
        )
        _report('')
        print(markdown(costs))
        kept = worth_having(costs)
        for cost in costs:
            if cost.point not in kept:
                print(f'{cost.point.name} left out: a better one costs no more')
        save_points(
            options.output,
            kept,
            f'CPU time a frame measured on {platform.node()} ({platform.machine()}), '
            f'{options.frames} frames each, times {watts_per_core:g} W a core.',
        )
    except (OperatingPointError, DetectorError, ModelError, SourceError, OSError) as error:
        print(f'{parser.prog}: {error}', file=sys.stderr)
        return 1
    print(f'Written: {options.output} (parameter power.operating_points of the node)')
    return 0


def _report(text: str) -> None:
    if sys.stderr.isatty():
        print(f'\r\033[K{text}', end='', file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


if __name__ == '__main__':
    sys.exit(main())
