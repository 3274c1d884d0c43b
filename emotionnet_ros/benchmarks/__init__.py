# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How fast it is: measurements of networks, stages and peers in one run on one machine."""

import os

# Before NumPy is imported: one thread, as everything here is measured on one.
for _library in ('OPENBLAS', 'OMP', 'MKL'):
    os.environ.setdefault(f'{_library}_NUM_THREADS', '1')
