# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trees of files as the kernel shows them, and a clock that passes only when told to."""

import errno
import os
import shutil

import pytest


class Tree:
    """A fake /sys or /proc."""

    def __init__(self, root):
        self.root = root

    def write(self, files, below=''):
        """Write texts by path; an existing file keeps its place on the disk, as in /sys."""
        for path, text in files.items():
            full = self.root / below / path
            full.parent.mkdir(parents=True, exist_ok=True)
            full.write_text(f'{text}\n')

    def remove(self, path):
        """Take a folder away with all its files, as when a driver is unloaded."""
        shutil.rmtree(self.root / path)

    def move(self, before, after):
        """Take a folder away and show it elsewhere, as when a driver is loaded again."""
        shutil.copytree(self.root / before, self.root / after, symlinks=True)
        self.remove(before)

    def link(self, path, target):
        """Make a symbolic link to a folder, which is made too."""
        target = self.root / target
        target.mkdir(parents=True, exist_ok=True)
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.symlink_to(target)


class Clock:
    """Seconds; sleeping is the only thing that passes them."""

    def __init__(self):
        self.now = 100.0
        self.slept = []
        self.on_sleep = lambda seconds: None

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        self.on_sleep(seconds)


@pytest.fixture(scope='session')
def make_tree(tmp_path_factory):
    """Make further trees, for tests that need one for each example."""
    return lambda: Tree(tmp_path_factory.mktemp('sys'))


@pytest.fixture
def sys_tree(tmp_path):
    return Tree(tmp_path / 'sys')


@pytest.fixture
def proc_tree(tmp_path):
    return Tree(tmp_path / 'proc')


@pytest.fixture(scope='session')
def make_clock():
    return Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kernel_files(monkeypatch):
    """Let an open file of which nothing is left fail as it does in /sys.

    Returns a table of errors, by the file's name, for files that are there but cannot be read.
    """
    read = os.pread
    errors = {}

    def pread(descriptor, length, offset):
        if os.fstat(descriptor).st_nlink == 0:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        number = errors.get(os.path.basename(os.readlink(f'/proc/self/fd/{descriptor}')))
        if number is not None:
            raise OSError(number, os.strerror(number))
        return read(descriptor, length, offset)

    monkeypatch.setattr(os, 'pread', pread)
    return errors


@pytest.fixture
def vcgencmd(tmp_path):
    """Make a command that answers as told, and writes down that it was called."""

    def make(answer='', *, status=0, said='', seconds=0.0):
        (tmp_path / 'answer').write_text(answer)
        (tmp_path / 'said').write_text(said)
        command = tmp_path / 'vcgencmd'
        command.write_text(
            '#!/bin/sh\n'
            f'echo "$1" >> {tmp_path}/calls\n'
            f'[ {seconds} = 0.0 ] || exec sleep {seconds}\n'
            f'cat {tmp_path}/answer\ncat {tmp_path}/said >&2\nexit {status}\n'
        )
        command.chmod(0o755)
        return str(command)

    make.calls = lambda: (
        (tmp_path / 'calls').read_text().split() if (tmp_path / 'calls').exists() else []
    )
    return make
