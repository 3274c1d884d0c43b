# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reader of data sets in the official FER+ layout, and FER+'s reading of its votes.

The layout (https://github.com/microsoft/FERPlus): for each split a folder ``FER2013Train``,
``FER2013Valid`` or ``FER2013Test``, here also a zip file of that name, with the images and a
``label.csv`` without header: file name, box, ten vote counts (neutral, happiness, surprise,
sadness, anger, disgust, fear, contempt, unknown, not-a-face).

A ``fer2013_labels.csv`` beside the splits is optional: header ``split, image, fer2013_label,
duplicate_of``, the last naming the first identical image in the order test, valid, train
(``FER2013Test/fer0032651.png``).

``python -m emotionnet_ros.training.ferplus --data DIR`` counts what a copy of the data set holds.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.expressions import EXPRESSIONS

SPLITS = {'train': 'FER2013Train', 'valid': 'FER2013Valid', 'test': 'FER2013Test'}
# What the original data set calls the expressions; contempt it does not know.
FER2013_NAMES = {
    'neutral': 'neutral',
    'happy': 'happiness',
    'surprised': 'surprise',
    'sad': 'sadness',
    'angry': 'anger',
    'disgusted': 'disgust',
    'fearful': 'fear',
}
DUPLICATES = 'fer2013_labels.csv'
_VOTE_COLUMNS = 10  # the expressions, unknown, not-a-face
_LABEL_COLUMNS = 2 + _VOTE_COLUMNS


class DataError(ValueError):
    """The data set cannot be read; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class FerPlus:
    """Images of one split and what the voters said.

    ``names`` has N file names; ``images`` is uint8 [N, 48, 48], grey; ``votes`` is int64 [N, 10]
    in the order of the label file; ``fer2013``, the label of the original data set, has N
    strings, empty where unknown. ``is_duplicate``, bool [N]: an identical image stands earlier, in
    this split or another; ``is_in_other_split``, bool [N]: one stands in another split, earlier
    or later.
    """

    names: tuple[str, ...]
    images: NDArray[np.uint8]
    votes: NDArray[np.int64]
    fer2013: tuple[str, ...]
    is_duplicate: NDArray[np.bool_]
    is_in_other_split: NDArray[np.bool_]

    def __len__(self) -> int:
        """Count of images."""
        return len(self.names)

    def select(self, keep: NDArray[np.bool_]) -> FerPlus:
        """Only the images where ``keep``, bool [N], is true."""
        rows = np.flatnonzero(keep)
        return FerPlus(
            tuple(self.names[i] for i in rows),
            self.images[rows],
            self.votes[rows],
            tuple(self.fer2013[i] for i in rows),
            self.is_duplicate[rows],
            self.is_in_other_split[rows],
        )


def counted_votes(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Votes that count: a lone vote for a class is taken for a slip, as FER+ does."""
    return np.where(votes > 1, votes, 0)


def majority_labels(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """FER+'s majority protocol: the class with more than half of the votes that count.

    Parameters
    ----------
    votes
        Int64 [N, 10].

    Returns
    -------
    NDArray[np.int64]
        [N], an index of EXPRESSIONS; -1 where no expression has a majority (none at all, or
        unknown or not-a-face has it).
    """
    counted = counted_votes(votes)
    best = counted.argmax(axis=1)
    has_majority = 2 * counted.max(axis=1) > counted.sum(axis=1)
    return np.where(has_majority & (best < len(EXPRESSIONS)), best, -1).astype(np.int64)


def soft_labels(votes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Distribution of the votes that count over the expressions, float32 [N, 8].

    A row is all zeros, an image not to be used, where the expressions together do not have more
    votes than unknown and not-a-face together.
    """
    counted = counted_votes(votes)
    expressions = counted[:, : len(EXPRESSIONS)]
    total = expressions.sum(axis=1)
    usable = total > counted[:, len(EXPRESSIONS) :].sum(axis=1)
    shares = expressions / np.maximum(total, 1)[:, None]
    return np.where(usable[:, None], shares, 0.0).astype(np.float32)


def blend_fer2013(
    labels: NDArray[np.float32], fer2013: Sequence[str], shares: dict[str, float]
) -> NDArray[np.float32]:
    """Give the labels of the original data set a share beside the votes.

    Parameters
    ----------
    labels
        Distributions over the expressions, float32 [N, 8]; rows of zeros stay so.
    fer2013
        N labels of the original data set, as in FerPlus.
    shares
        For names of EXPRESSIONS the share, 0..1, where the original label is that expression.
    """
    blended = labels.copy()
    for name, share in shares.items():
        column = EXPRESSIONS.index(name)
        named = np.array([name in map(FER2013_NAMES.get, text.split('|')) for text in fer2013])
        rows = named & (labels.sum(axis=1) > 0)
        blended[rows] *= 1 - share
        blended[rows, column] += share
    return blended


def read_split(root: Path, split: str) -> FerPlus:
    """Read a split, every image of its label file.

    Parameters
    ----------
    root
        Folder with the three splits, as folders or zip files.
    split
        A key of SPLITS.

    Raises
    ------
    DataError
        If the split, a label or an image is missing or malformed.
    """
    folder_name = SPLITS[split]
    folder, archive = root / folder_name, root / f'{folder_name}.zip'
    if folder.is_dir():
        source: _Folder | _Zip = _Folder(folder)
    elif archive.is_file():
        source = _Zip(archive)
    else:
        raise DataError(f'{root} has neither {folder_name}/ nor {folder_name}.zip')
    names, votes = _read_votes(source)
    images = np.stack([_decode(source, name) for name in names])
    details = _read_details(root / DUPLICATES, folder_name)
    rows = [details.get(name, _Details()) for name in names]
    return FerPlus(
        tuple(names),
        images,
        np.array(votes, dtype=np.int64),
        tuple(row.fer2013 for row in rows),
        np.array([row.is_duplicate for row in rows], dtype=bool),
        np.array([row.is_in_other_split for row in rows], dtype=bool),
    )


class _Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise DataError(f'{self.path / name}: {error.strerror}') from error


class _Zip:
    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(f'{path}: not a readable zip file ({error})') from error
        # Some archives hold the split's folder, some its files alone.
        self._members = {Path(name).name: name for name in self._archive.namelist()}

    def read(self, name: str) -> bytes:
        try:
            return self._archive.read(self._members[name])
        except (KeyError, zipfile.BadZipFile) as error:
            raise DataError(f'{self.path}: cannot read {name} ({error})') from error


def _read_votes(source: _Folder | _Zip) -> tuple[list[str], list[list[int]]]:
    names, votes = [], []
    for number, row in _rows(source.read('label.csv')):
        where = f'{source.path}, label.csv line {number}'
        if len(row) != _LABEL_COLUMNS:
            raise DataError(f'{where}: {len(row)} columns instead of {_LABEL_COLUMNS}')
        try:
            counts = [int(count) for count in row[2:]]
        except ValueError as error:
            raise DataError(f'{where}: a vote count is not a whole number ({error})') from error
        if min(counts) < 0:
            raise DataError(f'{where}: a vote count is negative')
        names.append(row[0])
        votes.append(counts)
    if not names:
        raise DataError(f'{source.path}: label.csv names no image')
    return names, votes


def _rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(content.decode('utf-8-sig')))
    return ((number, row) for number, row in enumerate(reader, start=1) if row)


def _decode(source: _Folder | _Zip, name: str) -> NDArray[np.uint8]:
    content = np.frombuffer(source.read(name), dtype=np.uint8)
    image = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE) if content.size else None
    if image is None:
        raise DataError(f'{source.path}: {name} is not an image')
    if image.shape != (48, 48):
        raise DataError(f'{source.path}: {name} is {image.shape[1]}x{image.shape[0]}, not 48x48')
    return np.asarray(image, dtype=np.uint8)


@dataclass(frozen=True)
class _Details:
    fer2013: str = ''
    is_duplicate: bool = False
    is_in_other_split: bool = False


def _read_details(path: Path, folder_name: str) -> dict[str, _Details]:
    """Details of a split by image name; empty without the file."""
    if not path.is_file():
        return {}
    with path.open(newline='', encoding='utf-8-sig') as file:
        reader = csv.DictReader(file)
        needed = {'split', 'image', 'fer2013_label', 'duplicate_of'}
        if not needed <= set(reader.fieldnames or ()):
            raise DataError(f'{path}: the header lacks one of {sorted(needed)}')
        rows = list(reader)
    # Identical images name the same first one; the splits in which each of these groups stands.
    splits = defaultdict(set)
    for row in rows:
        splits[_first_copy(row)].add(row['split'])
    return {
        row['image']: _Details(
            row['fer2013_label'], bool(row['duplicate_of']), len(splits[_first_copy(row)]) > 1
        )
        for row in rows
        if row['split'] == folder_name
    }


def _first_copy(row: dict[str, str]) -> str:
    return row['duplicate_of'] or f'{row["split"]}/{row["image"]}'


def main(arguments: list[str] | None = None) -> int:
    """Print how many images with a majority label each split holds; return the exit status."""
    parser = argparse.ArgumentParser(description='Count the images of a FER+ data set.')
    parser.add_argument('--data', type=Path, required=True, help='folder with the FER+ splits')
    options = parser.parse_args(arguments)
    heads = ('split', 'images', *EXPRESSIONS, 'majority', 'first copies', 'in no other split')
    print('| ' + ' | '.join(heads) + ' |', '|' + '---|' * len(heads), sep='\n')
    try:
        for split in SPLITS:
            data = read_split(options.data, split)
            labels = majority_labels(data.votes)
            labelled = labels >= 0
            cells = (
                split,
                len(data),
                *np.bincount(labels[labelled], minlength=len(EXPRESSIONS)),
                labelled.sum(),
                (labelled & ~data.is_duplicate).sum(),
                (labelled & ~data.is_in_other_split).sum(),
            )
            print('| ' + ' | '.join(str(cell) for cell in cells) + ' |')
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
