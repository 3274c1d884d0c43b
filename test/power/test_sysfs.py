# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import errno
import os

import pytest

from emotionnet_ros.power.sensor import SensorError
from emotionnet_ros.power.sysfs import OpenFiles, number


@pytest.fixture
def files(sys_tree):
    sys_tree.write({'a/one': '1', 'a/two': '2'})

    def find():
        folders = sorted(sys_tree.root.glob('*'))
        if not folders:
            raise SensorError('nothing there')
        return folders[0].name, [folders[0] / 'one', folders[0] / 'two']

    opened = OpenFiles(find)
    yield opened
    opened.close()


def descriptors():
    return len(os.listdir('/proc/self/fd'))


def test_reads_in_place(files, sys_tree):
    assert files.read() == ('a', ['1', '2'])
    held = descriptors()
    sys_tree.write({'a/two': '22'})
    assert files.read() == ('a', ['1', '22'])
    assert descriptors() == held


def test_finds_them_elsewhere_after_they_have_gone(files, sys_tree, kernel_files):
    files.read()
    held = descriptors()
    sys_tree.move('a', 'b')
    assert files.read() == ('b', ['1', '2'])
    assert descriptors() == held


def test_fails_while_they_are_away_and_reads_again_later(files, sys_tree, kernel_files):
    files.read()
    held = descriptors()
    sys_tree.remove('a')
    for _ in range(3):
        with pytest.raises(SensorError, match='nothing there'):
            files.read()
        assert descriptors() == held - 2
    sys_tree.write({'one': '7', 'two': '8'}, 'c')
    assert files.read() == ('c', ['7', '8'])
    assert descriptors() == held


def test_an_empty_file_is_looked_for_once_more(files, sys_tree):
    files.read()
    (sys_tree.root / 'a/two').write_text('')
    with pytest.raises(SensorError, match=r'a/two cannot be read: the file is empty'):
        files.read()
    sys_tree.write({'a/two': '3'})
    assert files.read() == ('a', ['1', '3'])


@pytest.mark.parametrize('number', [errno.EIO, errno.EAGAIN, errno.EREMOTEIO, errno.ETIMEDOUT])
def test_a_passing_fault_costs_one_reading_and_no_file(files, kernel_files, number):
    files.read()
    held = descriptors()
    kernel_files['two'] = number
    with pytest.raises(SensorError, match=f'a/two cannot be read: {os.strerror(number)}'):
        files.read()
    assert descriptors() == held
    kernel_files.clear()
    assert files.read() == ('a', ['1', '2'])


def test_a_file_that_is_denied_is_named_with_what_to_do(sys_tree, monkeypatch):
    sys_tree.write({'secret': '1'})
    path = sys_tree.root / 'secret'
    opened = OpenFiles(lambda: (None, [path]), denied='ask nicely.')
    # Root may read everything, so the refusal is played.
    monkeypatch.setattr(os, 'open', lambda *_: (_ for _ in ()).throw(denied(path)))
    with pytest.raises(SensorError, match=r'secret cannot be read: Permission denied; ask nicely'):
        opened.read()


def denied(path):
    return PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def test_a_missing_file_closes_the_others(sys_tree):
    sys_tree.write({'there': '1'})
    held = descriptors()
    opened = OpenFiles(lambda: (None, [sys_tree.root / 'there', sys_tree.root / 'missing']))
    with pytest.raises(SensorError, match='missing cannot be read'):
        opened.read()
    assert descriptors() == held


@pytest.mark.parametrize(
    ('text', 'value'), [('12', 12.0), ('32760 ma', 32760.0), ('-5', -5.0), ('0.5', 0.5)]
)
def test_a_number_may_carry_its_unit(text, value):
    assert number(text, 'here') == value


@pytest.mark.parametrize('text', ['', 'volts', 'x 1'])
def test_what_is_no_number_is_named(text):
    with pytest.raises(SensorError, match='here says'):
        number(text, 'here')
