# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Commands as people type them, in this process and in one of its own."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

import emotionnet_ros.commands.main
from emotionnet_ros.faces.detection import DetectorError, open_detector

FOLDER = Path(emotionnet_ros.commands.main.__file__).parents[2]


@pytest.fixture(scope='session')
def detector():
    try:
        open_detector()
    except DetectorError as error:
        pytest.skip(str(error))


@pytest.fixture(scope='session')
def picture_file(tmp_path_factory, face_picture):
    path = tmp_path_factory.mktemp('pictures') / 'face.png'
    cv2.imwrite(str(path), face_picture)
    return path


@pytest.fixture
def run():
    """Run emotionnet in a process of its own; blocked packages are as if not installed."""

    def start(*arguments, blocked=(), **environment):
        code = (
            f'import sys; sys.path.insert(0, {str(FOLDER)!r}); '
            f'sys.modules.update(dict.fromkeys({list(blocked)!r})); '
            'from emotionnet_ros.commands.main import main; sys.exit(main())'
        )
        clean = {k: v for k, v in os.environ.items() if k != 'AMENT_PREFIX_PATH'}
        return subprocess.run(
            [sys.executable, '-c', code, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**clean, **environment},
        )

    return start
