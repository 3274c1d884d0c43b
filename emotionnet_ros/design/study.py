# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A study's folder: which space it explores, and its small files.

``space.json`` notes the space, ``supernet/`` holds the supernet's run, ``study.db`` every trial,
``baselines.json`` what stands beside them, ``latency.json`` what was measured, ``front.json``,
``front.md`` and ``front.png`` the result and ``designs/`` its networks.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from emotionnet_ros.design.prototype import Prototype

SUPERNET = 'supernet'
TRIALS = 'study.db'
LATENCY = 'latency.json'
DESIGNS = 'designs'
BASELINES = 'baselines.json'
_SPACE = 'space.json'


class StudyError(RuntimeError):
    """A study cannot go on; the message names the file and what to do."""


def claim(folder: Path, prototype: Prototype) -> None:
    """Note the space in a new folder; make sure that a folder in use has the same.

    Constraints may change: they take nothing from what the supernet has learnt.

    Raises
    ------
    StudyError
        If the folder is of another space or cannot be written.
    """
    path = folder / _SPACE
    # Through JSON and back: tuples become lists.
    ours = json.loads(json.dumps(prototype.space()))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            replace_json(path, ours)
    except OSError as error:
        raise StudyError(f'{error.filename}: {error.strerror}') from error
    if read_json(path) != ours:
        raise StudyError(
            f'{path} is of another space of designs: give the old --prototype, or another --study'
        )


def read_json(path: Path) -> Any:
    """Content of a JSON file.

    Raises
    ------
    StudyError
        If it cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise StudyError(f'{path}: {error.strerror}') from error
    except ValueError as error:
        raise StudyError(f'{path} is not JSON: {error}; delete it') from error


def replace_json(path: Path, content: object) -> None:
    """Write a JSON file, whole or not at all."""
    temporary = path.with_suffix('.tmp')
    temporary.write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')
    os.replace(temporary, path)
