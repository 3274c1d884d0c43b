# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Player, node and watcher together, on a private ROS domain: ``make demo``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import IO

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.impl.implementation_singleton import rclpy_implementation

from emotionnet_ros.node.programs import private_domain, start_program, stop_programs, typed_name
from emotionnet_ros.node.watcher import Watcher

FIRST_ANSWER_TIMEOUT = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 when a part ends by itself or nothing is answered."""
    parser = argparse.ArgumentParser(prog=typed_name('demo'), description=__doc__)
    parser.add_argument('--source', default='', help='video, folder, picture or device')
    parser.add_argument('--rate', type=float, default=0.0, help='pictures a second')
    parser.add_argument('--duration', type=float, default=0.0, help='seconds; 0: until Ctrl-C')
    options = parser.parse_args(arguments)

    started = time.monotonic()
    os.environ.setdefault('ROS_DOMAIN_ID', private_domain())
    # The programs have groups of their own, so that a terminal that closes tells them nothing. An
    # exception raised here could get lost in a callback; rclpy's own handler ends the spinning.
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    with ExitStack() as stack:
        # On a terminal the table would wipe out what the programs say: it is shown at the end.
        output = stack.enter_context(tempfile.TemporaryFile()) if sys.stdout.isatty() else None
        rclpy.init()
        watcher = Watcher()
        programs = {}
        fault = ''
        try:
            programs['player'] = start_program(
                'player', f'source:={options.source!r}', f'rate:={options.rate}', output=output
            )
            programs['node'] = start_program('emotionnet', output=output)
            while not fault and not 0 < options.duration <= time.monotonic() - started:
                rclpy.spin_once(watcher, timeout_sec=0.1)
                ended = [name for name, program in programs.items() if program.poll() is not None]
                if ended:
                    fault = f'The {ended[0]} ended; see its message above.'
                elif not watcher.answers and time.monotonic() - started > FIRST_ANSWER_TIMEOUT:
                    fault = f'No answer in {FIRST_ANSWER_TIMEOUT:g} s.'
        except (KeyboardInterrupt, ExternalShutdownException):
            pass
        except rclpy_implementation.RCLError:
            if rclpy.ok():  # otherwise a SIGTERM came just before rclpy waited
                raise
        finally:
            stop_programs(list(programs.values()))
            rclpy.try_shutdown()
        if output:
            _show(output)
    if watcher.first_face:
        print(f'The first expression came {watcher.first_face - started:.1f} s after the start.')
    if fault:
        print(fault, file=sys.stderr)
    return 1 if fault else 0


def _show(output: IO[bytes]) -> None:
    output.seek(0)
    print(f'\nWhat player and node said:\n{output.read().decode(errors="replace")}')
