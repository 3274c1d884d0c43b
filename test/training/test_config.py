# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip('torch', reason='training needs torch')

from emotionnet_ros.networks.network_file import write_network
from emotionnet_ros.networks.tables import Layer, Network
from emotionnet_ros.training.config import (
    ConfigError,
    TrainingConfig,
    config_from,
    read_config,
)
from emotionnet_ros.training.train import DEFAULT_CONFIG


def test_the_shipped_file_reads():
    config = read_config(DEFAULT_CONFIG)
    assert config.network == 'nano_b'
    assert config.geometry.scale >= 0.15
    assert config.geometry.shift >= 0.08
    assert config.effects


def test_a_configuration_survives_being_written(tmp_path: Path):
    config = read_config(DEFAULT_CONFIG)
    assert config_from(config.as_dict()) == config


def test_defaults_fill_what_is_missing(tmp_path: Path):
    path = tmp_path / 'config.yaml'
    path.write_text('epochs: 3\nlearning_rate: 1\n')
    assert read_config(path) == TrainingConfig(epochs=3, learning_rate=1.0)
    path.write_text('')
    assert read_config(path) == TrainingConfig()


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('epoch: 3', "unknown key 'epoch' in the file; known are network"),
        ('epochs: 0', 'epochs must be a number from 1'),
        ('epochs: 2.5', 'epochs must be int'),
        ('epochs: many', 'epochs must be a number'),
        ('epochs: true', 'epochs must be a number'),
        ('learning_rate: .nan', 'learning_rate must be a number'),
        ('compile: 1', 'compile must be bool'),
        ('network: nano_z', 'network must be one of nano_a, nano_b, nano_c'),
        ('geometry: {shift: 2}', 'shift must be a number from 0 to 0.5'),
        ('geometry: {zoom: 2}', "unknown key 'zoom' in geometry"),
        ('geometry: 3', 'geometry must be a table'),
        ('effects: {fog: 0.5}', 'effects.fog is unknown; known are occlusion'),
        ('effects: {blur: 1.5}', 'effects.blur must be a number from 0 to 1'),
        ('effects: [blur]', 'effects must be a table'),
        ('fer2013: {fog: 0.5}', 'fer2013.fog is unknown; known are neutral'),
        ('distillation: 1.5', 'distillation must be a number from 0 to 1'),
        ('teacher_views: 1', 'teacher_views must be a number from 2'),
        ('- epochs', 'the file must be a table'),
        ('a: [', 'is not YAML'),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, message: str):
    path = tmp_path / 'config.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(path)
    assert str(path) in str(caught.value)


def test_a_network_may_be_a_file_beside(tmp_path: Path):
    small = Network('small', (Layer('a1', 'image', 4, stride=2),), 'a1')
    (tmp_path / 'designs').mkdir()
    write_network(tmp_path / 'designs' / 'small.yaml', small)
    path = tmp_path / 'config.yaml'
    path.write_text('network: designs/small.yaml\n')
    config = read_config(path)
    assert config.network == 'small'
    assert config.table() == small
    # What a checkpoint keeps does not need the file.
    (tmp_path / 'designs' / 'small.yaml').unlink()
    assert config_from(config.as_dict()) == config
    assert 'design' not in TrainingConfig().as_dict()
    with pytest.raises(ConfigError, match="design is called 'small', but network is 'nano_b'"):
        config_from({**config.as_dict(), 'network': 'nano_b'})
    with pytest.raises(ConfigError, match='or the path of a table of layers'):
        read_config(path)
    path.write_text('network: config.yaml\n')
    with pytest.raises(ConfigError, match=r"network: .*config\.yaml: unknown key 'network'"):
        read_config(path)
    write_network(tmp_path / 'two.yaml', replace(small, classes=('calm', 'not calm')))
    path.write_text('network: two.yaml\n')
    with pytest.raises(ConfigError, match='small has other classes'):
        read_config(path)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r'absent\.yaml: No such file'):
        read_config(tmp_path / 'absent.yaml')
