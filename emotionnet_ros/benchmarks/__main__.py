# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``python -m emotionnet_ros.benchmarks``; see ``command``."""

import sys

from emotionnet_ros.benchmarks.command import main

if __name__ == '__main__':
    sys.exit(main())
