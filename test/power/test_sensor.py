# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The automatic choice, and what every sensor has in common."""

import logging
import math

import pytest

from emotionnet_ros.power.power_model import PowerModel
from emotionnet_ros.power.sensor import SENSORS, PowerReading, SensorError, open_sensor

PMIC = 'VDD_CORE_A current(7)=2.0A\nVDD_CORE_V volt(15)=0.9V\n'
ORDER = ['jetson', 'raspberry_pi_5', 'hwmon', 'battery', 'rapl', 'cpu_time']


@pytest.fixture
def machine(sys_tree, proc_tree, clock, vcgencmd):
    """A machine that has every sensor; returns what takes one away, and what opens one."""
    sys_tree.write(
        {'name': 'ina3221', 'in1_label': 'VDD_IN', 'in1_input': 5000, 'curr1_input': 1000},
        'bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon0',
    )
    sys_tree.write({'name': 'ina226', 'power1_input': 2_000_000}, 'class/hwmon/hwmon1')
    sys_tree.write(
        {'type': 'Battery', 'status': 'Discharging', 'power_now': 3_000_000},
        'class/power_supply/BAT0',
    )
    zone = 'class/powercap/intel-rapl:0'
    sys_tree.write({'name': 'package-0', 'max_energy_range_uj': 1_000_000_000}, zone)
    clock.on_sleep = lambda _: sys_tree.write({'energy_uj': int(clock.now * 4e6)}, zone)
    clock.on_sleep(0)
    proc_tree.write({'stat': 'cpu 0 0 0 0 0 0 0 0 0 0'})
    command = vcgencmd(PMIC)

    class Machine:
        @staticmethod
        def lacks(name):
            if name == 'raspberry_pi_5':
                vcgencmd('error=1 error_msg="Command not registered"')
            else:
                sys_tree.remove(
                    {
                        'jetson': 'bus', 'hwmon': 'class/hwmon', 'rapl': 'class/powercap',
                        'battery': 'class/power_supply',
                    }[name]
                )  # fmt: skip

        @staticmethod
        def open(name='auto', **options):
            return open_sensor(
                name, sysfs_root=sys_tree.root, proc_root=proc_tree.root, vcgencmd=command,
                clock=clock, sleep=clock.sleep, **options,
            )  # fmt: skip

    return Machine


def test_the_table_is_in_order_of_preference():
    assert list(SENSORS) == ORDER


@pytest.mark.parametrize('index', range(len(ORDER)))
def test_the_first_that_works_is_chosen_and_the_reason_logged(machine, caplog, index):
    for name in ORDER[:index]:
        machine.lacks(name)
    with caplog.at_level(logging.INFO):
        sensor = machine.open()
    assert type(sensor).__module__ == SENSORS[ORDER[index]]
    [record] = caplog.records
    line = record.getMessage()
    assert line.startswith(f'Power sensor: {ORDER[index]}, the first that works; ')
    assert '\n' not in line
    for name in ORDER[:index]:
        assert f'{name}: ' in line.partition('Passed over:')[2]
    assert record.levelno == (logging.WARNING if ORDER[index] == 'cpu_time' else logging.INFO)


@pytest.mark.parametrize(
    ('name', 'watts', 'scope'),
    [
        ('jetson', 5.0, 'module'),
        ('raspberry_pi_5', 1.8 * 1.1451 + 0.5879, 'board'),
        ('hwmon', 2.0, 'board'),
        ('hwmon:ina226', 2.0, 'board'),
        ('battery', 3.0, 'battery'),
        ('rapl', 4.0, 'package'),
        ('cpu_time', 1.5, 'model'),
    ],
)
def test_any_may_be_asked_for_by_name(machine, clock, name, watts, scope):
    sensor = machine.open(name, calibration=PowerModel(1.5, 1.0))
    reading = sensor.read()
    assert (reading.watts, reading.scope) == (pytest.approx(watts), scope)
    assert reading.measured == (name != 'cpu_time')
    assert 0.0 <= clock.now - reading.stamp <= 0.1
    sensor.close()
    clock.sleep(0.5)
    assert sensor.read().watts == pytest.approx(watts)


@pytest.mark.parametrize('name', ORDER[:-1])
def test_one_asked_for_by_name_is_not_replaced(machine, name):
    machine.lacks(name)
    with pytest.raises(SensorError):
        machine.open(name)


@pytest.mark.parametrize('name', ['', 'ina226', 'JETSON', 'rapl:0', 'auto:x'])
def test_an_unknown_name(machine, name):
    with pytest.raises(SensorError, match=r'There is no power sensor|only hwmon takes a selector'):
        machine.open(name)


def test_nothing_works(tmp_path):
    with pytest.raises(SensorError, match=r'No power sensor works\. jetson: .* cpu_time: '):
        open_sensor(sysfs_root=tmp_path, proc_root=tmp_path, vcgencmd='no-such-command')


@pytest.mark.parametrize('watts', [0.0, -1.0, math.nan, math.inf, 10_001.0])
def test_a_reading_that_is_nonsense_does_not_exist(watts):
    with pytest.raises(SensorError, match=r'rail: .* W is nothing that a running computer draws'):
        PowerReading(watts, 0.0, 'rail', 'board', True)
