# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark as people run it, with the whole node in it."""

import json
import subprocess
import sys
from pathlib import Path

from ament_index_python.packages import get_package_prefix


def test_the_whole_node_is_measured(tmp_path):
    program = Path(get_package_prefix('emotionnet_ros')) / 'lib' / 'emotionnet_ros' / 'benchmark'
    command = [sys.executable, program, '--quick', '--only', 'c', '--output', tmp_path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert '## c. The node over DDS' in ended.stdout
    subject = json.loads((tmp_path / 'report.json').read_text())['subjects']['c']
    assert subject['skipped'] == {}
    (row,) = subject['rows']
    values = row['values']
    assert values['faces found'] > 0.5
    assert values['CPU ms a frame, whole process'] > 0
    assert 0 < values['age ms, median'] <= values['age ms, 95 %']
    assert 1 < values['answers a second'] < 31
    assert values['memory MB'] > 10


def test_the_start_is_measured(tmp_path):
    program = Path(get_package_prefix('emotionnet_ros')) / 'lib' / 'emotionnet_ros' / 'benchmark'
    command = [sys.executable, program, '--quick', '--only', 'h', '--output', tmp_path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stderr
    subject = json.loads((tmp_path / 'report.json').read_text())['subjects']['h']
    assert subject['skipped'] == {}
    (row,) = subject['rows']
    values = row['values']
    assert 0 < values['first answer, s'] <= values['first face, s']
    assert 0 < values['active, s'] < values['first answer, s']
    assert values['bare subscription, first image, s'] > values['of it Python, s']
    assert values['its CPU time by then, s'] > 0
    assert values['of it Python, s'] > 0
