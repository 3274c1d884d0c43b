# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the rqt perspective opens is what the node publishes."""

import ast
import json
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory

from emotionnet_ros.node import emotion_node


@pytest.fixture(scope='module')
def perspective():
    folder = Path(get_package_share_directory('emotionnet_ros')) / 'config'
    return json.loads((folder / 'emotionnet.perspective').read_text())


def value(entry):
    return ast.literal_eval(entry['repr'])


def plugin_settings(perspective):
    """The settings of each plugin, by the name of its group."""
    groups = perspective['groups']['pluginmanager']['groups']
    return {name: group['groups']['plugin']['keys'] for name, group in groups.items()}


def test_every_plugin_that_runs_has_its_settings(perspective):
    running = value(perspective['groups']['pluginmanager']['keys']['running-plugins'])
    expected = {
        f'plugin__{name.replace("/", "__")}__{number}'
        for name, numbers in running.items()
        for number in numbers
    }
    assert expected == set(plugin_settings(perspective))
    assert set(running) == {
        'rqt_image_view/ImageView',
        'rqt_plot/Plot',
        'rqt_reconfigure/Param',
        'rqt_runtime_monitor/RuntimeMonitor',
    }


def test_plotted_fields_and_the_shown_image_are_published(perspective):
    settings = plugin_settings(perspective).values()
    plotted = [topic for keys in settings if 'topics' in keys for topic in value(keys['topics'])]
    shown = [value(keys['topic']) for keys in settings if 'topic' in keys]
    assert plotted
    assert shown == [f'/{emotion_node.annotated.TOPIC}']
    for path in plotted:
        topic, *fields = path.strip('/').split('/')
        message = emotion_node.TOPICS[topic]()
        for field in fields:
            message = getattr(message, field)
        assert isinstance(message, float), path


def test_the_parameters_shown_are_those_of_the_node(perspective):
    (keys,) = (k for k in plugin_settings(perspective).values() if 'selected_nodes' in k)
    assert value(keys['selected_nodes']) == [f'/{emotion_node.NAME}']
