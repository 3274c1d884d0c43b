# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.networks.tables import (
    NANO_A,
    NANO_B,
    NETWORKS,
    Layer,
    Network,
    multiply_adds,
    parameter_count,
)

SEVEN_CLASSES = ('anger', 'contempt', 'disgust', 'fear', 'happiness', 'sadness', 'surprise')


@pytest.mark.parametrize(
    ('network', 'parameters', 'macs'),
    [(NANO_A, 231_992, 72.8e6), (NANO_B, 141_098, 44.2e6)],
)
def test_cost_with_the_papers_seven_classes(network: Network, parameters: int, macs: float):
    network = replace(network, classes=SEVEN_CLASSES)
    assert parameter_count(network) == parameters
    assert multiply_adds(network) == pytest.approx(macs, rel=2e-3)


def test_nano_b_convolution_weights():
    """The figure known for the weights of all convolutions, without biases and head."""
    layers = NANO_B.layers
    weights = sum(row.width * NANO_B.input_width(row) * row.kernel**2 for row in layers)
    assert weights == 140_040


def test_eight_classes_by_default():
    for network in NETWORKS.values():
        assert network.classes == EXPRESSIONS
        seven = replace(network, classes=SEVEN_CLASSES)
        assert parameter_count(network) - parameter_count(seven) == network.head_width() + 1


def test_stages_halve_the_side():
    for network in (NANO_A, NANO_B):
        shapes = network.shapes()
        sides = {'a1': 48, 'a7': 48, 'a8': 24, 'p1': 24, 'b5': 24, 'b6': 12, 'p2': 12, 'e5': 12}
        assert {name: shapes[name][1] for name in sides} == sides


def test_nano_a_is_nano_b_scaled():
    for wide, narrow in zip(NANO_A.layers, NANO_B.layers, strict=True):
        assert replace(wide, width=narrow.width) == narrow
        assert wide.width == round(1.278 * narrow.width)


def test_cost_of_a_network_counted_by_hand():
    network = Network('tiny', (Layer('a', 'image', 2, stride=2),), 'a', ('x', 'y', 'z'))
    assert parameter_count(network) == 2 * (9 + 1) + 3 * (2 + 1)
    assert multiply_adds(network) == 24 * 24 * 9 * 2 + 3 * 2


@pytest.mark.parametrize(
    ('layers', 'head', 'message'),
    [
        ((Layer('a', 'b', 4), Layer('b', 'image', 4)), 'b', "a reads \\['b'\\]"),
        ((Layer('a', 'image', 4), Layer('b', 'a', 5), Layer('c', 'a+b', 4)), 'c', 'unlike shapes'),
        ((Layer('a', 'image', 4), Layer('b', 'a', 4, stride=2)), 'a+b', 'head adds up unlike'),
        ((Layer('a', 'image', 4), Layer('a', 'image', 4)), 'a', 'two layers'),
    ],
)
def test_a_wrong_table_is_named(layers: tuple[Layer, ...], head: str, message: str):
    with pytest.raises(ValueError, match=message):
        Network('wrong', layers, head).shapes()
