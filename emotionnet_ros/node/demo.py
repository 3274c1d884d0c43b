# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Player, node and watcher together, on a private ROS domain: ``make demo``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

import rclpy
from rclpy.executors import ExternalShutdownException

from emotionnet_ros.node.programs import private_domain, start_program, stop_programs
from emotionnet_ros.node.watcher import Watcher

FIRST_ANSWER_TIMEOUT = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 when a part ends by itself or nothing is answered."""
    parser = argparse.ArgumentParser(prog='make demo', description=__doc__)
    parser.add_argument('--source', default='', help='video, folder, picture or device')
    parser.add_argument('--rate', type=float, default=0.0, help='pictures a second')
    parser.add_argument('--duration', type=float, default=0.0, help='seconds; 0: until Ctrl-C')
    options = parser.parse_args(arguments)

    started = time.monotonic()
    os.environ.setdefault('ROS_DOMAIN_ID', private_domain())
    programs = {
        'player': start_program('player', f'source:={options.source!r}', f'rate:={options.rate}'),
        'node': start_program('main'),
    }
    rclpy.init()
    watcher = Watcher()
    status = 0
    answered = False
    try:
        while not options.duration or time.monotonic() - started < options.duration:
            rclpy.spin_once(watcher, timeout_sec=0.1)
            ended = [name for name, program in programs.items() if program.poll() is not None]
            if ended:
                print(f'The {ended[0]} ended; see its message above.', file=sys.stderr)
                status = 1
                break
            if watcher.faces and not answered:
                answered = True
                print(f'First expression {time.monotonic() - started:.1f} s after the start')
            if not watcher.answers and time.monotonic() - started > FIRST_ANSWER_TIMEOUT:
                print(f'No answer in {FIRST_ANSWER_TIMEOUT:g} s.', file=sys.stderr)
                status = 1
                break
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        stop_programs(list(programs.values()))
        rclpy.try_shutdown()
    return status


if __name__ == '__main__':
    sys.exit(main())
