# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest

from emotionnet_ros.benchmarks import machine
from emotionnet_ros.benchmarks.report import Result, Row, as_json, as_markdown
from emotionnet_ros.benchmarks.timing import Case, Spread, Timing


def row(name: str, milliseconds: float, **values: float) -> Row:
    spread = Spread.of([milliseconds / 1e3] * 3)
    timing = Timing(Case({'name': name}, list), spread, spread, {'detect': 1e-3}, 3)
    return Row.of(timing, **values)


RESULTS = [
    Result('a', 'Things', [row('one', 1.25, rate=800.0), row('two', 123.4, rate=8.125)]),
    Result('d', 'Others', [], {'absent': 'pip install absent'}),
]


def test_markdown_has_every_row_and_what_was_skipped():
    lines = as_markdown({'processor': 'P'}, RESULTS, ['p.png']).splitlines()
    assert '| processor | P |' in lines
    assert '| name | CPU ms | wall ms | detect ms | rate |' in lines
    assert '| one | 1.25 (1.25-1.25) | 1.25 (1.25-1.25) | 1.00 | 800 |' in lines
    assert '| two | 123 (123-123) | 123 (123-123) | 1.00 | 8.13 |' in lines or (
        '| two | 123 (123-123) | 123 (123-123) | 1.00 | 8.12 |' in lines
    )
    assert 'Skipped: absent: pip install absent' in lines
    assert '![](p.png)' in lines


def test_json_loads_as_it_was():
    document = json.loads(json.dumps(as_json({'processor': 'P'}, RESULTS)))
    first = document['subjects']['a']['rows'][0]
    assert first['labels'] == {'name': 'one'}
    assert first['cpu_ms']['median'] == pytest.approx(1.25)
    assert first['values'] == {'rate': 800.0}
    assert document['subjects']['d']['skipped'] == {'absent': 'pip install absent'}


@pytest.mark.parametrize(
    ('cpuinfo', 'processor', 'extensions'),
    [
        ('model name\t: Some CPU\nflags\t\t: fpu avx2 avx512f\n', 'Some CPU', 'avx2 avx512f'),
        ('Features\t: fp asimd asimddp\nModel\t\t: Some Board\n', 'Some Board', 'asimd asimddp'),
    ],
)
def test_the_machine_is_named(tmp_path: Path, cpuinfo: str, processor: str, extensions: str):
    path = tmp_path / 'cpuinfo'
    path.write_text(cpuinfo)
    described = machine.describe(path)
    assert described['processor'] == processor
    assert described['extensions'] == extensions
    assert described['cores'] >= 1
    assert described['numpy']


def test_a_machine_without_cpuinfo(tmp_path: Path):
    assert machine.describe(tmp_path / 'missing')['processor']


def test_columns_of_times_that_nobody_has_are_left_out():
    row = Row({'name': 'node'}, {}, {}, {'rate': 30.0}, {})
    lines = as_markdown({}, [Result('c', 'Node', [row])]).splitlines()
    assert '| name | rate |' in lines
    assert '| node | 30.0 |' in lines
