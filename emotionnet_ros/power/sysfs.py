# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The small files of /sys and /proc: kept open, read in place, found again when they have gone."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from emotionnet_ros.power.sensor import SensorError

Layout = TypeVar('Layout')

# What an open file says whose device has gone; its place may have changed when it comes back.
_GONE = {errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.EBADF, errno.ENOENT}
# A sysfs file is at most one page; of /proc/stat the first line is wanted.
_LENGTH = 4096


class OpenFiles(Generic[Layout]):
    """A group of files that are read together.

    Reading an open file takes a tenth of the time of opening it. Where a device has gone, its
    files are closed, looked for once more and read again.

    Parameters
    ----------
    find
        Returns what the files are, in any form, and their paths. Raises ``SensorError`` where
        they are not there.
    denied
        What to do where reading them is not permitted.
    """

    def __init__(
        self,
        find: Callable[[], tuple[Layout, Sequence[Path]]],
        denied: str = 'run as a user who may read it.',
    ) -> None:
        self._find = find
        self._denied = denied
        self._opened: tuple[Layout, list[tuple[int, Path]]] | None = None

    def read(self) -> tuple[Layout, list[str]]:
        """Return what ``find`` returned, and the stripped text of each file in its order.

        Raises
        ------
        SensorError
            A file is not there, may not be read, or gives nothing.
        """
        known = self._opened is not None
        layout, files = self._opened if self._opened is not None else self._open()
        try:
            return layout, [_read_in_place(*file) for file in files]
        except OSError as error:
            if error.errno not in _GONE:
                raise SensorError(f'{_reason(error)}.') from error
            self.close()
            if not known:
                raise SensorError(f'{_reason(error)}.') from error
        return self.read()

    def close(self) -> None:
        """Close the files; the next reading finds and opens them."""
        opened, self._opened = self._opened, None
        for descriptor, _ in opened[1] if opened else ():
            os.close(descriptor)

    def _open(self) -> tuple[Layout, list[tuple[int, Path]]]:
        layout, paths = self._find()
        self._opened = (layout, [])
        try:
            for path in paths:
                self._opened[1].append((os.open(path, os.O_RDONLY | os.O_CLOEXEC), path))
        except OSError as error:
            self.close()
            todo = f'; {self._denied}' if isinstance(error, PermissionError) else '.'
            raise SensorError(_reason(error) + todo) from error
        return self._opened


def read_text(path: Path) -> str:
    """Return the stripped text of a small file; empty where it cannot be read."""
    try:
        return path.read_text(errors='replace').strip()
    except OSError:
        return ''


def number(text: str, source: str) -> float:
    """Return the number that a file begins with: some give its unit after it.

    Raises
    ------
    SensorError
        It does not begin with a number.
    """
    try:
        return float(text.split()[0])
    except (IndexError, ValueError):
        raise SensorError(f'{source} says {text[:40]!r}, not a number.') from None


def _read_in_place(descriptor: int, path: Path) -> str:
    try:
        content = os.pread(descriptor, _LENGTH, 0)
    except OSError as error:
        error.filename = str(path)
        raise
    if not content:
        raise OSError(errno.ENODEV, 'the file is empty', str(path))
    return content.decode(errors='replace').strip()


def _reason(error: OSError) -> str:
    return f'{error.filename} cannot be read: {error.strerror}'
