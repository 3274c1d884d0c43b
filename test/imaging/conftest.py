# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pictures that the imaging tests share, as RGB."""

import numpy as np
import pytest

from emotionnet_ros.imaging.sources import photograph


def synthetic() -> np.ndarray:
    """Saturated colours on slow gradients: subsampled colour and mosaics lose little of it."""
    y, x = np.mgrid[0:56, 0:72] / 72
    red = 20 + 200 * x
    green = 128 + 90 * np.cos(4 * x + 3 * y)
    blue = 230 - 200 * y
    return np.rint(np.dstack([red, green, blue])).astype(np.uint8)


@pytest.fixture(scope='session', params=['synthetic', 'astronaut'])
def picture(request) -> np.ndarray:
    if request.param == 'synthetic':
        return synthetic()
    return np.ascontiguousarray(photograph()[60:180, 150:300, ::-1])


@pytest.fixture(scope='session')
def gradients() -> np.ndarray:
    return synthetic()


@pytest.fixture(scope='session')
def astronaut() -> np.ndarray:
    return np.ascontiguousarray(photograph()[..., ::-1])
