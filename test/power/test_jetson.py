# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The trees of both driver generations, board by board."""

import errno
import os
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.power import jetson
from emotionnet_ros.power.sensor import SensorError, SensorSettings, open_sensor

OLD = 'bus/i2c/drivers/ina3221x'
NEW = 'bus/i2c/drivers/ina3221'
AGX_XAVIER = {
    '1-0040/iio:device0': [('GPU', 1155), ('CPU', 385), ('SOC', 2504)],
    '1-0041/iio:device1': [('CV', 0), ('VDDRQ', 192), ('SYS5V', 2692)],
}


def jetpack_4(tree, devices):
    for device, rails in devices.items():
        for channel, (name, milliwatts) in enumerate(rails):
            tree.write(
                {
                    f'rail_name_{channel}': name,
                    f'in_power{channel}_input': milliwatts,
                    f'in_voltage{channel}_input': 19152,
                    f'in_current{channel}_input': milliwatts // 19,
                    f'crit_current_limit_{channel}': '32760 ma',
                },
                f'{OLD}/{device}',
            )


def jetpack_5(tree, devices):
    """Write channels from 1, each (label, mV, mA) or (label, mV, mA, enabled)."""
    for device, rails in devices.items():
        files = {'name': 'ina3221', 'in7_label': 'sum of shunt voltages', 'in7_input': 40}
        for channel, (label, millivolts, milliamperes, *enabled) in enumerate(rails, 1):
            files |= {
                f'in{channel}_label': label,
                f'in{channel}_enable': int(enabled != [False]),
                f'in{channel}_input': millivolts,
                f'curr{channel}_input': milliamperes,
                f'in{channel + 3}_input': milliamperes * 5,
                f'shunt{channel}_resistor': 5000,
            }
        tree.write(files, f'{NEW}/{device}')


def sensor(tree, clock=lambda: 5.0):
    return jetson.create(SensorSettings(sysfs_root=tree.root, clock=clock))


def test_agx_xavier_on_jetpack_4_is_the_sum_of_six(sys_tree):
    jetpack_4(sys_tree, AGX_XAVIER)
    reading = sensor(sys_tree).read()
    assert reading.watts == pytest.approx(6.928)
    assert reading.source == 'ina3221x GPU+CPU+SOC+CV+VDDRQ+SYS5V (AGX Xavier)'
    assert (reading.scope, reading.measured, reading.stamp) == ('module', True, 5.0)


def test_a_rail_of_agx_xavier_that_is_missing_is_not_overlooked(sys_tree):
    jetpack_4(sys_tree, {'1-0040/iio:device0': AGX_XAVIER['1-0040/iio:device0']})
    with pytest.raises(SensorError, match=r'GPU, CPU, SOC in .* are of no board known'):
        sensor(sys_tree).read()


@pytest.mark.parametrize(
    ('devices', 'watts', 'scope'),
    [
        (
            {'6-0040/iio:device0': [('POM_5V_IN', 2041), ('POM_5V_GPU', 40), ('POM_5V_CPU', 367)]},
            2.041,
            'module',
        ),
        (
            {
                '0-0040/iio:device0': [('VDD_SYS_GPU', 152), ('VDD_SYS_SOC', 457), ('WIFI', 19)],
                '0-0041/iio:device1': [('VDD_IN', 3200), ('VDD_SYS_CPU', 305), ('VDD_SYS_DDR', 9)],
                '0-0042/iio:device2': [('VDD_MUX', 1450), ('VDD_5V0_IO_SYS', 700), ('X', 1)],
            },
            4.65,
            'board',
        ),
        (
            {'7-0040/iio:device0': [('VDD_IN', 4111), ('VDD_CPU_GPU_CV', 737), ('VDD_SOC', 1270)]},
            4.111,
            'module',
        ),
    ],
    ids=['Nano', 'TX2', 'Xavier NX'],
)
def test_boards_on_jetpack_4(sys_tree, devices, watts, scope):
    jetpack_4(sys_tree, devices)
    reading = sensor(sys_tree).read()
    assert (reading.watts, reading.scope) == (pytest.approx(watts), scope)


@pytest.mark.parametrize(
    ('devices', 'watts'),
    [
        (
            {
                '1-0040/hwmon/hwmon3': [
                    ('VDD_GPU_SOC', 19200, 120),
                    ('VDD_CPU_CV', 19200, 40),
                    ('VIN_SYS_5V0', 4984, 800),
                ],
                '1-0041/hwmon/hwmon4': [
                    ('NC', 19200, 900),
                    ('VDDQ_VDD2_1V8AO', 4984, 150),
                    ('NC', 19200, 900),
                ],
            },
            (19200 * 160 + 4984 * 800) * 1e-6,
        ),
        (
            {
                '1-0040/hwmon/hwmon2': [
                    ('VDD_IN', 5072, 912),
                    ('VDD_CPU_GPU_CV', 5072, 96),
                    ('VDD_SOC', 5072, 288),
                ]
            },
            5072 * 912e-6,
        ),
    ],
    ids=['AGX Orin', 'Orin Nano'],
)
def test_boards_on_jetpack_5(sys_tree, devices, watts):
    jetpack_5(sys_tree, devices)
    assert sensor(sys_tree).read().watts == pytest.approx(watts)


def test_agx_xavier_on_jetpack_5(sys_tree):
    rails = [
        [(name, 19152, round(milliwatts * 1000 / 19152)) for name, milliwatts in channels]
        for channels in AGX_XAVIER.values()
    ]
    jetpack_5(sys_tree, {'1-0040/hwmon/hwmon0': rails[0], '1-0041/hwmon/hwmon1': rails[1]})
    assert sensor(sys_tree).read().watts == pytest.approx(6.928, abs=0.06)


def test_a_channel_that_is_off_does_not_count(sys_tree):
    jetpack_5(sys_tree, {'1-0040/hwmon/hwmon2': [('VDD_IN', 5072, 912, False)]})
    with pytest.raises(SensorError, match='no INA3221 rails'):
        sensor(sys_tree).read()


@given(
    milliwatts=st.lists(st.integers(0, 60_000), min_size=6, max_size=6).filter(lambda x: sum(x))
)
def test_the_sum_is_exact(make_tree, milliwatts):
    tree = make_tree()
    values = iter(milliwatts)
    jetpack_4(
        tree, {device: [(name, next(values)) for name, _ in r] for device, r in AGX_XAVIER.items()}
    )
    assert sensor(tree).read().watts == pytest.approx(sum(milliwatts) / 1000)


def test_follows_a_device_that_comes_back_under_another_number(sys_tree, kernel_files):
    jetpack_5(sys_tree, {'1-0040/hwmon/hwmon3': [('VDD_IN', 5000, 1000)]})
    one = sensor(sys_tree)
    assert one.read().watts == pytest.approx(5.0)
    sys_tree.remove(f'{NEW}/1-0040')
    for _ in range(2):
        with pytest.raises(SensorError, match='no INA3221 rails'):
            one.read()
    jetpack_5(sys_tree, {'1-0040/hwmon/hwmon7': [('VDD_IN', 5000, 1200)]})
    assert one.read().watts == pytest.approx(6.0)


def test_a_fault_of_the_bus_is_told_and_passes(sys_tree, kernel_files):
    jetpack_5(sys_tree, {'1-0040/hwmon/hwmon3': [('VDD_IN', 5000, 1000)]})
    one = sensor(sys_tree)
    one.read()
    kernel_files['curr1_input'] = errno.EREMOTEIO
    with pytest.raises(SensorError, match='curr1_input cannot be read: Remote I/O error'):
        one.read()
    kernel_files.clear()
    assert one.read().watts == pytest.approx(5.0)


@pytest.mark.parametrize('milliamperes', [0, -1000, 2_100_000, 'nan', 'garbage'])
def test_nonsense_is_an_error(sys_tree, milliamperes):
    jetpack_5(sys_tree, {'1-0040/hwmon/hwmon3': [('VDD_IN', 5000, 1000)]})
    one = sensor(sys_tree)
    one.read()
    sys_tree.write({f'{NEW}/1-0040/hwmon/hwmon3/curr1_input': milliamperes})
    with pytest.raises(SensorError, match='VDD_IN'):
        one.read()
    sys_tree.write({f'{NEW}/1-0040/hwmon/hwmon3/curr1_input': 800})
    assert one.read().watts == pytest.approx(4.0)


def test_reading_opens_nothing_and_is_cheaper_than_opening(sys_tree, monkeypatch):
    jetpack_4(sys_tree, AGX_XAVIER)
    one = open_sensor('jetson', sysfs_root=sys_tree.root)
    kept = min(timeit.repeat(one.read, number=50, repeat=5))

    def anew():
        one.close()
        one.read()

    assert kept < min(timeit.repeat(anew, number=50, repeat=5))
    monkeypatch.setattr(os, 'open', None)
    assert one.read().watts == pytest.approx(6.928)
