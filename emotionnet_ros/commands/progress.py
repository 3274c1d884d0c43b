# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How far long work is: tqdm's bar where that is installed, a counter otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar('Item')
_PERIOD = 0.2


def with_progress(items: Iterable[Item], total: int, unit: str, shown: bool) -> Iterable[Item]:
    """Pass items through and show on standard error how many have passed.

    Parameters
    ----------
    total
        How many there will be; 0 where that is not known.
    shown
        False passes them silently, as does a standard error that is no terminal.
    """
    if not shown or not sys.stderr.isatty():
        return items
    try:
        from tqdm import tqdm  # optional
    except ImportError:
        return _counted(items, total, unit)
    bar: Iterable[Item] = tqdm(items, total=total or None, unit=f' {unit}')
    return bar


def _counted(items: Iterable[Item], total: int, unit: str) -> Iterator[Item]:
    of_total = f' of {total}' if total else ''
    said = 0.0
    try:
        for number, item in enumerate(items, 1):
            yield item
            if time.monotonic() - said >= _PERIOD or number == total:
                said = time.monotonic()
                print(f'\r{number}{of_total} {unit}', end='', file=sys.stderr, flush=True)
    finally:
        print(file=sys.stderr)
