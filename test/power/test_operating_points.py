# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.power.operating_points import (
    BUILT_IN,
    OperatingPoint,
    OperatingPointError,
    check_points,
    load_points,
    save_points,
    usable_points,
)

ROW = {
    'name': 'b2',
    'detector_interval': 2,
    'detector_input_size': 0,
    'network': 'nano_b',
    'threads': 1,
    'energy_per_frame': 0.0116,
}


def write(path, rows):
    path.write_text(yaml.safe_dump({'operating_points': rows}))
    return path


def test_the_built_in_table_can_be_chosen_from():
    check_points(BUILT_IN)


@given(
    st.lists(st.floats(1e-6, 1e3, allow_subnormal=False), min_size=1, max_size=8, unique=True),
    st.integers(1, 100),
    st.sampled_from((0, 32, 320, 4096)),
)
def test_what_is_saved_is_loaded(tmp_path_factory, energies, interval, size):
    points = [
        OperatingPoint(f'p{i}', interval, size, 'nano_b', 1 + i, energy)
        for i, energy in enumerate(sorted(energies, reverse=True))
    ]
    path = tmp_path_factory.mktemp('points') / 'points.yaml'
    save_points(path, points, 'two\nlines')
    assert load_points(path) == points
    assert path.read_text().startswith('# two\n# lines\n')
    assert list(path.parent.iterdir()) == [path]


def test_an_energy_may_be_a_whole_number(tmp_path):
    (point,) = load_points(write(tmp_path / 'p.yaml', [{**ROW, 'energy_per_frame': 1}]))
    assert point.energy_per_frame == 1.0


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'name': ''}, 'name is empty'),
        ({'name': 7}, 'name: must be a str'),
        ({'network': ''}, 'network is empty'),
        ({'detector_interval': 0}, 'detector_interval is 0'),
        ({'detector_interval': 1.5}, 'detector_interval: must be a int'),
        ({'detector_interval': True}, 'detector_interval: must be a int'),
        ({'detector_input_size': 16}, 'detector_input_size is 16'),
        ({'threads': 0}, 'threads is 0'),
        ({'energy_per_frame': 0.0}, 'energy_per_frame is 0.0'),
        ({'energy_per_frame': float('nan')}, 'energy_per_frame is nan'),
        ({'energy_per_frame': 10**400}, 'int too large'),
        ({'energy_per_frame': '0.1'}, "energy_per_frame: must be a float, not '0.1'"),
        ({'speed': 3}, 'speed: unknown'),
    ],
)
def test_a_wrong_value_is_named_with_file_and_key(tmp_path, change, words):
    path = write(tmp_path / 'points.yaml', [{**ROW, **change}])
    with pytest.raises(OperatingPointError) as caught:
        load_points(path)
    assert words in str(caught.value)
    assert f'{path}: operating_points[0]' in str(caught.value)


@pytest.mark.parametrize('key', sorted(ROW))
def test_a_missing_value_is_named(tmp_path, key):
    row = {k: v for k, v in ROW.items() if k != key}
    with pytest.raises(OperatingPointError, match=f'{key}: missing'):
        load_points(write(tmp_path / 'points.yaml', [row]))


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', 'must be a list'),
        ('[1, 2]', 'must be a list'),
        ('operating_points: 3', 'must be a list'),
        ('operating_points: []', 'the table is empty'),
        ('operating_points: [3]', 'must be a mapping'),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, text, words):
    path = tmp_path / 'points.yaml'
    path.write_text(text)
    with pytest.raises(OperatingPointError, match=words) as caught:
        load_points(path)
    assert str(path) in str(caught.value)


def test_a_table_must_fall_and_name_each_row_once(tmp_path):
    point = OperatingPoint(**ROW)
    dearer = replace(point, name='dearer', energy_per_frame=0.0116)
    with pytest.raises(OperatingPointError, match='no less than'):
        check_points([point, dearer])
    with pytest.raises(OperatingPointError, match='occurs twice'):
        check_points([point, replace(point, energy_per_frame=0.001)])
    path = tmp_path / 'points.yaml'
    with pytest.raises(OperatingPointError):
        save_points(path, [point, dearer])
    assert not path.exists()


def test_points_without_their_network_are_left_out(tmp_path):
    model = tmp_path / 'own.onnx'
    model.touch()
    own = replace(BUILT_IN[0], name='own', network=str(model))
    gone = replace(BUILT_IN[0], name='gone', network=str(tmp_path / 'gone.onnx'))
    left = usable_points([own, gone, *BUILT_IN], ['nano_b'])
    assert left == [own, *(p for p in BUILT_IN if p.network == 'nano_b')]
