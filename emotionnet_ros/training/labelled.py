# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Labelled face crops to score a network on, whatever data set they come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from emotionnet_ros.training.ckplus import read_ckplus
from emotionnet_ros.training.class_folders import read_class_folders
from emotionnet_ros.training.face_images import LabelledImages
from emotionnet_ros.training.ferplus import DataError, majority_labels, read_split

__all__ = ['LAYOUTS', 'LabelledImages', 'read_ferplus']


def read_ferplus(root: Path, split: str, keep_copies: bool = False) -> LabelledImages:
    """Images of a FER+ split with a majority label, those with copies in other splits left out.

    Raises
    ------
    DataError
        If the split cannot be read, or no image is left.
    """
    data = read_split(root, split)
    labels = majority_labels(data.votes)
    chosen = labels >= 0
    if not keep_copies:
        chosen &= ~data.is_in_other_split
    if not chosen.any():
        raise DataError(f'{root}: no image of the split {split} is left to evaluate')
    copies = 'kept' if keep_copies else 'left out'
    return LabelledImages(
        data.images[chosen],
        labels[chosen],
        ('',) * int(chosen.sum()),
        f'FER+ {split} split, majority labels, copies in other splits {copies}',
    )


def _read_whole_ckplus(root: Path, split: str, keep_copies: bool = False) -> LabelledImages:
    """CK+ has no splits; frames without a face are left out and counted in the protocol."""
    _ = split, keep_copies
    return read_ckplus(root, without_face='skip')


# Layouts of data sets that can be evaluated; a reader takes (root, split, keep_copies).
LAYOUTS: dict[str, Callable[[Path, str, bool], LabelledImages]] = {
    'ferplus': read_ferplus,
    'class_folders': read_class_folders,
    'ckplus': _read_whole_ckplus,
}
