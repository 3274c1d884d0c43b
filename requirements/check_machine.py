# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Say at once what the build would stumble over later."""

import importlib.util
import os
import shutil
import sys
import sysconfig

python = f'Python {sys.version_info.major}.{sys.version_info.minor} ({sys.executable})'
problems = []
if not (3, 10) <= sys.version_info[:2] <= (3, 13):
    problems.append(f'{python} does not fit: name one of 3.10 to 3.13 with make PYTHON=...')
if importlib.util.find_spec('ensurepip') is None:
    problems.append(f'{python} has no venv: install it (Debian, Ubuntu: python3-venv)')
if not os.path.exists(os.path.join(sysconfig.get_path('include'), 'Python.h')):
    problems.append(f'{python} has no headers: install them (Debian, Ubuntu: python3-dev)')
if not any(map(shutil.which, filter(None, (os.environ.get('CXX'), 'c++', 'g++', 'clang++')))):
    problems.append('no C++ compiler: install one (Debian, Ubuntu: g++)')
if problems:
    sys.exit('This machine lacks something:\n  ' + '\n  '.join(problems))
