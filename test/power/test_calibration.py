# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command, with a short load on this machine's cores."""

import contextlib
import os
import re
import subprocess
import sys
import time

import psutil
import pytest

from emotionnet_ros.power import calibration
from emotionnet_ros.power.power_model import load_power_model

SHORT = ['--seconds', '0.4', '--workers', '1']


class Busy:
    """In place of the machine's busy time, which other programs share: 0.1 cores and the load."""

    def __init__(self, proc_root):
        self.others = len(psutil.Process().children())

    def read(self):
        return time.monotonic() * (0.1 + len(psutil.Process().children()) - self.others)


def test_two_given_readings_make_a_model(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(calibration, 'BusyTime', Busy)
    path = tmp_path / 'model.yaml'
    readings = ['--idle-watts', '3.0', '--busy-watts', '4.9']
    assert calibration.main([*SHORT, *readings, '--output', str(path)]) == 0
    cores = re.findall(r'(?:at rest|under load): (\S+) cores busy', capsys.readouterr().out)
    idle_cores, busy_cores = map(float, cores)
    assert idle_cores < 0.2
    assert busy_cores > 0.7
    model = load_power_model(path)
    assert model.watts(idle_cores) == pytest.approx(3.0, abs=0.02)
    assert model.watts(busy_cores) == pytest.approx(4.9, abs=0.02)


def test_readings_the_wrong_way_round_are_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(calibration, 'BusyTime', Busy)
    path = tmp_path / 'model.yaml'
    readings = ['--idle-watts', '4.9', '--busy-watts', '3.0']
    assert calibration.main([*SHORT, *readings, '--output', str(path)]) == 1
    assert 'power did not rise' in capsys.readouterr().err
    assert not path.exists()


def test_the_phases_are_measured_and_asked_for_under_their_load(tmp_path, capsys, monkeypatch):
    """The model goes through the two measured points, with the load on while it is asked."""
    cores = {0: 0.25, 3: 3.25}
    running = []
    answers = iter(['three', '3,1', '6.1'])
    asked = []

    class Load:
        def __init__(self, workers):
            self.workers = workers

        def __enter__(self):
            running.append(self.workers)

        def __exit__(self, *_):
            running.pop()

    monkeypatch.setattr(calibration, 'load', Load)
    monkeypatch.setattr(
        calibration, 'measure', lambda *_: calibration.Phase(cores[running[-1]], None)
    )
    monkeypatch.setattr(calibration.time, 'sleep', lambda _: None)
    monkeypatch.setattr(sys.stdin, 'isatty', lambda: True, raising=False)
    monkeypatch.setattr(
        'builtins.input', lambda text: asked.append((text, running[-1])) or next(answers)
    )
    path = tmp_path / 'model.yaml'
    assert calibration.main(['--workers', '3', '--output', str(path)]) == 0
    model = load_power_model(path)
    assert model.watts_per_core == pytest.approx(1.0)
    assert model.idle_watts == pytest.approx(2.85)
    assert [workers for _, workers in asked] == [0, 0, 3]
    assert 'under load' in asked[2][0]


def test_the_load_keeps_a_core_busy_and_leaves_nothing_behind():
    before = {child.pid for child in psutil.Process().children()}
    with calibration.load(1):
        [worker] = [c for c in psutil.Process().children() if c.pid not in before]
        while worker.cpu_times().user < 0.3:
            assert worker.is_running()
            time.sleep(0.01)
    assert not psutil.pid_exists(worker.pid)


def test_the_load_ends_with_the_program_that_began_it():
    text = (
        'import os, psutil\n'
        'from emotionnet_ros.power.calibration import load\n'
        'with load(1):\n'
        '    print(psutil.Process().children()[0].pid, flush=True)\n'
        '    os._exit(9)\n'
    )
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, '-c', text], stdout=subprocess.PIPE, env=environment, timeout=60
    )
    assert result.returncode == 9
    worker = int(result.stdout)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(worker).wait(timeout=30)
    assert not psutil.pid_exists(worker)


def test_a_load_that_fails_is_told(monkeypatch):
    monkeypatch.setattr(calibration, '_LOAD', 'raise SystemExit(3)')

    def run():
        with calibration.load(1):
            [worker] = psutil.Process().children()
            psutil.wait_procs([worker], timeout=30)

    with pytest.raises(RuntimeError, match='ended by itself'):
        run()


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (['--idle-watts', '3'], 'given together'),
        (['--idle-watts', '3', '--busy-watts', '6', '--reference', 'hwmon'], 'takes the place of'),
        (['--seconds', '0', '--reference', 'hwmon'], 'must lie in'),
        (['--seconds', 'nan', '--reference', 'hwmon'], 'must lie in'),
        (['--workers', '0', '--reference', 'hwmon'], 'must lie in'),
        ([], 'nobody to ask'),
    ],
)
def test_wrong_options(capsys, monkeypatch, arguments, reason):
    monkeypatch.setattr(sys.stdin, 'isatty', lambda: False, raising=False)
    with pytest.raises(SystemExit) as caught:
        calibration.main(arguments)
    assert caught.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ('reference', 'reason'),
    [('no_such', 'There is no power sensor'), ('cpu_time', 'is an estimate itself')],
)
def test_a_reference_that_does_not_measure(tmp_path, capsys, reference, reason):
    path = tmp_path / 'model.yaml'
    assert calibration.main([*SHORT, '--reference', reference, '--output', str(path)]) == 1
    assert reason in capsys.readouterr().err
    assert not path.exists()


def test_a_reference_takes_the_place_of_the_meter(tmp_path, monkeypatch, sys_tree):
    """A simulated monitor whose watts follow the load that is really there."""
    sys_tree.write({'name': 'ina226', 'power1_input': 1}, 'class/hwmon/hwmon0')
    loads, opens = calibration.load, calibration.open_sensor
    state = {'watts': 4.0}

    def load(workers):
        state['watts'] = 4.0 + 500.0 * workers
        sys_tree.write({'class/hwmon/hwmon0/power1_input': round(state['watts'] * 1e6)})
        return loads(workers)

    sys_tree.write({'class/hwmon/hwmon0/power1_input': 4_000_000})
    monkeypatch.setattr(calibration, 'load', load)
    monkeypatch.setattr(
        calibration, 'open_sensor', lambda name: opens(name, sysfs_root=sys_tree.root)
    )
    values = []
    monkeypatch.setattr(
        calibration, 'two_point_model', lambda *points: values.extend(points) or MODEL
    )
    path = tmp_path / 'model.yaml'
    assert calibration.main([*SHORT, '--reference', 'hwmon', '--output', str(path)]) == 0
    idle_watts, idle_cores, busy_watts, busy_cores = values
    assert (idle_watts, busy_watts) == (pytest.approx(4.0), pytest.approx(504.0))
    assert idle_cores >= 0.0
    assert busy_cores > 0.3


MODEL = calibration.two_point_model(1.0, 0.0, 2.0, 1.0)


def test_interrupted(monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(calibration, 'calibrate', interrupted)
    assert calibration.main(['--reference', 'hwmon']) == 130
    assert 'interrupted' in capsys.readouterr().err
