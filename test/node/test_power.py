# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The power budget in the running node, with watts that come from the CPU time it really uses."""

import itertools
import math
import statistics
import time

import pytest
from emotionnet_ros.msg import ExpressionArray, PowerState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters

from emotionnet_ros.node.messages import seconds_of
from emotionnet_ros.power.simulated_jetson import (
    IDLE_WATTS,
    WATTS_PER_CORE,
    SimulatedJetson,
    cpu_seconds,
)


@pytest.fixture
def jetson(tmp_path):
    simulated = SimulatedJetson(tmp_path / 'sys')
    yield simulated
    simulated.close()


@pytest.fixture
def set_double(call):
    def set_value(name, number):
        value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=number)
        parameter = Parameter(name=name, value=value)
        answer = call(SetParameters, '/emotionnet/set_parameters', parameters=[parameter])
        assert answer.results[0].successful

    return set_value


@pytest.fixture
def wait(wait_until):
    """Let a span of the node's own time pass, while messages are taken in."""

    def pass_by(seconds):
        end = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() >= end, 'time')

    return pass_by


def skip_where_too_busy(state):
    """A node that gets too little of the processor cannot show what holding back does."""
    if state.rate < 20.0:
        pytest.skip(f'the machine is too busy: {state.rate:.0f} answers a second of 30')


def test_the_node_holds_its_budget_by_really_spending_less(
    start, jetson, collect, wait_until, wait, set_double
):
    states = collect(PowerState, 'power')
    answers = collect(ExpressionArray, 'expressions')
    # With the detector on every image, most of what the node draws is what the budget can hold.
    node = start(
        'emotionnet',
        power__sensor='jetson',
        power__sysfs_root=jetson.root,
        detector__interval=1,
    )
    start('player', rate=30.0)
    wait_until(lambda: len(answers) > 30 and states, 'answers')
    jetson.watch(node.process.pid)

    wait(5)
    skip_where_too_busy(states[-1])
    free = jetson.mean_watts(time.monotonic() - 4)
    assert states[-1].state == PowerState.OK
    assert states[-1].operating_point == 'configured'
    assert (states[-1].scope, states[-1].measured) == ('module', True)
    budget = IDLE_WATTS + 0.5 * (free - IDLE_WATTS)

    set_double('power.budget', budget)
    wait(12)
    begun = time.monotonic()
    cpu_before, answered_before = cpu_seconds(node.process.pid), len(answers)
    wait(10)
    held = jetson.mean_watts(begun)
    spent = (cpu_seconds(node.process.pid) - cpu_before) / (time.monotonic() - begun)
    assert states[-1].state == PowerState.LIMITED
    assert states[-1].budget == pytest.approx(budget)
    # What our work may draw is held within a tenth, on a machine that does other things too.
    ours = (held - IDLE_WATTS) / (budget - IDLE_WATTS)
    assert 0.8 <= ours <= 1.1
    assert spent * WATTS_PER_CORE < 0.65 * (free - IDLE_WATTS)
    assert len(answers) > answered_before

    jetson.foreign_watts = 0.3 * (budget - IDLE_WATTS)
    wait(12)
    begun = time.monotonic()
    wait(8)
    assert (jetson.mean_watts(begun) - IDLE_WATTS) / (budget - IDLE_WATTS) <= 1.1
    jetson.foreign_watts = 0.0

    set_double('power.budget', 0.0)
    wait_until(lambda: states[-1].operating_point == 'configured', 'the end of the budget')
    assert 'Operating point' in node.output
    assert 'Traceback' not in node.output
    stamps = [seconds_of(state.header.stamp) for state in states]
    periods = [after - before for before, after in itertools.pairwise(stamps)]
    assert statistics.median(periods) == pytest.approx(0.5, abs=0.1)


def test_a_budget_of_cpu_time_needs_no_sensor(start, collect, wait_until, wait, set_double):
    states = collect(PowerState, 'power')
    nowhere = '/no/such/folder'
    node = start('emotionnet', power__sysfs_root=nowhere, power__proc_root=nowhere)
    start('player', rate=30.0)
    wait_until(lambda: states and states[-1].rate > 5.0, 'answers')

    def percent(seconds):
        begun, before = time.monotonic(), cpu_seconds(node.process.pid)
        wait(seconds)
        return 100 * (cpu_seconds(node.process.pid) - before) / (time.monotonic() - begun)

    free = percent(5)
    skip_where_too_busy(states[-1])
    set_double('power.budget_cpu_percent', 0.6 * free)
    wait(12)
    assert 0.4 * free <= percent(8) <= 0.66 * free
    assert states[-1].state == PowerState.LIMITED
    assert math.isnan(states[-1].power)
    assert 'Traceback' not in node.output


def test_a_hot_processor_cuts_the_budget(start, jetson, collect, wait_until):
    zone = jetson.root / 'class/thermal/thermal_zone0'
    zone.mkdir(parents=True)
    files = {'temp': 50_000, 'trip_point_0_type': 'passive', 'trip_point_0_temp': 85_000}
    for name, value in files.items():
        (zone / name).write_text(f'{value}\n')
    states = collect(PowerState, 'power')
    node = start(
        'emotionnet', power__sensor='jetson', power__sysfs_root=jetson.root, power__budget=50.0
    )
    jetson.watch(node.process.pid)
    start('player', rate=15.0)
    wait_until(lambda: states and states[-1].state == PowerState.OK, 'a reading')
    (zone / 'temp').write_text('84000\n')
    wait_until(lambda: states[-1].state == PowerState.LIMITED, 'the cut')
    wait_until(lambda: ' by hot' in node.output, 'the reason')
    (zone / 'temp').write_text('50000\n')
    wait_until(lambda: states[-1].state == PowerState.OK, 'the end of the cut')


def test_a_budget_below_the_idle_power_is_unreachable_and_still_answered(
    start, jetson, collect, wait_until
):
    states = collect(PowerState, 'power')
    answers = collect(ExpressionArray, 'expressions')
    node = start(
        'emotionnet', power__sensor='jetson', power__sysfs_root=jetson.root, power__budget=5.0
    )
    jetson.watch(node.process.pid)
    start('player', rate=30.0)
    wait_until(lambda: states and states[-1].state == PowerState.UNREACHABLE, 'unreachable')
    before = len(answers)
    wait_until(lambda: len(answers) > before + 2, 'answers at the floor rate')
    assert states[-1].rate_limit <= 1.5
    assert 'cannot be held' in node.output


def test_a_sensor_that_goes_and_comes_back(start, jetson, collect, wait_until):
    states = collect(PowerState, 'power')
    node = start(
        'emotionnet', power__sensor='jetson', power__sysfs_root=jetson.root, power__budget=50.0
    )
    jetson.watch(node.process.pid)
    start('player', rate=15.0)
    wait_until(lambda: states and states[-1].state == PowerState.OK, 'a reading')
    moved = jetson.root.with_name('gone')
    jetson.close()
    jetson.root.rename(moved)
    for path in moved.rglob('curr1_input'):
        path.write_text('')  # what an open descriptor of a removed device gives
    wait_until(lambda: states[-1].state == PowerState.NO_SENSOR, 'the loss of the sensor')
    wait_until(lambda: states[-1].rate_limit < 2.0, 'the floor rate')
    for path in moved.rglob('curr1_input'):
        path.write_text('002000\n')
    moved.rename(jetson.root)
    wait_until(lambda: states[-1].state == PowerState.OK, 'the sensor back')
    wait_until(lambda: states[-1].rate_limit > 10.0, 'the rate back')
    assert 'Traceback' not in node.output


def test_a_sensor_asked_for_by_name_that_is_not_there_refuses_to_configure(start, wait_until):
    node = start('emotionnet', power__sensor='jetson', power__sysfs_root='/no/such/folder')
    wait_until(lambda: 'Not started' in node.output, 'the refusal')
    assert 'power.sensor is jetson' in node.output
    assert 'Traceback' not in node.output
