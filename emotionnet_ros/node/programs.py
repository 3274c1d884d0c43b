# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Starts this room's programs as processes of their own, and ends them in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from ament_index_python.packages import get_package_prefix

DOMAINS = 100
STOP_TIMEOUT = 5.0


def private_domain() -> str:
    """Give a ROS domain id that another demo or a robot on this machine hardly has."""
    return str(1 + os.getpid() % DOMAINS)


def typed_name(executable: str) -> str:
    """Give the command as it was typed: ``emotionnet NAME``, or the executable's own name."""
    return os.environ.get('EMOTIONNET_COMMAND', executable)


def start_program(
    executable: str, *parameters: str, output: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Run an installed executable with parameters given as ``name:=value``.

    It gets a process group of its own, so that Ctrl-C is the starter's to handle. What it says
    goes to ``output``, or where the starter's goes.
    """
    prefix = Path(get_package_prefix('emotionnet_ros'))
    # By its path and not as a module: the working directory may hold the sources, which have no
    # built messages.
    command = [sys.executable, str(prefix / 'lib' / 'emotionnet_ros' / executable)]
    if parameters:
        command += ['--ros-args', *(part for value in parameters for part in ('-p', value))]
    stderr = subprocess.STDOUT if output else None
    return subprocess.Popen(command, start_new_session=True, stdout=output, stderr=stderr)


def stop_programs(programs: Sequence[subprocess.Popen[bytes]]) -> None:
    """Interrupt them all and wait; one that does not end is killed."""
    for program in programs:
        program.send_signal(signal.SIGINT)
    for program in programs:
        try:
            program.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
