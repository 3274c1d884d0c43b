# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

from emotionnet_ros.power.flags import FlagReader, read_flags, throttle_flags

NOBODY = 'no-such-command'
THERMAL = 'class/thermal'


def zone(tree, celsius, trips, number=0, kind='cpu-thermal'):
    files = {'type': kind, 'temp': round(celsius * 1000)}
    for index, (trip, limit) in enumerate(trips):
        files |= {
            f'trip_point_{index}_type': trip,
            f'trip_point_{index}_temp': round(limit * 1000),
            f'trip_point_{index}_hyst': 2000,
        }
    tree.write(files, f'{THERMAL}/thermal_zone{number}')


def flags(tree):
    return read_flags(tree.root, NOBODY)


def test_nothing_there_means_no_flags(sys_tree):
    assert flags(sys_tree) == frozenset()


@pytest.mark.parametrize(
    ('word', 'expected'),
    [
        ('0x0', set()),
        ('0x1', {'under_voltage'}),
        ('0x2', {'frequency_capped'}),
        ('0x4', {'throttled'}),
        ('0x8', {'hot'}),
        ('0x50000', set()),
        ('0x50005', {'under_voltage', 'throttled'}),
        ('0xF000F', {'under_voltage', 'frequency_capped', 'throttled', 'hot'}),
    ],
)
def test_the_firmwares_bits_of_now(sys_tree, vcgencmd, word, expected):
    assert throttle_flags(f'throttled={word}\n') == expected
    assert read_flags(sys_tree.root, vcgencmd(f'throttled={word}\n')) == expected


@pytest.mark.parametrize(
    ('answer', 'status'), [('', 0), ('throttled=', 0), ('error=1', 0), ('throttled=0x1', 1)]
)
def test_a_firmware_that_does_not_answer_raises_no_flag(sys_tree, vcgencmd, answer, status):
    assert read_flags(sys_tree.root, vcgencmd(answer, status=status)) == frozenset()


def test_the_firmware_is_asked_every_two_seconds_at_most(sys_tree, vcgencmd, clock):
    reader = FlagReader(sys_tree.root, vcgencmd('throttled=0x0'), clock)
    for _ in range(12):
        assert reader.read() == frozenset()
        clock.now += 0.5
    assert vcgencmd.calls() == ['get_throttled'] * 3
    vcgencmd('throttled=0x1')
    assert reader.read() == {'under_voltage'}


@pytest.mark.parametrize(('name', 'alarm', 'expected'), [
    ('rpi_volt', 1, {'under_voltage'}), ('rpi_volt', 0, set()), ('other', 1, set()),
])  # fmt: skip
def test_the_kernels_under_voltage_alarm(sys_tree, name, alarm, expected):
    sys_tree.write({'name': name, 'in0_lcrit_alarm': alarm}, 'class/hwmon/hwmon2')
    assert flags(sys_tree) == expected


@pytest.mark.parametrize(
    ('celsius', 'trips', 'hot'),
    [
        (81.9, [('passive', 85.0), ('critical', 110.0)], False),
        (82.0, [('passive', 85.0), ('critical', 110.0)], True),
        (120.0, [('passive', 85.0)], True),
        (80.0, [('active', 50.0), ('critical', 110.0)], False),
        (107.0, [('active', 50.0), ('critical', 110.0)], True),
        (97.0, [('critical', 110.0), ('hot', 100.0)], True),
        # The lower of two passive points only begins the kernel's control.
        (78.0, [('passive', 75.0), ('passive', 85.0), ('critical', 95.0)], False),
        (82.0, [('passive', 75.0), ('passive', 85.0), ('critical', 95.0)], True),
        # Points that are not set.
        (40.0, [('passive', 0.0), ('critical', -274.0)], False),
        (60.0, [('passive', 0.0), ('passive', 62.0)], True),
        (250.0, [], False),
        # A sensor that is off.
        (-256.0, [('passive', 85.0)], False),
    ],
)
def test_near_the_point_at_which_the_kernel_throttles(sys_tree, celsius, trips, hot):
    zone(sys_tree, celsius, trips)
    assert flags(sys_tree) == ({'hot'} if hot else set())


def test_one_hot_zone_among_broken_ones_is_enough(sys_tree):
    sys_tree.write({'type': 'no-temp', 'trip_point_0_type': 'passive'}, f'{THERMAL}/thermal_zone0')
    zone(sys_tree, -256.0, [('critical', 103.0)], 1, 'GPU-therm')
    zone(sys_tree, 30.0, [('critical', 103.0)], 2)
    sys_tree.write({'type': 'text', 'temp': 'hot!', 'mode': 'x'}, f'{THERMAL}/thermal_zone3')
    assert flags(sys_tree) == set()
    zone(sys_tree, 102.0, [('critical', 103.0)], 4)
    assert flags(sys_tree) == {'hot'}


@pytest.mark.parametrize(
    ('kind', 'state', 'expected'),
    [
        ('cpufreq-cpu0', 0, set()),
        ('cpufreq-cpu0', 3, {'throttled'}),
        ('thermal-cpufreq-1', 1, {'throttled'}),
        ('Processor', 2, {'throttled'}),
        ('pwm-fan', 3, set()),
    ],
)
def test_a_processor_that_the_kernel_holds_back(sys_tree, kind, state, expected):
    sys_tree.write({'type': kind, 'cur_state': state}, f'{THERMAL}/cooling_device0')
    assert flags(sys_tree) == expected


def test_what_changes_is_seen_at_once_and_what_is_new_within_half_a_minute(sys_tree, clock):
    zone(sys_tree, 40.0, [('passive', 85.0)])
    reader = FlagReader(sys_tree.root, NOBODY, clock)
    assert reader.read() == set()
    zone(sys_tree, 90.0, [('passive', 85.0)])
    assert reader.read() == {'hot'}
    sys_tree.remove(f'{THERMAL}/thermal_zone0')
    assert reader.read() == set()
    zone(sys_tree, 90.0, [('passive', 85.0)], 3)
    clock.now += 30.0
    assert reader.read() == {'hot'}
