# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a YAML file is said with its name, whatever reads it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emotionnet_ros.networks.network_file import NetworkFileError, read_network
from emotionnet_ros.power.operating_points import OperatingPointError, load_points
from emotionnet_ros.yaml_file import read_yaml

READERS = pytest.mark.parametrize(
    ('read', 'error'), [(read_network, NetworkFileError), (load_points, OperatingPointError)]
)


class WrongError(ValueError):
    pass


def test_what_is_in_the_file_is_made(tmp_path: Path):
    path = tmp_path / 'list.yaml'
    path.write_text('[1, \u00e9]', encoding='utf-8')
    assert read_yaml(path, lambda content: content, WrongError) == [1, '\u00e9']
    path.write_text('')
    assert read_yaml(path, lambda content: content, WrongError) is None


def test_what_the_maker_says_is_said_of_the_file(tmp_path: Path):
    def refuse(content: object) -> None:
        raise WrongError(f'{content!r} is too much')

    path = tmp_path / 'three.yaml'
    path.write_text('3')
    with pytest.raises(WrongError) as caught:
        read_yaml(path, refuse, WrongError)
    assert str(caught.value) == f'{path}: 3 is too much'


@READERS
@pytest.mark.parametrize('content', [b'key: [', b'\xff\xfe', b'\x00'])
def test_a_file_that_is_no_yaml(
    tmp_path: Path, read: Callable[[Path], object], error: type[ValueError], content: bytes
):
    path = tmp_path / 'broken.yaml'
    path.write_bytes(content)
    with pytest.raises(error, match=r'broken\.yaml is not YAML: '):
        read(path)


@READERS
def test_a_file_that_cannot_be_read(
    tmp_path: Path, read: Callable[[Path], object], error: type[ValueError]
):
    with pytest.raises(error, match=r'absent\.yaml: No such file'):
        read(tmp_path / 'absent.yaml')
    with pytest.raises(error, match=f'{tmp_path}: Is a directory'):
        read(tmp_path)
