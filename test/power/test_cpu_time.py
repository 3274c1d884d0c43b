# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.power import cpu_time
from emotionnet_ros.power.power_model import PowerModel
from emotionnet_ros.power.sensor import SensorError, SensorSettings

TICKS = os.sysconf('SC_CLK_TCK')


def stat(tree, *, user=0, nice=0, system=0, idle=0, iowait=0, irq=0, softirq=0, steal=0, guest=0):
    columns = f'{user} {nice} {system} {idle} {iowait} {irq} {softirq} {steal} {guest} 0'
    tree.write({'stat': f'cpu  {columns}\ncpu0 {columns}\nintr 1 2 3\nctxt 99\nbtime 1'})


def sensor(tree, clock, **settings):
    return cpu_time.create(
        SensorSettings(proc_root=tree.root, clock=clock, sleep=clock.sleep, **settings)
    )


def test_idle_power_and_so_much_a_busy_core(proc_tree, clock):
    stat(proc_tree)
    one = sensor(proc_tree, clock, calibration=PowerModel(2.7, 0.93))
    reading = one.read()
    assert reading.watts == pytest.approx(2.7)
    assert (reading.scope, reading.measured) == ('model', False)
    assert reading.source == 'cpu_time (calibrated)'
    clock.now += 0.5
    # Two cores' worth of work, of every kind; what is no work or counted already is left out.
    stat(
        proc_tree, user=TICKS // 2, nice=TICKS // 5, system=TICKS // 10, irq=TICKS // 10,
        softirq=TICKS // 10, idle=999, iowait=999, steal=999, guest=TICKS // 2,
    )  # fmt: skip
    reading = one.read()
    assert reading.watts == pytest.approx(2.7 + 2 * 0.93)
    assert reading.stamp == clock.now


@given(
    idle=st.floats(0.1, 50.0),
    per_core=st.floats(0.01, 20.0),
    cores=st.floats(0.0, 64.0),
    seconds=st.floats(0.11, 9.0),
)
def test_any_model_and_load(make_tree, make_clock, idle, per_core, cores, seconds):
    tree, clock = make_tree(), make_clock()
    stat(tree, user=1000)
    one = sensor(tree, clock, calibration=PowerModel(idle, per_core))
    one.read()
    clock.now += seconds
    ticks = round(cores * seconds * TICKS)
    stat(tree, user=1000 + ticks)
    assert one.read().watts == pytest.approx(idle + per_core * ticks / TICKS / seconds)
    one.close()


@pytest.mark.parametrize(
    ('board', 'name', 'idle'),
    [
        ('Raspberry Pi 4 Model B Rev 1.4\0', 'Raspberry Pi 4', 2.7),
        ("Somebody's Board\0", 'generic', None),
        (None, 'generic', None),
    ],
)  # fmt: skip
def test_an_uncalibrated_model_says_so(proc_tree, clock, board, name, idle):
    stat(proc_tree)
    if board is not None:
        proc_tree.write({'device-tree/model': board})
    reading = sensor(proc_tree, clock).read()
    assert f'uncalibrated, {name}' in reading.source
    assert not reading.measured
    assert idle is None or reading.watts == pytest.approx(idle)


def test_pi_4_with_all_cores_busy_is_as_published():
    model = {name: PowerModel(*rest) for name, *rest in cpu_time.BOARDS}['Raspberry Pi 4']
    assert model.watts(4) == pytest.approx(6.4, abs=0.05)


@pytest.mark.parametrize('machine', ['aarch64', 'armv7l', 'x86_64', 'riscv64'])
def test_every_architecture_has_a_generic_model(proc_tree, machine):
    name, model = cpu_time.default_model(proc_tree.root, machine)
    assert name == f'generic {machine}'
    assert model.idle_watts > 0
    assert not model.calibrated


@pytest.mark.parametrize('text', ['', 'intr 1 2 3', 'cpu 1 2', 'cpu a b c d e f g h'])
def test_a_file_that_is_not_the_kernels(proc_tree, clock, text):
    proc_tree.write({'stat': text})
    with pytest.raises(SensorError, match='stat'):
        sensor(proc_tree, clock).read()


def test_no_file(proc_tree, clock):
    with pytest.raises(SensorError, match='stat cannot be read'):
        sensor(proc_tree, clock).read()


def test_this_machines_own_file_counts_this_process():
    busy_time = cpu_time.BusyTime(Path('/proc'))
    before, own = busy_time.read(), time.process_time()
    while time.process_time() - own < 0.2:
        pass
    # The kernel may count by looking at each tick who runs.
    assert busy_time.read() - before >= 0.1
    busy_time.close()
