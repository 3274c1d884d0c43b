# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A generated data set in FER+ layout: every expression is a pattern of its own."""

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

PER_CLASS = {'FER2013Train': 8, 'FER2013Valid': 3, 'FER2013Test': 2}


def pattern(label: int, generator: np.random.Generator) -> np.ndarray:
    """A 48x48 picture that shows its label: stripes whose direction and width tell it."""
    y, x = np.mgrid[0:48, 0:48]
    angle = np.pi * (label % 4) / 4
    phase = (x * np.cos(angle) + y * np.sin(angle)) / (2 if label < 4 else 5)
    noise = generator.normal(0, 10, (48, 48))
    return np.clip(128 + 80 * np.sin(phase + generator.uniform(0, 6)) + noise, 0, 255).astype(
        np.uint8
    )


def png(image: np.ndarray) -> bytes:
    return cv2.imencode('.png', image)[1].tobytes()


def label_csv(rows: list[tuple[str, list[int]]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    for name, votes in rows:
        writer.writerow([name, '(0, 0, 48, 48)', *votes])
    return text.getvalue()


def write_tree(root: Path, as_zip: bool = False) -> Path:
    root.mkdir(exist_ok=True)
    number = 0
    for split, per_class in PER_CLASS.items():
        generator = np.random.default_rng(number)
        files = {}
        rows = []
        for label in np.repeat(np.arange(8), per_class):
            name = f'fer{number:07d}.png'
            number += 1
            votes = [0] * 10
            votes[label], votes[(label + 1) % 8] = 7, 3
            files[name] = png(pattern(label, generator))
            rows.append((name, votes))
        files['label.csv'] = label_csv(rows).encode()
        if as_zip:
            with zipfile.ZipFile(root / f'{split}.zip', 'w') as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
        else:
            (root / split).mkdir()
            for name, content in files.items():
                (root / split / name).write_bytes(content)
    return root


@pytest.fixture(scope='session')
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp('ferplus'))


@pytest.fixture
def fresh_tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / 'ferplus')


@pytest.fixture
def zipped_tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / 'zipped', as_zip=True)


# CK+'s classes as its cropped folders call them, and their indices of EXPRESSIONS.
CKPLUS_CLASSES = {
    'anger': 4,
    'contempt': 7,
    'disgust': 5,
    'fear': 6,
    'happy': 1,
    'sadness': 3,
    'surprise': 2,
}


def write_ckplus_folders(root: Path, subjects: tuple[str, ...]) -> Path:
    """CK+ as cropped folders: of every subject one sequence of three frames for each class."""
    for number, (name, label) in enumerate(CKPLUS_CLASSES.items(), start=1):
        folder = root / name
        folder.mkdir(parents=True)
        for subject in subjects:
            generator = np.random.default_rng([label, int(subject[1:])])
            for frame in (12, 13, 14):
                path = folder / f'{subject}_{number:03d}_{frame:08d}.png'
                path.write_bytes(png(pattern(label, generator)))
    return root


@pytest.fixture(scope='session')
def ckplus_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('ckplus')
    return write_ckplus_folders(root, ('S005', 'S010', 'S130', 'S999'))


@pytest.fixture
def fresh_ckplus_folders(tmp_path: Path) -> Path:
    return write_ckplus_folders(tmp_path / 'ckplus', ('S005', 'S010'))


@pytest.fixture(scope='session')
def draw() -> Callable[[int, np.random.Generator], np.ndarray]:
    """What draws a picture that shows its label."""
    return pattern
