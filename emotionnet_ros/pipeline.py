# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One image in; faces, their expressions and the time of each stage out. Needs no ROS.

>>> from emotionnet_ros.pipeline import Pipeline
>>> pipeline = Pipeline.open()
>>> result = pipeline.process(bgr_image, stamp=0.0)
"""

from __future__ import annotations

import array
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.expressions import Box, FaceExpression, FrameResult, StageTimes
from emotionnet_ros.faces.detection import Detection, Detector, open_detector
from emotionnet_ros.faces.tracker import Track, Tracker, TrackerSettings
from emotionnet_ros.imaging import (
    Frame,
    ImageError,
    RawImage,
    decode,
    decode_compressed,
    face_crop,
)
from emotionnet_ros.inference.classifier import CROP_SIZE, Classifier
from emotionnet_ros.inference.smoothing import (
    ExpressionSmoother,
    SmoothingSettings,
    most_likely,
)

# Images that come out of order are this little older than the newest; more is another time.
MAX_STEP_BACK = 0.5

# What ``detector_interval`` 0 bridges at most: on recordings at 25 and 30 frames a second, faces
# followed over one frame lay as well as with detection on each (docs/performance.md), at 10 to 15
# less so.
MAX_FOLLOWED = 0.05

# Faults of one face, not of the image: it is left out of the answer.
_NO_CROP = frozenset(('bad_box', 'box_outside', 'box_too_large'))


class StageError(RuntimeError):
    """The detector or the network failed on an image; the next image may well succeed.

    ``reason`` is ``'detector_failed'`` or ``'network_failed'``, to count by; the cause is what
    was raised.
    """

    def __init__(self, reason: str, name: str, frame: Frame, error: Exception) -> None:
        super().__init__(
            f'{reason.replace("_", " ")}: {name} on an image of {frame.width} x {frame.height} '
            f'pixels, {type(error).__name__}: {error}'
        )
        self.reason = reason


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A JPEG or PNG file in memory: the fields of a sensor_msgs/CompressedImage."""

    data: bytes | memoryview | array.array[int]
    format: str = ''


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """What can change from frame to frame.

    Parameters
    ----------
    detector_interval
        The detector runs on every n-th frame; between, faces are followed. 0 is every second
        frame where frames come at least 20 times a second, else every frame.
    tracker, smoothing
        See there.
    """

    detector_interval: int = 0
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)

    def __post_init__(self) -> None:
        if self.detector_interval < 0:
            raise ValueError(
                f'detector_interval is {self.detector_interval}, it must be at least 0'
            )


class Pipeline:
    """Everything between an image and its answer, for one camera; used from one thread.

    Parameters
    ----------
    detector, classifier
        May be shared by the pipelines of several cameras that run in one thread.
    settings
        May be replaced between frames.
    """

    def __init__(
        self,
        detector: Detector,
        classifier: Classifier,
        settings: PipelineSettings | None = None,
    ) -> None:
        self.detector = detector
        self.classifier = classifier
        self._settings = settings or PipelineSettings()
        self._tracker = Tracker(self._settings.tracker)
        self._smoothers: dict[str, ExpressionSmoother] = {}
        self._frames_since_detection = 0
        self._detection_stamp = 0.0
        self._stamp: float | None = None

    @classmethod
    def open(
        cls,
        detector: str = 'auto',
        network: str = 'nano_b',
        *,
        detector_model: str = '',
        settings: PipelineSettings | None = None,
    ) -> Pipeline:
        """Make a pipeline from the names of a detector and a network.

        Raises
        ------
        DetectorError, ModelError
            What is missing and what to do.
        """
        settings = settings or PipelineSettings()
        max_faces = settings.tracker.max_faces
        return cls(
            open_detector(detector, model_path=detector_model, max_faces=max_faces),
            Classifier(network),
            settings,
        )

    @property
    def settings(self) -> PipelineSettings:
        """The present settings; assign new ones between frames."""
        return self._settings

    @settings.setter
    def settings(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._tracker.settings = settings.tracker

    def reset(self) -> None:
        """Forget all faces; their ids are not used again."""
        self._tracker.reset()
        self._smoothers.clear()
        self._frames_since_detection = 0
        self._stamp = None

    def time_jump(self, stamp: float) -> float:
        """Give the seconds by which an image's stamp jumps, negative for back; 0 for no jump.

        Time jumps where a recording begins again or goes on elsewhere, and where a clock is set:
        back by more than half a second, or ahead by more than the tracker's ``max_gap``.
        """
        step = 0.0 if self._stamp is None else stamp - self._stamp
        jumps = step < -MAX_STEP_BACK or step > self._settings.tracker.max_gap
        return step if jumps else 0.0

    def process(
        self, image: RawImage | EncodedImage | Frame | NDArray[np.uint8], stamp: float
    ) -> FrameResult:
        """Find the faces of one image and say what they express.

        Parameters
        ----------
        image
            A raw or encoded image, a decoded frame, or an array: uint8 [height, width, 3] in the
            order blue, green, red as OpenCV reads it, or uint8 [height, width], grey.
        stamp
            When the image was taken, in seconds of any clock. Where it jumps (see ``time_jump``),
            all faces are new and the detector runs.

        Returns
        -------
        FrameResult
            The faces, the largest first; none where nobody is there.

        Raises
        ------
        ImageError
            The image cannot be used: what is wrong with it. The faces followed are kept.
        StageError
            The detector or the network failed. The faces followed are kept.
        ValueError
            The stamp is not finite.
        """
        started = time.perf_counter()
        frame = as_frame(image)
        decoded = time.perf_counter()
        if self.time_jump(stamp):
            self.reset()
        detector_ran = self._detector_is_due(stamp)
        if detector_ran:
            tracks = self._tracker.update(self._detect(frame), stamp)
            self._frames_since_detection = 0
            self._detection_stamp = stamp
        else:
            tracks = self._tracker.predict(stamp)
        self._frames_since_detection += 1
        self._stamp = stamp if self._stamp is None else max(stamp, self._stamp)
        detected = time.perf_counter()
        faces = self._classify(frame, tracks, stamp)
        finished = time.perf_counter()
        return FrameResult(
            faces,
            frame.width,
            frame.height,
            StageTimes(
                decode=decoded - started,
                detect=detected - decoded,
                classify=finished - detected,
                total=finished - started,
                detector_ran=detector_ran,
            ),
        )

    def _detector_is_due(self, stamp: float) -> bool:
        first = self._frames_since_detection == 0
        interval = self._settings.detector_interval
        if interval == 0:
            # Pictures that have nothing to do with each other often come with one stamp for all.
            soon = 0 < stamp - self._detection_stamp <= MAX_FOLLOWED
            interval = 2 if soon else 1
        return first or self._frames_since_detection >= interval or self._tracker.undecided

    def _detect(self, frame: Frame) -> list[Detection]:
        if self._tracker.face_ids or self._tracker.undecided:
            frame.expect_luma()  # there will be faces to crop
        try:
            return self.detector.detect(frame)
        except ImageError:
            raise
        except Exception as error:
            raise StageError('detector_failed', self.detector.name, frame, error) from error

    def _classify(
        self, frame: Frame, tracks: list[Track], stamp: float
    ) -> tuple[FaceExpression, ...]:
        """Classify all faces of a frame at once and steady each face's answer."""
        # A face that is only followed may have left the image since the detector saw it.
        image = Box(0, 0, frame.width, frame.height)
        present = [track for track in tracks if image.iou(track.box) > 0]
        crops = np.empty((len(present), CROP_SIZE, CROP_SIZE), np.uint8)
        tracks = []
        for track in present:
            try:
                crops[len(tracks)] = face_crop(
                    frame,
                    track.box,
                    side_over_box=self.detector.crop_side_over_box,
                    shift_y=self.detector.crop_shift_y,
                    size=CROP_SIZE,
                )
            except ImageError as error:
                if error.reason not in _NO_CROP:
                    raise
            else:
                tracks.append(track)
        try:
            probabilities = self.classifier.classify(crops[: len(tracks)])
        except Exception as error:
            raise StageError('network_failed', self.classifier.name, frame, error) from error
        followed = self._tracker.face_ids
        self._smoothers = {i: s for i, s in self._smoothers.items() if i in followed}
        smoothing = self._settings.smoothing
        faces = []
        for track, raw in zip(tracks, probabilities, strict=True):
            smoother = self._smoothers.setdefault(track.face_id, ExpressionSmoother())
            smoothed = smoother.update(raw, stamp, smoothing)
            raw_expression, raw_confidence = most_likely(raw, smoothing)
            faces.append(
                FaceExpression(
                    face_id=track.face_id,
                    roi=track.box,
                    detection_confidence=track.confidence,
                    expression=smoothed.expression,
                    confidence=smoothed.confidence,
                    probabilities=smoothed.probabilities,
                    raw_expression=raw_expression,
                    raw_confidence=raw_confidence,
                    face_age=max(stamp - track.first_stamp, 0.0),
                )
            )
        return tuple(faces)


def as_frame(image: RawImage | EncodedImage | Frame | NDArray[np.uint8]) -> Frame:
    """Lay a frame over an image of any kind that ``Pipeline.process`` takes.

    Raises
    ------
    ImageError
        What is wrong with the image.
    """
    if isinstance(image, Frame):
        return image
    if isinstance(image, RawImage):
        return decode(image)
    if isinstance(image, EncodedImage):
        return decode_compressed(image.data, image.format)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise ImageError(
            'not_an_image',
            f'{_described(image)} is no image: give uint8 [height, width, 3] or [height, width] '
            '(cv2.imread gives None for a file that it cannot read)',
        )
    pixels = np.ascontiguousarray(image)
    encoding = f'8UC{pixels.shape[2] if pixels.ndim == 3 else 1}'
    height, width = pixels.shape[:2]
    return decode(RawImage(width, height, encoding, pixels.strides[0], False, pixels.reshape(-1)))


def _described(image: object) -> str:
    if isinstance(image, np.ndarray):
        return f'An array of {image.dtype} {list(image.shape)}'
    return f'A {type(image).__name__}'
