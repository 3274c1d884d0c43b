# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

from emotionnet_ros.power import battery
from emotionnet_ros.power.sensor import SensorError, SensorSettings

SUPPLY = 'class/power_supply'


def supply(tree, name='BAT0', kind='Battery', status='Discharging', **files):
    tree.write({'type': kind, 'status': status, **files}, f'{SUPPLY}/{name}')


def sensor(tree):
    return battery.create(SensorSettings(sysfs_root=tree.root, clock=lambda: 3.0))


@pytest.mark.parametrize('sign', [1, -1])
@pytest.mark.parametrize(
    'files', [{'power_now': 7_500_000}, {'current_now': 600_000, 'voltage_now': 12_500_000}]
)
def test_discharging_whatever_the_sign(sys_tree, sign, files):
    first = next(iter(files))
    supply(sys_tree, **{**files, first: sign * files[first]})
    reading = sensor(sys_tree).read()
    assert reading.watts == pytest.approx(7.5)
    assert reading.source == 'battery BAT0'
    assert (reading.scope, reading.measured, reading.stamp) == ('battery', True, 3.0)


def test_power_is_preferred_to_current_times_voltage(sys_tree):
    supply(sys_tree, power_now=9_000_000, current_now=1, voltage_now=12_500_000)
    assert sensor(sys_tree).read().watts == pytest.approx(9.0)


@pytest.mark.parametrize('status', ['Charging', 'Full', 'Not charging', 'Unknown'])
def test_it_tells_nothing_unless_discharging(sys_tree, status):
    supply(sys_tree, power_now=7_500_000)
    one = sensor(sys_tree)
    one.read()
    supply(sys_tree, status=status, power_now=7_500_000)
    with pytest.raises(SensorError, match=f'BAT0 is {status.lower()}'):
        one.read()
    supply(sys_tree, power_now=5_000_000)
    assert one.read().watts == pytest.approx(5.0)


def test_only_what_discharges_is_added_up(sys_tree):
    supply(sys_tree, 'AC', 'Mains')
    supply(sys_tree, 'BAT0', power_now=4_000_000)
    supply(sys_tree, 'BAT1', power_now=3_000_000)
    supply(sys_tree, 'BAT2', status='Charging', power_now=90_000_000)
    supply(sys_tree, 'hidpp_battery_0', scope='Device', power_now=1_000_000)
    reading = sensor(sys_tree).read()
    assert (reading.watts, reading.source) == (pytest.approx(7.0), 'battery BAT0+BAT1')


@pytest.mark.parametrize('files', [{}, {'current_now': 1_000_000}, {'voltage_now': 12_000_000}])
def test_a_battery_that_does_not_tell_its_power_is_none(sys_tree, files):
    supply(sys_tree, **files)
    with pytest.raises(SensorError, match=r'no battery in .* tells its power'):
        sensor(sys_tree).read()


def test_a_battery_that_is_exchanged(sys_tree, kernel_files):
    supply(sys_tree, 'BAT0', power_now=4_000_000)
    one = sensor(sys_tree)
    one.read()
    sys_tree.remove(f'{SUPPLY}/BAT0')
    with pytest.raises(SensorError, match='no battery'):
        one.read()
    supply(sys_tree, 'BAT1', power_now=6_000_000)
    assert one.read().watts == pytest.approx(6.0)
