# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.power import hwmon
from emotionnet_ros.power.sensor import SensorError, SensorSettings

HWMON = 'class/hwmon'


def chip(tree, number, name, device, **files):
    """Write a chip; keywords are file names."""
    tree.link(f'{HWMON}/hwmon{number}/device', f'devices/{device}')
    tree.write({'name': name, **files}, f'{HWMON}/hwmon{number}')


def ina226(tree, number=0, device='1-0040', microwatts=6_500_000):
    chip(
        tree, number, 'ina226', device,
        in0_input=6, in1_input=12_000, curr1_input=540, power1_input=microwatts,
        shunt_resistor=2000,
    )  # fmt: skip


def sensor(tree, clock, selector=''):
    settings = SensorSettings(
        sysfs_root=tree.root, selector=selector, clock=clock, sleep=clock.sleep
    )
    return hwmon.create(settings)


def test_power(sys_tree, clock):
    ina226(sys_tree)
    reading = sensor(sys_tree, clock).read()
    assert reading.watts == pytest.approx(6.5)
    assert reading.source == 'hwmon ina226@1-0040/power1'
    assert (reading.scope, reading.measured, reading.stamp) == ('board', True, 100.0)


def test_the_mean_is_preferred_to_the_momentary_power(sys_tree, clock):
    chip(
        sys_tree, 4, 'power_meter', 'ACPI000D:00', power1_average=41_000_000,
        power1_input=55_000_000, power1_average_interval=1000,
    )  # fmt: skip
    assert sensor(sys_tree, clock).read().watts == pytest.approx(41.0)


def test_volts_times_amperes_of_an_ina219_leave_its_shunt_out(sys_tree, clock):
    chip(sys_tree, 1, 'ina219', '1-0041', in0_input=54, in1_input=5_104, curr1_input=1_200)
    reading = sensor(sys_tree, clock).read()
    assert reading.watts == pytest.approx(5.104 * 1.2)
    assert reading.source == 'hwmon ina219@1-0041/in1'


def test_energy_is_preferred_to_power(sys_tree, clock):
    chip(sys_tree, 2, 'ltc2947', '1-005c', energy1_input=0, power1_input=99_000_000)
    energy = {f'{HWMON}/hwmon2/energy1_input': 1_000_000}
    clock.on_sleep = lambda _: sys_tree.write(energy)
    one = sensor(sys_tree, clock)
    assert one.read().watts == pytest.approx(10.0)  # 1 J in the first 0.1 s
    clock.now += 0.5
    sys_tree.write({f'{HWMON}/hwmon2/energy1_input': 5_000_000})
    reading = one.read()
    assert reading.watts == pytest.approx(8.0)
    assert (reading.stamp, reading.source) == (clock.now, 'hwmon ltc2947@1-005c/energy1')
    assert clock.slept == [0.1]


def test_a_counter_that_begins_anew_costs_one_reading(sys_tree, clock):
    chip(sys_tree, 2, 'ltc2947', '1-005c', energy1_input=7_000_000)
    path = f'{HWMON}/hwmon2/energy1_input'
    clock.on_sleep = lambda _: sys_tree.write({path: 7_600_000})
    one = sensor(sys_tree, clock)
    assert one.read().watts == pytest.approx(6.0)
    clock.now += 0.5
    sys_tree.write({path: 100})
    with pytest.raises(SensorError, match='began anew'):
        one.read()
    clock.on_sleep = lambda _: sys_tree.write({path: 400_100})
    assert one.read().watts == pytest.approx(4.0)


@given(
    steps=st.lists(
        st.tuples(st.floats(0.11, 5.0), st.integers(1_000, 50_000_000)), min_size=1, max_size=8
    )
)
def test_no_energy_between_readings_is_missed(make_tree, steps):
    tree, now, total = make_tree(), [0.0], [0]
    chip(tree, 0, 'ltc2947', '1-005c', energy1_input=0)

    def passes(seconds, microjoules=100_000):
        now[0] += seconds
        total[0] += microjoules
        tree.write({f'{HWMON}/hwmon0/energy1_input': total[0]})

    settings = SensorSettings(sysfs_root=tree.root, clock=lambda: now[0], sleep=passes)
    one = hwmon.create(settings)
    joules, stamp = one.read().watts * 0.1, one.read().stamp
    for step in steps:
        passes(*step)
        reading = one.read()
        joules += reading.watts * (reading.stamp - stamp)
        stamp = reading.stamp
    assert joules == pytest.approx(total[0] * 1e-6)
    one.close()


def test_chips_that_measure_a_part_are_not_taken_by_themselves(sys_tree, clock):
    chip(sys_tree, 0, 'amdgpu', '0000:03:00.0', power1_average=9_000_000, power1_label='PPT')
    chip(sys_tree, 1, 'coretemp', 'coretemp.0', temp1_input=40_000)
    with pytest.raises(SensorError, match=r'choose it|one of hwmon:amdgpu@0000:03:00.0/PPT'):
        sensor(sys_tree, clock)
    assert sensor(sys_tree, clock, 'amdgpu').read().watts == pytest.approx(9.0)


def test_selectors(sys_tree, clock):
    ina226(sys_tree, 0, '1-0040', 6_000_000)
    ina226(sys_tree, 1, '1-0041', 2_000_000)
    chip(
        sys_tree, 2, 'ina3221', '2-0040',
        in1_label='VDD_12V', in1_enable=1, in1_input=12_000, curr1_input=500,
        in2_label='NC', in2_enable=1, in2_input=12_000, curr2_input=500,
        in3_label='VDD_5V', in3_enable=1, in3_input=5_000, curr3_input=600,
        in4_input=2500, in7_input=40,
    )  # fmt: skip
    with pytest.raises(SensorError, match=r'4 channels .* hwmon:ina226@1-0041/power1'):
        sensor(sys_tree, clock)
    with pytest.raises(SensorError, match='2 channels of ina226'):
        sensor(sys_tree, clock, 'ina226')
    assert sensor(sys_tree, clock, 'ina226@1-0041').read().watts == pytest.approx(2.0)
    assert sensor(sys_tree, clock, 'ina3221/VDD_12V').read().watts == pytest.approx(6.0)
    assert sensor(sys_tree, clock, 'ina3221@2-0040/in3').read().watts == pytest.approx(3.0)
    for wrong in ('ina3221/in2', 'ina226/power7', 'ina999', 'ina226@1-0099'):
        with pytest.raises(SensorError, match=f'no channel of {wrong}'):
            sensor(sys_tree, clock, wrong)
    with pytest.raises(SensorError, match='not of the form'):
        sensor(sys_tree, clock, '/power1')


def test_a_channel_that_is_off_is_left_out(sys_tree, clock):
    chip(
        sys_tree, 0, 'ina3221', '1-0040',
        in1_label='VIN', in1_enable=1, in1_input=12_000, curr1_input=500,
        in2_label='AUX', in2_enable=0, in2_input=12_000, curr2_input=500,
    )  # fmt: skip
    assert sensor(sys_tree, clock).read().source == 'hwmon ina3221@1-0040/VIN'


def test_follows_a_chip_whose_number_has_changed(sys_tree, clock, kernel_files):
    chip(sys_tree, 0, 'nvme', 'nvme0', temp1_input=30_000)
    ina226(sys_tree, 1)
    one = sensor(sys_tree, clock)
    one.read()
    sys_tree.remove(f'{HWMON}/hwmon1')
    with pytest.raises(SensorError, match='no channel known to measure the whole board'):
        one.read()
    ina226(sys_tree, 5, microwatts=3_000_000)
    # The old number is another chip's now.
    chip(sys_tree, 1, 'amdgpu', '0000:03:00.0', power1_input=77_000_000)
    assert one.read().watts == pytest.approx(3.0)


def test_energy_after_the_chip_was_away(sys_tree, clock, kernel_files):
    chip(sys_tree, 2, 'ltc2947', '1-005c', energy1_input=0)
    clock.on_sleep = lambda _: sys_tree.write({f'{HWMON}/hwmon2/energy1_input': 500_000})
    one = sensor(sys_tree, clock)
    one.read()
    sys_tree.remove(f'{HWMON}/hwmon2')
    clock.now += 0.5
    with pytest.raises(SensorError):
        one.read()
    chip(sys_tree, 3, 'ltc2947', '1-005c', energy1_input=0)
    clock.on_sleep = lambda _: sys_tree.write({f'{HWMON}/hwmon3/energy1_input': 700_000})
    clock.now += 0.5
    assert one.read().watts == pytest.approx(7.0)


def test_a_fault_of_the_bus_passes(sys_tree, clock, kernel_files):
    ina226(sys_tree)
    one = sensor(sys_tree, clock)
    kernel_files['power1_input'] = errno.ETIMEDOUT
    with pytest.raises(SensorError, match='power1_input cannot be read'):
        one.read()
    kernel_files.clear()
    assert one.read().watts == pytest.approx(6.5)


def test_an_unwired_monitor_is_refused(sys_tree, clock):
    ina226(sys_tree, microwatts=0)
    with pytest.raises(SensorError, match='see whether the device is wired'):
        sensor(sys_tree, clock).read()
