# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reader of data sets with a folder for each class: ``<class>/<picture>``, PNG or JPEG.

With splits it is ``<split>/<class>/<picture>``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.training.face_images import (
    LabelledImages,
    folders_of,
    network_input,
    pictures_of,
    read_bytes,
    read_picture,
)
from emotionnet_ros.training.ferplus import DataError

# How folders are called, in any mixture of upper and lower case.
CLASS_OF_FOLDER = {
    'neutral': 'neutral',
    'happiness': 'happiness',
    'happy': 'happiness',
    'surprise': 'surprise',
    'surprised': 'surprise',
    'sadness': 'sadness',
    'sad': 'sadness',
    'anger': 'anger',
    'angry': 'anger',
    'disgust': 'disgust',
    'disgusted': 'disgust',
    'fear': 'fear',
    'fearful': 'fear',
    'contempt': 'contempt',
}
_SPLIT_OF_FOLDER = {
    'train': 'train',
    'training': 'train',
    'valid': 'valid',
    'validation': 'valid',
    'val': 'valid',
    'test': 'test',
    'testing': 'test',
}


def labelled_pictures(folder: Path) -> list[tuple[Path, int]]:
    """Every picture in the class folders of a folder, and its index of EXPRESSIONS.

    Raises
    ------
    DataError
        If a folder is no class.
    """
    pictures = []
    for class_folder in folders_of(folder):
        name = CLASS_OF_FOLDER.get(class_folder.name.lower())
        if name is None:
            raise DataError(
                f'{class_folder} is not the folder of a class; known names are '
                f'{", ".join(CLASS_OF_FOLDER)}'
            )
        pictures += [(path, EXPRESSIONS.index(name)) for path in pictures_of(class_folder)]
    return pictures


def read_class_folders(root: Path, split: str, keep_copies: bool = False) -> LabelledImages:
    """Read a split, or everything where the data set has no splits.

    Parameters
    ----------
    root
        Folder of the classes, or of the splits.
    split
        ``train``, ``valid`` or ``test``.
    keep_copies
        Keep pictures whose very file stands in another split too.

    Raises
    ------
    DataError
        If there is no such split, a folder is no class, a picture cannot be read, or none is left.
    """
    splits: dict[str, list[Path]] = {}
    for folder in folders_of(root):
        if folder.name.lower() in _SPLIT_OF_FOLDER:
            splits.setdefault(_SPLIT_OF_FOLDER[folder.name.lower()], []).append(folder)
    if splits and split not in splits:
        raise DataError(f'{root} has no split {split}, only {", ".join(splits)}')
    chosen = [item for folder in splits.get(split, [root]) for item in labelled_pictures(folder)]
    if not splits:
        protocol = 'class folders, no splits'
    elif keep_copies:
        protocol = f'class folders, {split} split, copies in other splits kept'
    else:
        others = [folder for name in splits if name != split for folder in splits[name]]
        elsewhere = {_digest(path) for folder in others for path, _ in labelled_pictures(folder)}
        chosen = [item for item in chosen if _digest(item[0]) not in elsewhere]
        protocol = f'class folders, {split} split, copies in other splits left out'
    if not chosen:
        raise DataError(f'{root}: no picture of the split {split} is left to evaluate')
    return LabelledImages(
        np.stack([network_input(read_picture(path)) for path, _ in chosen]),
        np.array([label for _, label in chosen], dtype=np.int64),
        ('',) * len(chosen),
        protocol,
    )


def _digest(path: Path) -> bytes:
    return hashlib.sha256(read_bytes(path)).digest()
