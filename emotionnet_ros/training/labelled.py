# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Labelled face crops to score a network on, whatever data set they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.training.ferplus import DataError, majority_labels, read_split


@dataclass(frozen=True)
class LabelledImages:
    """N face crops, each with one expression.

    ``images`` is uint8 [N, 48, 48], grey; ``labels`` int64 [N], indices of EXPRESSIONS;
    ``subjects`` names whom each picture shows, N strings, empty where unknown. ``protocol`` says
    in words which images these are and what their labels mean.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    subjects: tuple[str, ...]
    protocol: str


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


# Layouts of data sets that can be evaluated; a reader takes (root, split, keep_copies).
LAYOUTS: dict[str, Callable[[Path, str, bool], LabelledImages]] = {'ferplus': read_ferplus}
