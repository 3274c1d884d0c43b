# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A YAML file made into what it describes; whatever is wrong is said with the file's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import yaml

Made = TypeVar('Made')


def read_yaml(path: Path, make: Callable[[object], Made], error: type[ValueError]) -> Made:
    """Read a file and hand its plain values to ``make``.

    Parameters
    ----------
    path
        Of a UTF-8 file.
    make
        Checks plain values (None for an empty file) and makes something of them; raises ``error``
        where they are wrong.
    error
        What the caller's users expect to be raised.

    Raises
    ------
    error
        If the file cannot be read, is no YAML or ``make`` raises it; the message begins with the
        path.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as problem:
        raise error(f'{path}: {problem.strerror}') from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise error(f'{path} is not YAML: {problem}') from problem
    try:
        return make(content)
    except error as problem:
        raise error(f'{path}: {problem}') from problem
