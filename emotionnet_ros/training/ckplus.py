# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reader of the extended Cohn-Kanade data set (CK+) in its usual protocol.

The protocol: the last three frames of every sequence that is labelled with one of seven
expressions, without neutral; 327 sequences of 118 subjects in the whole data set, 981 frames.

Source: Lucey et al., "The Extended Cohn-Kanade Dataset (CK+)", CVPR workshops 2010.

Two layouts are read and told apart by what is there:

- the official one, ``cohn-kanade-images/S005/001/S005_001_00000011.png`` with
  ``Emotion/S005/001/S005_001_00000011_emotion.txt``, whose full frames are cut to the face by one
  of the package's detectors, as the node cuts;
- the common cropped one, ``anger/S005_001_00000011.png``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.faces.detection import Detector, DetectorError, open_detector
from emotionnet_ros.imaging import ImageError, face_crop
from emotionnet_ros.networks.tables import IMAGE_SIZE
from emotionnet_ros.training.class_folders import CLASS_OF_FOLDER, labelled_pictures
from emotionnet_ros.training.face_images import (
    LabelledImages,
    folders_of,
    network_input,
    pictures_of,
    read_bytes,
    read_picture,
)
from emotionnet_ros.training.ferplus import DataError

FRAMES_PER_SEQUENCE = 3
SEQUENCES, SUBJECTS = 327, 118  # labelled, in the whole data set
# The numbers in the label files, as the data set's documentation gives them.
CLASS_OF_CODE = {
    0: 'neutral',
    1: 'anger',
    2: 'contempt',
    3: 'disgust',
    4: 'fear',
    5: 'happiness',
    6: 'sadness',
    7: 'surprise',
}
NEUTRAL = EXPRESSIONS.index('neutral')
# The archives unpack into these, or into a folder of their own that holds them.
_IMAGE_FOLDERS = (
    'cohn-kanade-images',
    'extended-cohn-kanade-images/cohn-kanade-images',
)
_LABEL_FOLDERS = ('Emotion', 'Emotion_labels/Emotion', 'Emotion_labels')
_LABEL_SUFFIX = '_emotion.txt'
_NAME = re.compile(r'S(?P<subject>\d+)_(?P<sequence>\d+)_(?P<number>\d+)')

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sequence:
    """One labelled sequence: whom it shows, its index of EXPRESSIONS, its last three frames."""

    subject: str
    label: int
    frames: tuple[Path, ...]


def read_ckplus(
    root: Path, detector: Detector | None = None, without_face: str = 'fail'
) -> LabelledImages:
    """Read the frames of the protocol, the subjects' names as ``S005``.

    Parameters
    ----------
    root
        Folder with the class folders, or with ``cohn-kanade-images`` and ``Emotion``.
    detector
        What finds the faces in full frames; the best one installed unless given.
    without_face
        What to do about a full frame in which no face is found: ``fail``, or ``skip`` it with a
        warning that names it; ``protocol`` says how many were skipped.

    Raises
    ------
    DataError
        If the layout is neither, a file is missing or malformed, no face is found in a frame, or
        full frames are to be cut and no detector can be had.
    """
    images_folder = _first_folder(root, _IMAGE_FOLDERS)
    labels_folder = _first_folder(root, _LABEL_FOLDERS)
    if images_folder and labels_folder:
        sequences, neutral = official_sequences(images_folder, labels_folder)
        detector = detector or _best_detector()
        source = f'full frames cut by the detector {detector.name}'
        cut = _cutter(detector, without_face)
    elif images_folder or labels_folder:
        lacking = _LABEL_FOLDERS[0] if images_folder else _IMAGE_FOLDERS[0]
        raise DataError(f'{root}: {images_folder or labels_folder} is there, but no {lacking}')
    elif any(folder.name.lower() in CLASS_OF_FOLDER for folder in folders_of(root)):
        sequences, neutral = cropped_sequences(root)
        source, cut = 'ready-made crops', lambda path: network_input(read_picture(path))
    else:
        raise DataError(
            f'{root} has neither the folders {_IMAGE_FOLDERS[0]} and {_LABEL_FOLDERS[0]} nor a '
            'folder for each class'
        )
    if not sequences:
        raise DataError(f'{root}: there is no labelled sequence')
    frames = [(path, one) for one in sequences for path in one.frames]
    progress = tqdm(frames, desc='reading CK+', unit='frame', leave=False)
    cuts = [(cut(path), one) for path, one in progress]
    found = [(crop, one) for crop, one in cuts if crop is not None]
    if not found:
        raise DataError(f'{root}: no face was found in any of {len(frames)} frames')
    return LabelledImages(
        np.stack([crop for crop, _ in found]),
        np.array([one.label for _, one in found], dtype=np.int64),
        tuple(one.subject for _, one in found),
        _protocol(sequences, source, neutral, len(frames) - len(found)),
    )


def _best_detector() -> Detector:
    try:
        return open_detector()
    except DetectorError as error:
        raise DataError(f'full frames must be cut to the face. {error}') from error


def _first_folder(root: Path, names: tuple[str, ...]) -> Path | None:
    return next((root / name for name in names if (root / name).is_dir()), None)


def _protocol(sequences: list[Sequence], source: str, neutral: int, skipped: int) -> str:
    """Say in words what was read, and what is missing of the whole data set."""
    subjects = len({one.subject for one in sequences})
    parts = [
        f'CK+, last {FRAMES_PER_SEQUENCE} frames of {len(sequences)} labelled sequences of '
        f'{subjects} subjects, 7 classes without neutral, {source}'
    ]
    if (len(sequences), subjects) != (SEQUENCES, SUBJECTS):
        parts.append(f'the whole data set has {SEQUENCES} sequences of {SUBJECTS} subjects')
    if neutral:
        parts.append(f'{neutral} sequences labelled neutral left out')
    if skipped:
        parts.append(f'{skipped} frames left out in which no face was found')
    return '; '.join(parts)


def official_sequences(images: Path, labels: Path) -> tuple[list[Sequence], int]:
    """Find the labelled sequences of the official layout, and how many are labelled neutral.

    Parameters
    ----------
    images, labels
        The folders ``cohn-kanade-images`` and ``Emotion``.

    Raises
    ------
    DataError
        If a label file or a frame is malformed, missing, in the wrong place or there twice.
    """
    sequences, neutral = [], 0
    folders = [folder for subject in folders_of(labels) for folder in folders_of(subject)]
    for folder in folders:
        files = sorted(folder.glob(f'[!.]*{_LABEL_SUFFIX}'))
        if len(files) > 1:
            raise DataError(f'{folder} has more than one label: {files[0].name}, {files[1].name}')
        if not files:
            continue  # most sequences have no label: the emotion was not clear enough
        label = _read_label(files[0])
        if label == NEUTRAL:
            neutral += 1
            continue
        place = (folder.parent.name, folder.name)
        frames = {}
        for path in pictures_of(images / place[0] / place[1]):
            *named, number = _parse(path, path.stem)
            if tuple(named) != place:
                raise DataError(f'{path} bears the name of another sequence than its folder')
            frames[number] = path
        *named, peak = _parse(files[0], files[0].name.removesuffix(_LABEL_SUFFIX))
        if tuple(named) != place:
            raise DataError(f'{files[0]} bears the name of another sequence than its folder')
        if peak not in frames:
            raise DataError(
                f'{files[0]} labels frame {peak}, which is not in {images / place[0] / place[1]}'
            )
        sequences.append(Sequence(place[0], label, _last_frames(frames, files[0])))
    return sequences, neutral


def cropped_sequences(root: Path) -> tuple[list[Sequence], int]:
    """Find the sequences of the cropped layout, and how many the folder of neutral holds.

    Raises
    ------
    DataError
        If a folder is no class, a name does not fit, or a sequence is incomplete or in two
        folders.
    """
    frames: dict[tuple[str, str], dict[int, Path]] = {}
    labels: dict[tuple[str, str], int] = {}
    neutral = set()
    for path, label in labelled_pictures(root):
        subject, sequence, number = _parse(path, path.stem)
        if label == NEUTRAL:  # first frames of sequences that stand in another folder too
            neutral.add((subject, sequence))
            continue
        key = subject, sequence
        if labels.setdefault(key, label) != label:
            first = next(iter(frames[key].values()))
            raise DataError(f'{path}: the sequence has another label too, see {first}')
        frames.setdefault(key, {})[number] = path
    return [
        Sequence(key[0], labels[key], _last_frames(found, next(iter(found.values()))))
        for key, found in sorted(frames.items())
    ], len(neutral)


def _parse(path: Path, name: str) -> tuple[str, str, int]:
    """Subject, sequence and number of the frame."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise DataError(f'{path}: the name is not made as S005_001_00000011')
    return f'S{match["subject"]}', match['sequence'], int(match['number'])


def _last_frames(frames: dict[int, Path], source: Path) -> tuple[Path, ...]:
    if len(frames) < FRAMES_PER_SEQUENCE:
        raise DataError(
            f'{source}: its sequence has {len(frames)} frames, {FRAMES_PER_SEQUENCE} are needed'
        )
    return tuple(frames[number] for number in sorted(frames)[-FRAMES_PER_SEQUENCE:])


def _read_label(path: Path) -> int:
    """Index of EXPRESSIONS; the file holds a number such as 3.0000000e+00."""
    text = read_bytes(path).decode('latin-1').strip()
    try:
        code = float(text)
        return EXPRESSIONS.index(CLASS_OF_CODE[int(code) if code.is_integer() else -1])
    except (ValueError, KeyError) as error:
        raise DataError(f'{path}: {text[:40]!r} is not one number from 0 to 7') from error


def _cutter(detector: Detector, without_face: str) -> Callable[[Path], NDArray[np.uint8] | None]:
    """Make what cuts the most certain face out of a full frame as the node does."""
    if without_face not in ('fail', 'skip'):
        raise ValueError(f"without_face is {without_face!r}, it must be 'fail' or 'skip'")

    def cut(path: Path) -> NDArray[np.uint8] | None:
        frame = read_picture(path)
        try:
            faces = detector.detect(frame)
            if faces:
                return face_crop(
                    frame,
                    faces[0].box,
                    side_over_box=detector.crop_side_over_box,
                    shift_y=detector.crop_shift_y,
                    size=IMAGE_SIZE,
                )
        except ImageError as error:
            raise DataError(f'{path} cannot be used: {error}') from error
        if without_face == 'fail':
            raise DataError(
                f'{path}: the detector {detector.name} finds no face; use another detector, or '
                'leave such frames out'
            )
        _log.warning('%s: the detector %s finds no face, left out', path, detector.name)
        return None

    return cut
