# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""config/diagnostics_analyzers.yaml sorts what the node says, as diagnostic_aggregator would.

The rules are those of diagnostic_aggregator's AnalyzerGroup and GenericAnalyzer.
"""

import re
from pathlib import Path

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory
from diagnostic_msgs.msg import DiagnosticArray

GENERIC = 'diagnostic_aggregator/GenericAnalyzer'
GROUP = 'diagnostic_aggregator/AnalyzerGroup'
NAMES, TEXT = list, str
# A value of another type ends the aggregator; a name that is not here is passed over in silence.
PARAMETERS = {
    'type': TEXT,
    'path': TEXT,
    'find_and_remove_prefix': NAMES,
    'remove_prefix': NAMES,
    'startswith': NAMES,
    'contains': NAMES,
    'expected': NAMES,
    'regex': NAMES,
    'timeout': float,
    'num_items': int,
    'discard_stale': bool,
}


@pytest.fixture(scope='module')
def group():
    """The file's one group, read as the aggregator reads it."""
    folder = Path(get_package_share_directory('emotionnet_ros')) / 'config'
    tree = yaml.safe_load((folder / 'diagnostics_analyzers.yaml').read_text())
    (group,) = tree['/**']['ros__parameters'].values()
    return group


def matches(analyzer, name):
    def given(rule):
        return analyzer.get(rule, [])

    beginnings = given('startswith') or given('find_and_remove_prefix')
    return (
        any(re.fullmatch(regex, name) for regex in given('regex'))
        or name in given('expected')
        or any(name.startswith(beginning) for beginning in beginnings)
        or any(text in name for text in given('contains'))
    )


def paths(group, name):
    """Give the places where a status appears; without one the aggregator lays it with others."""
    return [a['path'] for a in group['analyzers'].values() if matches(a, name)]


def test_the_file_is_one_that_the_aggregator_takes(group):
    assert set(group) == {'type', 'path', 'analyzers'}
    assert group['type'] == GROUP
    # A group begins to read its own part at the name "analyzers.", and needs type and path there.
    for analyzer in group['analyzers'].values():
        assert analyzer['type'] == GENERIC
        assert set(analyzer) <= set(PARAMETERS)
        for name, value in analyzer.items():
            assert type(value) is PARAMETERS[name], name
            assert value not in ('', [])
            if PARAMETERS[name] is NAMES:
                assert {type(text) for text in value} == {str}
        assert any(analyzer.get(r) for r in ('startswith', 'contains', 'expected', 'regex'))
    every = [a['path'] for a in group['analyzers'].values()]
    assert len(set(every)) == len(every)
    assert not any('/' in path for path in [*every, group['path']])


@pytest.mark.parametrize('topics', [[], ['/left/image', '/power/image/compressed']])
def test_what_the_node_says_is_each_in_one_place(group, start, collect, wait_until, topics):
    messages = collect(DiagnosticArray, '/diagnostics')
    cameras = {'cameras': f'[{",".join(topics)}]'} if topics else {}
    start('emotionnet', '__ns:=/robot', **cameras)
    wait_until(lambda: messages, 'diagnostics')
    said = [status.name for status in messages[-1].status]
    expected = {f'input {topic}': ['Cameras'] for topic in topics} or {'input': ['Cameras']}
    expected |= {'pipeline': ['Pipeline'], 'model': ['Pipeline'], 'power': ['Power']}
    assert {name.partition(': ')[2]: paths(group, name) for name in said} == expected
    assert len(said) == len(expected)
    assert all(name.startswith('robot/emotionnet: ') for name in said)
    at_the_root = [name.replace('robot/', '') for name in said]
    assert [paths(group, name) for name in at_the_root] == [paths(group, name) for name in said]


@pytest.mark.parametrize(
    'name', ['camera: input', 'power: battery', 'emotionnet', 'laser: emotionnet', 'model']
)
def test_what_others_say_is_left_to_others(group, name):
    assert paths(group, name) == []
