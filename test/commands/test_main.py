# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of subcommands and how one is chosen."""

import importlib.util
import os
import re

import pytest

from emotionnet_ros.commands import main as entry
from emotionnet_ros.commands.main import SUBCOMMANDS, Subcommand, main

HEAVY = ('cv2', 'numpy', 'onnxruntime', 'torch', 'matplotlib', 'yaml', 'rclpy')


def test_the_overview_needs_nothing_but_python(run):
    result = run('--help', blocked=HEAVY)
    assert result.returncode == 0
    for name, row in SUBCOMMANDS.items():
        assert re.search(rf'^  {name} +{re.escape(row.help)}$', result.stdout, re.MULTILINE)
    assert 'examples:' in result.stdout
    assert '3 something is not installed' in result.stdout


def test_without_a_subcommand_the_overview_is_an_error(capsys):
    assert main([]) == 2
    assert 'usage: emotionnet' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('typed', 'hint'), [('vidoe', 'did you mean video?'), ('xyzzy', '--help lists them')]
)
def test_a_subcommand_that_is_none(typed, hint, capsys):
    assert main([typed]) == 2
    error = capsys.readouterr().err
    assert repr(typed) in error
    assert hint in error


@pytest.mark.parametrize('row', SUBCOMMANDS.values(), ids=lambda row: row.name)
def test_every_row_names_a_module_that_is_there(row):
    assert importlib.util.find_spec(row.module)


@pytest.mark.parametrize(
    ('name', 'blocked', 'remedy'),
    [
        ('train', ['torch'], "pip install '.[training]' in the folder of the sources"),
        ('image', ['cv2'], 'pip install opencv-python-headless'),
        ('video', ['onnxruntime'], 'pip install onnxruntime'),
    ],
)
def test_a_missing_package_is_named_with_its_remedy(run, name, blocked, remedy):
    result = run(name, 'x', blocked=blocked)
    assert result.returncode == 3
    assert result.stderr.startswith(f'emotionnet {name} needs ')
    assert remedy in result.stderr
    assert 'Traceback' not in result.stderr


def run_row(monkeypatch, tmp_path, body):
    """Run a subcommand whose module has this main."""
    (tmp_path / 'one_subcommand.py').write_text(f'import os, sys\ndef main(arguments):\n {body}\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(entry.sys.modules, 'one_subcommand', raising=False)
    monkeypatch.setitem(SUBCOMMANDS, 'some', Subcommand('some', 'one_subcommand', 'help'))
    return main(['some', 'a', '--b'])


@pytest.mark.parametrize(
    ('body', 'status', 'complaint'),
    [
        ("return 7 if arguments == ['a', '--b'] else 0", 7, ''),
        ("return 7 if sys.argv == ['emotionnet some', 'a', '--b'] else 0", 7, ''),
        ("open('/nowhere/x')", 1, 'emotionnet some: /nowhere/x: No such file or directory'),
        ('raise KeyboardInterrupt', 130, 'emotionnet some: interrupted'),
    ],
)
def test_a_subcommand_gets_its_arguments_and_its_end_is_told(
    monkeypatch, tmp_path, capsys, body, status, complaint
):
    assert run_row(monkeypatch, tmp_path, body) == status
    assert capsys.readouterr().err.strip() == complaint


def test_a_reader_who_has_enough_is_no_fault(monkeypatch, tmp_path, capfd):
    # As with "| head": the pipe's reader is gone.
    body = 'r, w = os.pipe(); os.close(r); os.write(w, b"x")'
    before = os.dup(1)
    try:
        assert run_row(monkeypatch, tmp_path, body) == 1
    finally:
        os.dup2(before, 1)
        os.close(before)
    assert capfd.readouterr().err == ''
