# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""config/sros2_policy.xml allows what the node does, and nothing else; without keys no start."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from rclpy.parameter import Parameter

from emotionnet_ros.node.emotion_node import NAME, EmotionNode

POLICY = Path(__file__).parents[2] / 'config' / 'sros2_policy.xml'
# SROS2's format 0.2.0: which elements stand in which, and the rules that each kind of name takes.
INSIDE = {
    'policy': {'enclaves'},
    'enclaves': {'enclave'},
    'enclave': {'profiles'},
    'profiles': {'profile'},
    'profile': {'topics', 'services', 'actions'},
    'topics': {'topic'},
    'services': {'service'},
    'actions': {'action'},
}
RULES = {
    'topics': {'publish', 'subscribe'},
    'services': {'request', 'reply'},
    'actions': {'call', 'execute'},
}


@pytest.fixture(scope='module')
def policy():
    return ElementTree.parse(POLICY).getroot()


def test_the_file_has_the_structure_of_a_policy(policy):
    assert policy.tag == 'policy'
    assert policy.attrib == {'version': '0.2.0'}
    for element in policy.iter():
        assert {child.tag for child in element} <= INSIDE.get(element.tag, set())
        if element.tag in RULES:
            assert element.attrib
            assert set(element.attrib) <= RULES[element.tag]
            assert set(element.attrib.values()) == {'ALLOW'}
        if element.tag in INSIDE:
            assert len(element) > 0
        else:
            assert element.text
            assert element.text == element.text.strip()
    (profile,) = policy.iter('profile')
    assert profile.attrib == {'ns': '/', 'node': NAME}
    (enclave,) = policy.iter('enclave')
    assert enclave.attrib == {'path': f'/{NAME}'}


def allowed(policy, kind, rule, namespace):
    """Full names, as SROS2 makes them."""
    names = [e.text for group in policy.iter(kind) if rule in group.attrib for e in group]
    assert len(set(names)) == len(names)
    prefix = namespace.rstrip('/')
    return {
        name
        if name.startswith('/')
        else f'{prefix}/{NAME}{name[1:]}'
        if name.startswith('~')
        else f'{prefix}/{name}'
        for name in names
    }


@pytest.fixture(params=['/', '/robot'])
def namespace(request):
    return request.param


@pytest.fixture(params=[False, True], ids=['raw', 'compressed'])
def compressed(request):
    return request.param


def test_the_node_needs_all_of_it_and_no_more(policy, observer, namespace, compressed, wait_until):
    settings = {'camera.compressed': compressed, 'detector.name': 'haar', 'use_sim_time': True}
    node = EmotionNode(
        namespace=namespace,
        parameter_overrides=[Parameter(name, value=v) for name, v in settings.items()],
    )
    try:
        node.autostart()

        def used(what):
            found = getattr(node, f'get_{what}_names_and_types_by_node')(NAME, namespace)
            return {name for name, _ in found}

        image = namespace.rstrip('/') + ('/image/compressed' if compressed else '/image')
        wait_until(lambda: image in used('subscriber'), 'the subscription')
        assert used('subscriber') == {image, '/clock'}
        assert used('subscriber') <= allowed(policy, 'topics', 'subscribe', namespace)
        assert used('publisher') == allowed(policy, 'topics', 'publish', namespace)
        services = allowed(policy, 'services', 'reply', namespace)
        # Humble has no type descriptions.
        optional = {name for name in services if name.endswith('/get_type_description')}
        assert services - optional <= used('service') <= services
        assert used('client') == set()
        assert allowed(policy, 'services', 'request', namespace) == set()
    finally:
        node.stop()
        node.destroy_node()


@pytest.mark.parametrize('enclave', ['missing', 'empty'])
def test_without_a_usable_enclave_it_does_not_start_and_says_why(
    start, tmp_path, monkeypatch, enclave
):
    """Of an empty one, whether keys are missing or DDS has no security; both must not go on."""
    (tmp_path / 'enclaves' / ('emotionnet' if enclave == 'empty' else 'other')).mkdir(parents=True)
    monkeypatch.setenv('ROS_SECURITY_KEYSTORE', str(tmp_path))
    monkeypatch.setenv('ROS_SECURITY_ENABLE', 'true')
    monkeypatch.setenv('ROS_SECURITY_STRATEGY', 'Enforce')
    node = start('emotionnet', enclave='/emotionnet')
    assert node.process.wait(60) == 1
    assert 'emotionnet: ROS 2 does not start: ' in node.output
    assert 'Traceback' not in node.output
    if enclave == 'missing':
        assert str(tmp_path / 'enclaves' / 'emotionnet') in node.output
