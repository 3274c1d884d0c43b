# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Power is held by working less; no setting of the system is ever written."""

import os
import sys

import pytest

from emotionnet_ros.power.flags import FlagReader
from emotionnet_ros.power.sensor import SENSORS, open_sensor

JETSON = 'bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3'
FILES = {
    f'{JETSON}/in1_label': 'VDD_IN',
    f'{JETSON}/in1_enable': 1,
    f'{JETSON}/in1_input': 5000,
    f'{JETSON}/curr1_input': 1800,
    'class/hwmon/hwmon0/name': 'ina226',
    'class/hwmon/hwmon0/power1_input': 6_500_000,
    'class/power_supply/BAT0/type': 'Battery',
    'class/power_supply/BAT0/status': 'Discharging',
    'class/power_supply/BAT0/power_now': 7_000_000,
    'class/powercap/intel-rapl:0/name': 'package-0',
    'class/powercap/intel-rapl:0/energy_uj': 1_000_000,
    'class/powercap/intel-rapl:0/max_energy_range_uj': 262_143_328_850,
    'class/powercap/intel-rapl:0/constraint_0_power_limit_uw': 15_000_000,
    'class/thermal/thermal_zone0/type': 'cpu-thermal',
    'class/thermal/thermal_zone0/temp': 84_000,
    'class/thermal/thermal_zone0/trip_point_0_type': 'passive',
    'class/thermal/thermal_zone0/trip_point_0_temp': 85_000,
    'class/thermal/cooling_device0/type': 'thermal-cpufreq-0',
    'class/thermal/cooling_device0/cur_state': 1,
    'devices/system/cpu/cpu0/cpufreq/scaling_governor': 'schedutil',
    'devices/system/cpu/cpu0/cpufreq/scaling_max_freq': 1_800_000,
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGING = ('os.chmod', 'os.chown', 'os.mkdir', 'os.remove', 'os.rename', 'os.truncate')


class Watch:
    """Notes what this process opens for writing or changes; hooks cannot be taken away again."""

    def __init__(self):
        self.on = False
        self.events = []
        sys.addaudithook(self._note)

    def _note(self, event, arguments):
        if not self.on or arguments[:1] == (os.devnull,):
            return
        if event in CHANGING or (event == 'open' and (arguments[2] or 0) & WRITING):
            self.events.append((event, str(arguments[0])))


@pytest.fixture(scope='module')
def only_watch():
    return Watch()


@pytest.fixture
def watch(only_watch):
    only_watch.events = []
    yield only_watch
    only_watch.on = False


def test_a_write_would_be_noticed(watch, sys_tree):
    sys_tree.write(FILES)
    watch.on = True
    path = sys_tree.root / 'devices/system/cpu/cpu0/cpufreq/scaling_governor'
    assert path.read_text() == 'schedutil\n'
    assert not watch.events
    path.write_text('powersave')
    path.chmod(0o600)
    assert watch.events == [('open', str(path)), ('os.chmod', str(path))]


@pytest.mark.parametrize('name', list(SENSORS))
def test_no_sensor_and_no_flag_writes(name, sys_tree, proc_tree, vcgencmd, clock, watch):
    sys_tree.write(FILES)
    proc_tree.write({'stat': 'cpu  100 0 100 9000 0 0 0 0 0 0\ncpu0 100 0 100 9000 0 0 0 0 0 0'})
    command = vcgencmd(
        ' VDD_CORE_A current(7)=2.0A\n VDD_CORE_V volt(15)=0.9V\nthrottled=0x50005\n'
    )

    def passes(seconds):
        watch.on = False
        sys_tree.write({'class/powercap/intel-rapl:0/energy_uj': 4_000_000})
        proc_tree.write({'stat': 'cpu  200 0 200 9900 0 0 0 0 0 0\ncpu0 200 0 200 9900 0 0 0 0 0'})
        watch.on = True

    clock.on_sleep = passes
    watch.on = True
    sensor = open_sensor(
        name,
        sysfs_root=sys_tree.root,
        proc_root=proc_tree.root,
        vcgencmd=command,
        clock=clock,
        sleep=clock.sleep,
    )
    assert sensor.read().watts > 0
    sensor.close()
    assert FlagReader(sys_tree.root, command, clock).read() >= {'hot', 'throttled'}
    assert not watch.events
