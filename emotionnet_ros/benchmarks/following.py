# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""g. Detection on every n-th frame: what it saves, and how well faces are followed between."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from emotionnet_ros.benchmarks.report import Result, Row
from emotionnet_ros.benchmarks.scenes import FORMATS, Picture
from emotionnet_ros.benchmarks.settings import Settings
from emotionnet_ros.benchmarks.stages import CAMERA_RATE_HZ, pipeline_case
from emotionnet_ros.benchmarks.timing import QUICK, measure
from emotionnet_ros.expressions import FrameResult
from emotionnet_ros.faces.detection import Detection, Detector, open_detector
from emotionnet_ros.imaging.frame import Frame
from emotionnet_ros.imaging.sources import BACKGROUND, open_source, photograph
from emotionnet_ros.inference.classifier import Classifier
from emotionnet_ros.pipeline import Pipeline, PipelineSettings, as_frame

INTERVALS = (1, 2, 3, 5, 0)
BY_ITSELF = 'by itself'  # interval 0
# Of a face that swings to and fro, in widths of its box a second at the fastest.
SPEEDS = (0.5, 2.0, 4.0)
SWING = 150.0  # pixels to each side
FRAMES = 180
MOST_FRAMES = 300
MOST_WAITED = 10
SIZE = (640, 480)
# A box of the face followed must overlap the detector's by so much to be of the same face.
SAME_FACE = 0.2
_FACE_WIDTH = 110.0  # of the box that BlazeFace finds in the photograph, in pixels


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures in order, and what the detector finds in each of them."""

    name: str
    rate_hz: float
    pictures: Sequence[Picture]
    found: Sequence[list[Detection]]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How what is answered compares with detection on every frame.

    Parameters
    ----------
    overlaps
        Of each face with the detector's own box on that very frame, 0..1.
    missed
        Share of the faces that are not there, 0..1.
    same_class
        Share of the faces whose expression is the same, 0..1.
    """

    overlaps: Sequence[float]
    missed: float
    same_class: float


class _Played:
    """A detector that gives what it found before, so that only the frames asked for matter."""

    def __init__(self, detector: Detector, found: Sequence[list[Detection]]) -> None:
        self.name = detector.name
        self.crop_side_over_box = detector.crop_side_over_box
        self.crop_shift_y = detector.crop_shift_y
        self.frame = 0
        self._found = found

    def detect(self, frame: Frame) -> list[Detection]:  # noqa: ARG002
        """Give what was found in the present frame."""
        return self._found[self.frame]


def run(settings: Settings) -> Result:
    """Time the pipeline and look at its boxes for some intervals."""
    detector, classifier = open_detector(), Classifier(settings.network)
    clips = list(_clips(settings, detector))
    cases = [
        pipeline_case(
            {'pictures': clip.name, 'detector interval': interval or BY_ITSELF},
            [FORMATS['bgr8'](clip.pictures[: 2 * math.lcm(*filter(None, INTERVALS))])],
            detector,
            classifier,
            PipelineSettings(detector_interval=interval),
            clip.rate_hz,
        )
        for clip in clips
        for interval in INTERVALS
    ]
    answers = {
        (clip.name, interval): play(clip, interval, detector, classifier)
        for clip in clips
        for interval in INTERVALS
    }
    rows = []
    for timing, (clip, interval) in zip(
        measure(cases, settings.effort), itertools.product(clips, INTERVALS), strict=True
    ):
        likeness = compare(clip, answers[clip.name, 1], answers[clip.name, interval])
        values = {
            'IoU with the detector, median': float(np.median(likeness.overlaps)),
            'IoU with the detector, 5 %': float(np.percentile(likeness.overlaps, 5)),
            'faces missed, %': 100 * likeness.missed,
            'same expression, %': 100 * likeness.same_class,
            'frames to a new face': frames_to_a_new_face(clip, interval, detector, classifier),
        }
        rows.append(Row.of(timing, **values))
    title = f'Detection on every n-th frame: {detector.name}, {settings.network_name}'
    return Result('g', title, rows)


def play(
    clip: Clip, interval: int, detector: Detector, classifier: Classifier
) -> list[FrameResult]:
    """Answer each picture of a clip with the detector on every n-th."""
    played = _Played(detector, clip.found)
    pipeline = Pipeline(played, classifier, PipelineSettings(detector_interval=interval))
    answers = []
    for played.frame, picture in enumerate(clip.pictures):
        answers.append(pipeline.process(picture, played.frame / clip.rate_hz))
    return answers


def compare(clip: Clip, expected: Sequence[FrameResult], given: Sequence[FrameResult]) -> Likeness:
    """Compare answers with those of detection on every frame; each face is matched once."""
    overlaps, same, faces = [], 0, 0
    for detections, wanted, answered in zip(clip.found, expected, given, strict=True):
        left = list(answered.faces)
        faces += len(wanted.faces)
        for face in wanted.faces:
            best = max(left, key=lambda other: face.roi.iou(other.roi), default=None)
            if best is None or face.roi.iou(best.roi) < SAME_FACE:
                continue
            left.remove(best)
            same += best.expression == face.expression
            overlaps.append(max((best.roi.iou(d.box) for d in detections), default=0.0))
    matched = len(overlaps)
    return Likeness(
        overlaps or [math.nan], 1 - matched / faces if faces else 0.0, same / max(1, matched)
    )


def frames_to_a_new_face(
    clip: Clip, interval: int, detector: Detector, classifier: Classifier
) -> float:
    """Give how many frames after its first a face is answered, the mean over when it comes.

    Empty pictures are played before the clip's first with a face; NaN where there is none.
    """
    first = next((i for i, found in enumerate(clip.found) if found), None)
    if first is None:
        return math.nan
    waits = []
    part = slice(first, first + MOST_WAITED)
    for before in range(2, 2 + math.lcm(*filter(None, INTERVALS))):
        empty = [np.full_like(clip.pictures[first], BACKGROUND)] * before
        pictures = [*empty, *clip.pictures[part]]
        delayed = Clip(clip.name, clip.rate_hz, pictures, [[]] * before + list(clip.found[part]))
        answers = play(delayed, interval, detector, classifier)
        answered = next((i for i, answer in enumerate(answers) if answer.faces), None)
        waits.append(math.nan if answered is None else answered - before)
    return float(np.mean(waits))


def swing(speed: float, frames: int = FRAMES) -> list[Picture]:
    """Move the photographed face to and fro, at most so many widths of its box a second."""
    turn = speed * _FACE_WIDTH / SWING / CAMERA_RATE_HZ
    left, top = (SIZE[0] - 512) / 2, (SIZE[1] - 512) / 2
    return [
        cv2.warpAffine(
            photograph(),
            np.array([[1.0, 0, left + SWING * math.sin(turn * frame)], [0, 1, top]]),
            SIZE,
            borderValue=BACKGROUND,
        )
        for frame in range(frames)
    ]


def _clips(settings: Settings, detector: Detector) -> list[Clip]:
    if settings.pictures:
        source = open_source(settings.pictures)
        played = {settings.pictures: (source.rate_hz or CAMERA_RATE_HZ, source.pictures)}
    else:
        frames = 20 if settings.effort == QUICK else FRAMES
        played = {
            f'swinging, {speed:g} widths/s': (CAMERA_RATE_HZ, iter(swing(speed, frames)))
            for speed in SPEEDS
        }
    clips = []
    for name, (rate_hz, source_pictures) in played.items():
        pictures = list(itertools.islice(source_pictures, MOST_FRAMES))
        found = [detector.detect(as_frame(picture)) for picture in pictures]
        clips.append(Clip(name, rate_hz, pictures, found))
    return clips
