# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.power.raspberry_pi_5 import board_watts, create
from emotionnet_ros.power.sensor import SensorError, SensorSettings

AMPERES = {
    '3V7_WL_SW': 0.0, '3V3_SYS': 0.06245952, '1V8_SYS': 0.1610285, 'DDR_VDD2': 0.00780744,
    'DDR_VDDQ': 0.0, '1V1_SYS': 0.1756674, '0V8_SW': 0.3279125, 'VDD_CORE': 5.03652,
    '3V3_DAC': 0.0003663, '3V3_ADC': 0.00042735, '0V8_AON': 0.00579975, 'HDMI': 0.0136752,
}  # fmt: skip
VOLTS = {
    '3V7_WL_SW': 3.799996, '3V3_SYS': 3.306322, '1V8_SYS': 1.798289, 'DDR_VDD2': 1.102929,
    'DDR_VDDQ': 0.6047613, '1V1_SYS': 1.104394, '0V8_SW': 0.8025633, 'VDD_CORE': 0.8936988,
    '3V3_DAC': 3.304942, '3V3_ADC': 3.302194, '0V8_AON': 0.7973619, 'HDMI': 5.07056,
    'EXT5V': 5.06788, 'BATT': 3.011108,
}  # fmt: skip


def output(amperes=AMPERES, volts=VOLTS):
    lines = [
        f'{rail + "_A":>12} current({i})={x:.8f}A' for i, (rail, x) in enumerate(amperes.items())
    ]
    lines += [
        f'{rail + "_V":>12} volt({i})={x:.8f}V' for i, (rail, x) in enumerate(volts.items(), 8)
    ]
    return '\n'.join(lines) + '\n'


def expected(amperes=AMPERES, volts=VOLTS):
    return 1.1451 * sum(x * volts[rail] for rail, x in amperes.items()) + 0.5879


def test_the_rails_with_both_count():
    assert ' VDD_CORE_A current(7)=5.03652000A' in output()
    assert board_watts(output()) == pytest.approx(expected(), abs=1e-6)
    # By hand: the core alone.
    core = output({'VDD_CORE': 5.03652}, {'VDD_CORE': 0.8936988, 'EXT5V': 5.0})
    assert board_watts(core) == pytest.approx(5.742146, abs=1e-6)


@given(
    st.dictionaries(
        st.from_regex(r'[0-9A-Z]{2,6}_[0-9A-Z]{2,6}', fullmatch=True),
        st.tuples(st.floats(0, 20), st.floats(0, 6)),
        min_size=1,
    )
)
def test_any_rails_add_up(rails):
    amperes = {rail: x for rail, (x, _) in rails.items()}
    volts = {rail: x for rail, (_, x) in rails.items()}
    assert board_watts(output(amperes, volts)) == pytest.approx(expected(amperes, volts), abs=1e-5)


@given(st.text())
def test_any_text_gives_watts_or_a_sensor_error(text):
    with contextlib.suppress(SensorError):
        assert board_watts(text) >= 0.5879


@given(st.integers(0, len(output()) - 1))
def test_output_cut_short_never_gives_too_little(end):
    # The voltages come after all currents: until the last of them is there, some rail lacks one.
    cut = output()[:end]
    if 'HDMI_V volt(19)=5.07056000V' in cut:
        assert board_watts(cut) == pytest.approx(expected(), abs=1e-6)
    else:
        with pytest.raises(SensorError):
            board_watts(cut)


def test_reads_the_command(vcgencmd, clock):
    sensor = create(SensorSettings(vcgencmd=vcgencmd(output()), clock=clock))
    reading = sensor.read()
    assert reading.watts == pytest.approx(expected(), abs=1e-6)
    assert reading.source == 'vcgencmd pmic_read_adc'
    assert (reading.scope, reading.measured, reading.stamp) == ('board', True, 100.0)
    assert vcgencmd.calls() == ['pmic_read_adc']


def test_is_called_ten_times_a_second_at_most(vcgencmd, clock):
    sensor = create(SensorSettings(vcgencmd=vcgencmd(output()), clock=clock))
    stamps = []
    for _ in range(40):
        stamps.append(sensor.read().stamp)
        clock.now += 0.025
    calls = vcgencmd.calls()
    assert len(calls) == len(set(stamps)) <= 10
    assert stamps[1] == stamps[0]  # the reading that is used again keeps its time


@pytest.mark.parametrize(
    ('text', 'status', 'said', 'reason'),
    [
        (re.sub(r'=[0-9.]+', '=nan', output()), 0, '', 'no finite value for .*VDD_CORE'),
        ('error=1 error_msg="Command not registered"\n', 0, '', 'Command not registered'),
        ('', 255, "Can't open device file: /dev/vcio", r'exit status 255.*group video'),
        ('', 0, '', 'gives no currents'),
        ('VDD_CORE_A current(7)=1.0A\n', 0, '', 'no voltage for VDD_CORE'),
        ('VDD_CORE_A current(7)=1..0A\n', 0, '', "'1..0' for VDD_CORE, not a number"),
        (output(AMPERES | {'VDD_CORE': 99_999.0}), 0, '', 'nothing that a running computer draws'),
        (output(AMPERES | {'VDD_CORE': -9.0}), 0, '', 'nothing that a running computer draws'),
    ],
)  # fmt: skip
def test_broken_answers_are_errors_and_pass(vcgencmd, clock, text, status, said, reason):
    sensor = create(SensorSettings(vcgencmd=vcgencmd(text, status=status, said=said), clock=clock))
    with pytest.raises(SensorError, match=reason):
        sensor.read()
    vcgencmd(output())
    assert sensor.read().watts == pytest.approx(expected(), abs=1e-6)


def test_no_command_means_no_such_board(clock):
    sensor = create(SensorSettings(vcgencmd='no-such-command', clock=clock))
    with pytest.raises(SensorError, match='there is no command no-such-command'):
        sensor.read()


def test_a_command_that_hangs_is_ended(vcgencmd, clock, monkeypatch):
    monkeypatch.setattr('emotionnet_ros.power.raspberry_pi_5.TIMEOUT', 0.2)
    sensor = create(SensorSettings(vcgencmd=vcgencmd(seconds=60.0), clock=clock))
    with pytest.raises(SensorError, match=r'did not end within 0\.2 s'):
        sensor.read()
