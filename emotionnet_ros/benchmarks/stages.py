# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""b. The stages of the pipeline, and f. how its cost grows with faces and cameras."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from emotionnet_ros.benchmarks.report import Result, Row
from emotionnet_ros.benchmarks.scenes import FORMATS, Picture, scene
from emotionnet_ros.benchmarks.settings import Settings
from emotionnet_ros.benchmarks.timing import Case, Label, Stopwatch, Timing, measure
from emotionnet_ros.faces.detection import Detector, open_detector
from emotionnet_ros.imaging.frame import Frame
from emotionnet_ros.imaging.raw import RawImage
from emotionnet_ros.imaging.sources import open_source
from emotionnet_ros.inference.classifier import Classifier
from emotionnet_ros.pipeline import EncodedImage, Pipeline, PipelineSettings, as_frame

SIZES = ((640, 480), (1280, 720))
FACES = (0, 1, 4)
MANY_FACES = range(9)
CAMERAS = (1, 2, 4)
CAMERA_RATE_HZ = 30.0
MOST_PICTURES = 60

# Where the time goes; a stage within another counts for itself.
PIXELS = 'pixels'  # decoding, converting, reducing
DETECT = 'detect'
CLASSIFY = 'classify'
REST = 'rest'  # cutting crops, following, smoothing

Message = RawImage | EncodedImage


class _Timed:
    """Another object, with the time of one method counted."""

    def __init__(self, inner: object, method: str, stage: str, stopwatch: Stopwatch) -> None:
        self._inner = inner
        setattr(self, method, stopwatch.timed(stage, getattr(inner, method)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _TimedFrame(Frame):
    """A frame with the time for its pixels counted."""

    def __init__(self, inner: Frame, stopwatch: Stopwatch) -> None:
        self.width, self.height = inner.width, inner.height
        for method in ('expect_luma', 'luma', 'luma_patch', 'resized_luma', 'bgr', 'resized_bgr'):
            setattr(self, method, stopwatch.timed(PIXELS, getattr(inner, method)))


def pipeline_case(
    labels: dict[str, Label],
    messages: Sequence[Sequence[Message]],
    detector: Detector,
    classifier: Classifier,
    settings: PipelineSettings | None = None,
    rate_hz: float = CAMERA_RATE_HZ,
) -> Case:
    """Make the case of one frame of each camera, with its stages.

    Parameters
    ----------
    messages
        For each camera, what it plays over and over.
    detector, classifier
        Shared by the cameras.
    settings
        Of each camera's pipeline; None: the defaults.
    rate_hz
        Of each camera.
    """
    stopwatch = Stopwatch()
    timed_detector: Any = _Timed(detector, 'detect', DETECT, stopwatch)
    timed_classifier: Any = _Timed(classifier, 'classify', CLASSIFY, stopwatch)
    open_frame = stopwatch.timed(PIXELS, as_frame)
    players: list[tuple[Callable[..., Any], Any, Any]] = []
    for camera in messages:
        pipeline = Pipeline(timed_detector, timed_classifier, settings)
        process = stopwatch.timed(REST, pipeline.process)
        players.append((process, itertools.cycle(camera), itertools.count()))

    def run() -> int:
        faces = 0
        for process, play, stamps in players:
            frame = _TimedFrame(open_frame(next(play)), stopwatch)
            faces += len(process(frame, next(stamps) / rate_hz).faces)
        return faces

    rounds = max(len(camera) for camera in messages)
    run()
    found = sum(run() for _ in range(rounds)) / (rounds * len(messages))
    return Case(
        labels, run, items=len(messages), stopwatch=stopwatch, facts={'faces found': found}
    )


def run_stages(settings: Settings) -> Result:
    """Time the pipeline's stages by size, format and number of faces."""
    scenes: dict[tuple[str, Label], list[Picture]] = {
        (f'{width}x{height}', faces): scene(width, height, faces)
        for (width, height), faces in itertools.product(SIZES, FACES)
    }
    if settings.pictures:
        pictures = list(itertools.islice(open_source(settings.pictures).pictures, MOST_PICTURES))
        height, width = pictures[0].shape[:2]
        scenes = {(f'{width}x{height}', settings.pictures): pictures}
    detector, classifier = open_detector(), Classifier(settings.network)
    cases = [
        pipeline_case(
            {'picture': size, 'format': name, 'faces': faces},
            [encode(pictures)],
            detector,
            classifier,
        )
        for (size, faces), pictures in scenes.items()
        for name, encode in FORMATS.items()
    ]
    rows = [_row(timing) for timing in measure(cases, settings.effort)]
    return Result('b', _title('Pipeline', detector, settings), rows)


def run_growth(settings: Settings) -> Result:
    """Time the pipeline with more and more faces, then with more cameras."""
    width, height = SIZES[0]
    encode = FORMATS['bgr8']
    detector, classifier = open_detector(), Classifier(settings.network)
    one_face = encode(scene(width, height, 1))
    cases = [
        pipeline_case(
            {'cameras': 1, 'faces': faces},
            [encode(scene(width, height, faces))],
            detector,
            classifier,
        )
        for faces in MANY_FACES
    ]
    cases += [
        pipeline_case({'cameras': cameras, 'faces': 1}, [one_face] * cameras, detector, classifier)
        for cameras in CAMERAS
        if cameras > 1
    ]
    rows = [_row(timing) for timing in measure(cases, settings.effort)]
    title = f'Growth with faces and cameras, {width}x{height} bgr8'
    return Result('f', _title(title, detector, settings), rows)


def _title(what: str, detector: Detector, settings: Settings) -> str:
    return (
        f'{what}: {detector.name}, {settings.network_name}, at {CAMERA_RATE_HZ:g} frames a second'
    )


def _row(timing: Timing) -> Row:
    stages = timing.stages
    around = 1e3 * (stages.get(PIXELS, 0.0) + stages.get(REST, 0.0)) / timing.case.items
    frames = timing.case.items
    return Row.of(
        timing,
        **{
            'around detector and network, ms a frame': around,
            'frames a CPU second': frames / timing.cpu.median,
            'frames a second': frames / timing.wall.median,
        },
    )
