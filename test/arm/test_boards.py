# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The package on emulated ARM boards: the answers of x86, sensors at their real place.

Runs on x86 and starts aarch64 programs: ``make test-arm``. ``boards.py`` has the boards.
"""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

ANSWERS = Path(__file__).with_name('answers.py')
ARM_PYTHON = os.environ['ARM_PYTHON']
CLOSE = 1e-3
# Emulated processors, and boards that have such a one.
PROCESSORS = {
    'cortex-a57': 'Jetson Nano, TX2',
    'cortex-a72': 'Raspberry Pi 4',
    'cortex-a76': 'Raspberry Pi 5; Orin nearly',
}


def run(python, *arguments, board='raspberry_pi_5', processor='cortex-a76', timeout=1800):
    source = str(Path(__file__).parents[2])
    emulated = {'EMULATED_BOARD': board, 'EMULATED_CPU': processor, 'PYTHONPATH': source}
    done = subprocess.run(
        [python, *map(str, arguments)],
        env={**os.environ, **emulated},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


arm = partial(run, ARM_PYTHON)


def of_board(board, code):
    """Run lines of Python on a board and give the JSON that they print."""
    return json.loads(arm('-c', code, board=board))


@pytest.fixture(scope='module')
def answers_of_x86(tmp_path_factory):
    path = tmp_path_factory.mktemp('answers') / 'x86.npz'
    run(sys.executable, ANSWERS, path)
    return np.load(path)


@pytest.mark.parametrize('processor', PROCESSORS)
def test_the_answers_are_those_of_x86(processor, answers_of_x86, tmp_path):
    path = tmp_path / 'arm.npz'
    arm(ANSWERS, path, processor=processor)
    answers = np.load(path)
    assert set(answers) == set(answers_of_x86)
    for name, expected in answers_of_x86.items():
        given = answers[name]
        # Crops are whole grey values.
        np.testing.assert_allclose(given, expected, rtol=0, atol=CLOSE, err_msg=name)
    classes = [answers[f'probabilities/faces/{n}'].argmax(axis=1) for n in ('nano_a', 'nano_b')]
    assert len(np.unique(classes)) >= 4, 'the faces are to differ'


@pytest.mark.parametrize(
    ('board', 'watts', 'source'),
    [
        ('agx_xavier_15w', 6.928, 'ina3221x GPU+CPU+SOC+CV+VDDRQ+SYS5V (AGX Xavier)'),
        ('orin_nx_10w', 4.992, 'VDD_IN'),
        ('ina226', 3.25, 'ina226'),
    ],
)
def test_a_sensor_is_found_at_its_real_place(board, watts, source):
    reading = of_board(
        board,
        'import json\n'
        'from emotionnet_ros.power.sensor import open_sensor\n'
        'reading = open_sensor().read()\n'
        'print(json.dumps([reading.watts, reading.source, reading.measured]))',
    )
    assert reading[0] == pytest.approx(watts)
    assert source in reading[1]
    assert reading[2]


def test_the_flag_of_low_voltage_is_found_at_its_real_place():
    code = (
        'import json\n'
        'from emotionnet_ros.power.flags import read_flags\n'
        'print(json.dumps(sorted(read_flags())))'
    )
    assert of_board('raspberry_pi_5', code) == ['under_voltage']
    assert of_board('raspberry_pi_4', code) == []


CLASSIFY = """
import json
import numpy as np
from emotionnet_ros.inference.classifier import Classifier
online = open('/sys/devices/system/cpu/online').read().strip()
classifier = Classifier('nano_b', threads=2)
probabilities = classifier.classify(np.zeros((1, 48, 48), np.uint8))
print(json.dumps([online, float(probabilities.sum())]))
"""


@pytest.mark.parametrize('board', ['agx_xavier_15w', 'orin_nx_10w'])
def test_the_network_runs_while_half_of_the_cores_are_offline(board):
    version = of_board(board, 'import sys; print(list(sys.version_info[:2]))')
    if version < [3, 11]:
        pytest.skip('the last ONNX Runtime for Python 3.10 does not import there')
    online, total = of_board(board, CLASSIFY)
    assert online == '0-3'
    assert total == pytest.approx(1.0, abs=1e-5)
