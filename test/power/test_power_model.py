# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.power.power_model import (
    PowerModel,
    load_power_model,
    save_power_model,
    two_point_model,
)


def test_the_line_through_two_points():
    model = two_point_model(3.0, 0.1, 6.72, 4.0)
    assert model.watts(0.1) == pytest.approx(3.0)
    assert model.watts(4.0) == pytest.approx(6.72)
    assert model.calibrated


@given(st.floats(0.5, 100.0), st.floats(0.05, 50.0), st.floats(0.0, 1.0), st.floats(1.5, 64.0))
def test_coefficients_are_found_again(idle_watts, watts_per_core, rest, load):
    truth = PowerModel(idle_watts, watts_per_core)
    found = two_point_model(truth.watts(rest), rest, truth.watts(load), load)
    assert found.idle_watts == pytest.approx(idle_watts, abs=1e-6)
    assert found.watts_per_core == pytest.approx(watts_per_core)


@pytest.mark.parametrize(
    ('points', 'reason'),
    [
        ((3.0, 0.0, 6.0, 0.4), 'half a core'),
        ((6.0, 0.1, 3.0, 4.0), 'did not rise'),
        ((3.0, 0.1, 3.0, 4.0), 'did not rise'),
        ((2.0, 3.0, 6.0, 4.0), 'end what else runs'),
        ((-3.0, 0.1, 3.0, 4.0), 'negative'),
        ((3.0, 0.1, float('nan'), 4.0), 'negative or endless'),
        ((3.0, 0.0, 9e9, 4.0), 'watts_per_core'),
    ],
)
def test_points_that_make_no_line(points, reason):
    with pytest.raises(ValueError, match=reason):
        two_point_model(*points)


def test_a_file_gives_back_what_was_saved(tmp_path):
    path = tmp_path / 'model.yaml'
    save_power_model(PowerModel(2.7, 0.93), path)
    assert load_power_model(path) == PowerModel(2.7, 0.93, calibrated=True)


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('', 'exactly the keys idle_watts and watts_per_core'),
        ('[1, 2]', 'exactly the keys'),
        ('idle_watts: 3', 'exactly the keys'),
        ('{idle_watts: 3, watts_per_core: 1, more: 2}', 'exactly the keys'),
        ('{idle_watts: three, watts_per_core: 1}', "idle_watts is 'three', not a number"),
        ('{idle_watts: true, watts_per_core: 1}', 'idle_watts is True, not a number'),
        ('{idle_watts: 3, watts_per_core: }', 'watts_per_core is None, not a number'),
        ('{idle_watts: 3, watts_per_core: 0}', 'watts_per_core is 0'),
        ('{idle_watts: 3, watts_per_core: .nan}', 'watts_per_core is nan'),
        ('{idle_watts: -1, watts_per_core: 1}', 'idle_watts is -1'),
        ('{idle_watts: .inf, watts_per_core: 1}', 'idle_watts is inf'),
        ('{idle_watts: ' + '9' * 400 + ', watts_per_core: 1}', 'too large'),
        ('{idle_watts: 3', 'it is not YAML'),
        ('\x00', 'it is not YAML'),
        ('!!python/object/apply:os.getcwd []', 'it is not YAML'),
    ],
)
def test_a_file_that_is_wrong_is_named_with_its_fault(tmp_path, text, reason):
    path = tmp_path / 'model.yaml'
    path.write_text(text)
    with pytest.raises(ValueError, match=reason) as caught:
        load_power_model(path)
    assert str(path) in str(caught.value)
    assert 'calibrate_power' in str(caught.value)


@given(st.binary(max_size=60))
def test_any_file_gives_a_model_or_a_value_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp('model') / 'model.yaml'
    path.write_bytes(content)
    try:
        outcome = f'{path}: {load_power_model(path)}'
    except ValueError as error:
        outcome = str(error)
    assert str(path) in outcome


def test_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match='cannot be read: No such file'):
        load_power_model(tmp_path / 'none.yaml')
