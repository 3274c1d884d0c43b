# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Follows faces from image to image, so that each keeps its id and a steady box."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.expressions import Box
from emotionnet_ros.faces.assignment import assign, distinct
from emotionnet_ros.faces.box_filter import BoxFilter
from emotionnet_ros.faces.detection import Detection

# Shared by all trackers: with several cameras an id still means one face of one camera.
# Unlike a generator, a map may be asked by several threads.
_face_ids = map('f{}'.format, itertools.count(1))


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How faces are followed; distances in sides of the box, times in seconds.

    Parameters
    ----------
    start_confidence
        A new face must be at least this confident, 0..1. A face that is followed goes on with any
        detection at all, so the detector's own threshold may be lower: that keeps a face whose
        score dips (Y. Zhang et al., "ByteTrack", arXiv 2110.06864).
    sure_confidence
        A new face at least this confident is reported at once, 0..1.
    confirm_detections
        Any other new face is reported when it was seen this often in a row, at least 1.
    min_iou
        A detection that overlaps a face's expected box by at least this may be that face, 0..1.
    max_distance
        So may one whose centre is at most this far off and whose size is alike (a fast move).
    duplicate_iou
        Of two detections that overlap by more than this only the more confident is taken, 0..1.
    max_missed
        A face keeps its id for this long after the first detector run that missed it.
    max_gap
        After so long without any detector run all faces are forgotten.
    max_faces
        At most this many faces are followed at once.
    cutoff_hz, speed_gain, damping
        See ``BoxFilter``.
    """

    start_confidence: float = 0.65
    sure_confidence: float = 0.8
    confirm_detections: int = 2
    min_iou: float = 0.2
    max_distance: float = 0.8
    duplicate_iou: float = 0.5
    max_missed: float = 1.0
    max_gap: float = 5.0
    max_faces: int = 10
    cutoff_hz: float = 1.0
    speed_gain: float = 4.0
    damping: float = 0.2

    def __post_init__(self) -> None:
        for name in (
            'start_confidence',
            'sure_confidence',
            'min_iou',
            'duplicate_iou',
        ):
            _check(0.0 <= getattr(self, name) <= 1.0, self, name, 'lie in 0..1')
        for name in ('confirm_detections', 'max_faces'):
            _check(getattr(self, name) >= 1, self, name, 'be at least 1')
        for name in ('max_distance', 'max_missed', 'speed_gain'):
            _check(getattr(self, name) >= 0.0, self, name, 'be at least 0')
        for name in ('max_gap', 'cutoff_hz', 'damping'):
            _check(getattr(self, name) > 0.0, self, name, 'be greater than 0')


@dataclass(frozen=True, slots=True)
class Track:
    """One face that is there, as it was at one stamp.

    Parameters
    ----------
    face_id
        'f1', 'f2', ...: constant while the face is followed, never used again in the process.
    box
        The smoothed box in pixels of the source image; it may reach beyond the image.
    confidence
        Of the last detection, 0..1.
    landmarks
        float32 [K, 2] of the last detection, moved along with the box, in pixels; or None.
    first_stamp
        When the face was first detected, in seconds on the clock of the stamps given.
    last_stamp
        When it was last detected.
    seen
        Whether the detector saw it at this very stamp; False where its place is a prediction.
    """

    face_id: str
    box: Box
    confidence: float
    landmarks: NDArray[np.float32] | None
    first_stamp: float
    last_stamp: float
    seen: bool


class Tracker:
    """Gives each face of one camera a constant id.

    Each image is given either to ``update``, with what the detector found in it, or, when the
    detector did not run on it, to ``predict``. Only faces that the detector saw when it ran last
    are reported. Used from one thread.

    Parameters
    ----------
    settings
        How faces are followed.
    new_ids
        Where new ids come from; by default one sequence for the whole process.
    """

    def __init__(
        self,
        settings: TrackerSettings | None = None,
        new_ids: Iterator[str] = _face_ids,
    ) -> None:
        self.settings = settings or TrackerSettings()
        self._new_ids = new_ids
        self._faces: list[_Face] = []
        self._stamp: float | None = None

    @property
    def face_ids(self) -> set[str]:
        """The ids of all faces that are followed, with those missed just now."""
        return {face.face_id for face in self._faces if face.face_id}

    @property
    def undecided(self) -> bool:
        """Whether a new face waits to be seen again; running the detector soon shows it sooner."""
        return any(not face.face_id for face in self._faces)

    def reset(self) -> None:
        """Forget all faces; ids are not used again."""
        self._faces = []
        self._stamp = None

    def update(self, detections: Sequence[Detection], stamp: float) -> list[Track]:
        """Take in what the detector found in one image.

        A stamp a little (up to ``max_missed``) before the last one counts as the last one; one
        further back, or more than ``max_gap`` ahead, means another time, and all faces are new.

        Parameters
        ----------
        detections
            In any order; ones without a finite box of at least a pixel are ignored.
        stamp
            When the image was taken, in seconds.

        Returns
        -------
        list of Track
            The faces seen in this image, the largest first.

        Raises
        ------
        ValueError
            The stamp is not finite.
        """
        stamp = self._advance(stamp)
        settings = self.settings
        found = distinct(detections, settings.duplicate_iou)
        pairs = assign(
            [face.box_at(stamp) for face in self._faces],
            [detection.box for detection in found],
            [detection.confidence >= settings.start_confidence for detection in found],
            settings.min_iou,
            settings.max_distance,
        )
        # Where there are too many, those present stay before those missed come back.
        pairs.sort(key=lambda pair: self._faces[pair[0]].missed_since is not None)
        seen = []
        for face_index, index in pairs[: settings.max_faces]:
            face = self._faces[face_index]
            face.see(found[index], stamp)
            seen.append(face)
        for index in sorted(set(range(len(found))) - {index for _, index in pairs}):
            sure_enough = found[index].confidence >= settings.start_confidence
            if sure_enough and len(seen) < settings.max_faces:
                seen.append(_Face(found[index], stamp, settings))
        for face in seen:
            if not face.face_id and face.is_confirmed(settings):
                face.face_id = next(self._new_ids)
        self._faces = seen + self._missed(seen, stamp)
        return _tracks(seen, stamp)

    def predict(self, stamp: float) -> list[Track]:
        """Say where the faces are in an image on which the detector did not run.

        Parameters
        ----------
        stamp
            When the image was taken, in seconds; one before the last update counts as that.

        Returns
        -------
        list of Track
            The faces that the last update returned, the largest first, none of them ``seen``;
            empty more than ``max_gap`` after the last update.

        Raises
        ------
        ValueError
            The stamp is not finite.
        """
        _check_stamp(stamp)
        if self._stamp is None or stamp - self._stamp > self.settings.max_gap:
            return []
        present = [face for face in self._faces if face.missed_since is None]
        return _tracks(present, max(stamp, self._stamp), seen=False)

    def _advance(self, stamp: float) -> float:
        """Move the clock on; forget everything if it jumped."""
        _check_stamp(stamp)
        if self._stamp is not None:
            step = stamp - self._stamp
            if step > self.settings.max_gap or step < -self.settings.max_missed:
                self.reset()
            elif step < 0:
                stamp = self._stamp
        self._stamp = stamp
        return stamp

    def _missed(self, seen: Sequence[_Face], stamp: float) -> list[_Face]:
        """Mark the faces not seen and give those that may still come back."""
        present = {id(face) for face in seen}
        kept = []
        for face in self._faces:
            if id(face) in present or not face.face_id:
                continue
            if face.missed_since is None:
                face.missed_since = stamp
            if stamp - face.missed_since < self.settings.max_missed:
                kept.append(face)
        return kept


class _Face:
    """What the tracker knows of one face; it has an id once it is confirmed."""

    def __init__(self, detection: Detection, stamp: float, settings: TrackerSettings) -> None:
        self.face_id = ''
        self.detection = detection
        self.detections = 1
        self.first_stamp = self.last_stamp = stamp
        self.missed_since: float | None = None
        self._filter = BoxFilter(
            detection.box, settings.cutoff_hz, settings.speed_gain, settings.damping
        )

    def see(self, detection: Detection, stamp: float) -> None:
        self._filter.update(detection.box, stamp - self.last_stamp)
        self.detection = detection
        self.detections += 1
        self.last_stamp = stamp
        self.missed_since = None

    def is_confirmed(self, settings: TrackerSettings) -> bool:
        return (
            self.detections >= settings.confirm_detections
            or self.detection.confidence >= settings.sure_confidence
        )

    def box_at(self, stamp: float) -> Box:
        return self._filter.predict(stamp - self.last_stamp)

    def track(self, stamp: float, seen: bool) -> Track:
        box = self.box_at(stamp)
        landmarks = self.detection.landmarks
        if landmarks is not None and not seen:
            landmarks = landmarks + np.subtract(box.center, self._filter.box.center)
            landmarks = landmarks.astype(np.float32)
        return Track(
            self.face_id,
            box,
            self.detection.confidence,
            landmarks,
            self.first_stamp,
            self.last_stamp,
            seen,
        )


def _tracks(faces: Sequence[_Face], stamp: float, seen: bool = True) -> list[Track]:
    """Give the confirmed faces, the largest first."""
    tracks = [face.track(stamp, seen) for face in faces if face.face_id]
    return sorted(tracks, key=lambda track: track.box.area, reverse=True)


def _check(holds: bool, settings: TrackerSettings, name: str, rule: str) -> None:
    if not holds:
        raise ValueError(f'{name} is {getattr(settings, name)}, it must {rule}')


def _check_stamp(stamp: float) -> None:
    if not math.isfinite(stamp):
        raise ValueError(f'The stamp is {stamp}, it must be a finite number of seconds')
