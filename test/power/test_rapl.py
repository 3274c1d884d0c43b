# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.power import rapl
from emotionnet_ros.power.sensor import SensorError, SensorSettings

ZONES = 'class/powercap'
RANGE = 262_143_328_850


def zone(tree, number, name, energy, maximum=RANGE):
    tree.write(
        {'name': name, 'energy_uj': energy, 'max_energy_range_uj': maximum, 'enabled': 1},
        f'{ZONES}/intel-rapl:{number}',
    )


class Machine:
    """Counters that run as time passes, each at its watts."""

    def __init__(self, tree, clock, zones, start=1_000_000, maximum=RANGE):
        self.tree, self.clock, self.zones, self.maximum = tree, clock, zones, maximum
        self.energy = dict.fromkeys(zones, start)
        self.passes(0.0)
        clock.on_sleep = self._runs

    def passes(self, seconds):
        self.clock.now += seconds
        self._runs(seconds)

    def _runs(self, seconds):
        for number, (name, watts) in self.zones.items():
            self.energy[number] += round(watts * seconds * 1e6)
            zone(self.tree, number, name, self.energy[number] % self.maximum, self.maximum)


def sensor(tree, clock):
    return rapl.create(SensorSettings(sysfs_root=tree.root, clock=clock, sleep=clock.sleep))


INTEL = {'0': ('package-0', 11.0), '0:0': ('core', 7.0), '0:1': ('uncore', 1.0)}


def test_subzones_are_not_counted_again(sys_tree, clock):
    machine = Machine(sys_tree, clock, INTEL)
    sys_tree.write(
        {'name': 'package-0', 'energy_uj': 5, 'max_energy_range_uj': RANGE},
        f'{ZONES}/intel-rapl-mmio:0',
    )
    one = sensor(sys_tree, clock)
    assert one.read().watts == pytest.approx(11.0)
    machine.passes(0.5)
    reading = one.read()
    assert reading.watts == pytest.approx(11.0)
    assert reading.source == 'RAPL package-0'
    assert (reading.scope, reading.measured, reading.stamp) == ('package', True, clock.now)


def test_packages_are_added_up(sys_tree, clock):
    Machine(sys_tree, clock, {'0': ('package-0', 40.0), '1': ('package-1', 25.0)})
    reading = sensor(sys_tree, clock).read()
    assert (reading.watts, reading.source) == (pytest.approx(65.0), 'RAPL package-0+package-1')


@pytest.mark.parametrize(
    ('platform', 'watts', 'source', 'scope'),
    [(18.0, 18.0, 'RAPL psys', 'board'), (0.0, 11.0, 'RAPL package-0', 'package'),
     (3.0, 11.0, 'RAPL package-0', 'package')],
    ids=['believable', 'still', 'less than the package'],
)  # fmt: skip
def test_the_platform_is_preferred_where_believable(
    sys_tree, clock, platform, watts, source, scope
):
    Machine(sys_tree, clock, {**INTEL, '1': ('psys', platform)})
    reading = sensor(sys_tree, clock).read()
    assert reading.watts == pytest.approx(watts)
    assert (reading.source, reading.scope) == (source, scope)


@given(
    start=st.integers(0, 65_532_610_986),
    watts=st.floats(1.0, 5_000.0),
    waits=st.lists(st.floats(0.11, 9.9), min_size=1, max_size=6),
)
def test_wherever_it_wraps(make_tree, make_clock, start, watts, waits):
    clock = make_clock()
    machine = Machine(make_tree(), clock, {'0': ('package-0', watts)}, start, 65_532_610_987)
    one = sensor(machine.tree, clock)
    for wait in waits:
        machine.passes(wait)
        assert one.read().watts == pytest.approx(watts, rel=1e-4)
    one.close()


def test_a_wrap_by_hand(sys_tree, clock):
    zone(sys_tree, '0', 'package-0', RANGE - 300_000)
    clock.on_sleep = lambda _: zone(sys_tree, '0', 'package-0', 200_000)
    assert sensor(sys_tree, clock).read().watts == pytest.approx(5.0)


def test_a_long_pause_is_not_averaged_over(sys_tree, clock):
    machine = Machine(sys_tree, clock, INTEL)
    one = sensor(sys_tree, clock)
    one.read()
    machine.passes(3600.0)
    machine.zones = {'0': ('package-0', 30.0)}
    assert one.read().watts == pytest.approx(30.0)


def test_a_reading_is_used_again_within_a_tenth_of_a_second(sys_tree, clock):
    machine = Machine(sys_tree, clock, INTEL)
    one = sensor(sys_tree, clock)
    first = one.read()
    machine.passes(0.05)
    assert one.read() == first
    machine.passes(0.06)
    assert one.read().stamp == clock.now


def test_being_denied_is_told_with_what_to_do(sys_tree, clock, monkeypatch):
    Machine(sys_tree, clock, INTEL)
    opens = os.open

    def denied(path, *arguments):
        # Root may read everything, so the refusal is played.
        if str(path).endswith('energy_uj'):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opens(path, *arguments)

    monkeypatch.setattr(os, 'open', denied)
    one = sensor(sys_tree, clock)
    with pytest.raises(SensorError, match=r'Permission denied; .*sudo chmod o\+r .*udev rule'):
        one.read()
    monkeypatch.setattr(os, 'open', opens)
    assert one.read().watts == pytest.approx(11.0)


def test_a_counter_that_stands_still_is_refused(sys_tree, clock):
    # A virtual machine shows the files and counts nothing.
    Machine(sys_tree, clock, {'0': ('package-0', 0.0)})
    with pytest.raises(SensorError, match='nothing that a running computer draws'):
        sensor(sys_tree, clock).read()


def test_a_counter_that_was_reset_is_refused_once(sys_tree, clock):
    machine = Machine(sys_tree, clock, INTEL, start=90_000_000)
    one = sensor(sys_tree, clock)
    one.read()
    machine.energy['0'] = 0
    machine.passes(0.5)
    with pytest.raises(SensorError, match='nothing that a running computer draws'):
        one.read()
    machine.passes(0.5)
    assert one.read().watts == pytest.approx(11.0)


def test_zones_that_have_gone_and_come_back(sys_tree, clock, kernel_files):
    machine = Machine(sys_tree, clock, {'0': ('package-0', 40.0), '1': ('package-1', 25.0)})
    one = sensor(sys_tree, clock)
    one.read()
    sys_tree.remove(f'{ZONES}/intel-rapl:1')
    del machine.zones['1']
    machine.passes(0.5)
    with pytest.raises(SensorError, match='the zones have changed'):
        one.read()
    assert one.read().watts == pytest.approx(40.0)


def test_no_zones(sys_tree, clock):
    with pytest.raises(SensorError, match='no package zone of RAPL'):
        sensor(sys_tree, clock).read()
