# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small space of designs, and a generated data set in FER+ layout."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from emotionnet_ros.design.prototype import Prototype, prototype_from

SMALL = {
    'stages': [
        {
            'name': 'a',
            'resolution': 24,
            'widths': [4, 8],
            'inner_widths': [3, 6],
            'out_widths': [6, 8],
            'depth': [0, 1],
            'projection': True,
            'prototype': {'width': 4, 'depth': 1},
        },
        {
            'name': 'b',
            'resolution': 12,
            'widths': [6, 8],
            'inner_widths': [4, 8],
            'out_widths': [8, 12],
            'depth': [0, 2],
            'projection': True,
            'prototype': {'width': 8, 'depth': 1},
        },
        {
            'name': 'c',
            'resolution': 6,
            'optional': True,
            'widths': [8, 12],
            'inner_widths': [8],
            'depth': [0, 1],
            'prototype': {'present': False},
        },
    ],
    'constraints': {'max_parameters': 4000},
    'subnetworks_per_step': 3,
}


@pytest.fixture
def small() -> Prototype:
    return prototype_from(SMALL)


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    path = tmp_path / 'prototype.yaml'
    path.write_text(yaml.safe_dump(SMALL))
    return path


def _picture(label: int, generator: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[0:48, 0:48]
    angle, period = np.pi * (label % 4) / 4, 2 if label < 4 else 5
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) / period + generator.uniform(0, 6))
    return np.clip(128 + 80 * wave + generator.normal(0, 10, (48, 48)), 0, 255).astype(np.uint8)


@pytest.fixture(scope='session')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stripes whose direction and width tell the expression."""
    root = tmp_path_factory.mktemp('ferplus')
    for number, (split, per_class) in enumerate({'FER2013Train': 8, 'FER2013Valid': 3}.items()):
        generator = np.random.default_rng(number)
        folder = root / split
        folder.mkdir()
        rows = []
        for label in np.repeat(np.arange(8), per_class):
            name = f'fer{len(rows):07d}.png'
            cv2.imwrite(str(folder / name), _picture(label, generator))
            votes = [0] * 10
            votes[label] = 10
            rows.append(','.join([name, '"(0, 0, 48, 48)"', *map(str, votes)]))
        (folder / 'label.csv').write_text('\n'.join(rows) + '\n')
    return root
