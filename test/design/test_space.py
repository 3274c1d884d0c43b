# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.design.prototype import DEFAULT_PROTOTYPE, Prototype, read_prototype
from emotionnet_ros.design.space import (
    NotInSpaceError,
    all_slots,
    contains,
    excess,
    extreme,
    gene_choices,
    genes_of,
    layer_slots,
    network_of,
    ordered_sums,
    sample,
    sample_within,
    scaled_prototype,
)
from emotionnet_ros.networks.tables import (
    NANO_A,
    NANO_B,
    NANO_C,
    Layer,
    Network,
    multiply_adds,
    parameter_count,
)

SHIPPED = read_prototype(DEFAULT_PROTOTYPE)
FAST = read_prototype(DEFAULT_PROTOTYPE.with_name('prototype_fast.yaml'))


@pytest.mark.parametrize(
    ('network', 'prototype'),
    [(NANO_A, SHIPPED), (NANO_B, SHIPPED), (NANO_C, FAST)],
    ids=['nano_a', 'nano_b', 'nano_c'],
)
def test_the_projects_networks_are_points_of_a_space(network: Network, prototype: Prototype):
    genes = genes_of(prototype, network)
    assert contains(prototype, genes)
    made = network_of(prototype, genes, network.name)
    assert ordered_sums(made) == ordered_sums(network)


@given(st.integers(0, 10**9), st.sampled_from([SHIPPED, FAST]))
def test_genes_and_tables_stand_for_each_other(seed: int, prototype: Prototype):
    genes = sample(prototype, random.Random(seed))
    network = network_of(prototype, genes)
    shapes = network.shapes()
    found = genes_of(prototype, network)
    assert contains(prototype, found)
    assert network_of(prototype, found) == network
    assert [shapes[f'{stage}1'][1] for stage in 'abe'] == [48, 24, 12]
    # Every layer fits into its slot.
    slots = {slot.name: slot for slot in all_slots(prototype)}
    for layer in network.layers:
        slot = slots[layer_slots(prototype, network)[layer.name]]
        assert layer.width <= slot.width
        assert shapes[layer.summands[0]][0] <= slot.input_width
        assert (layer.stride, layer.kernel, layer.relu) == (slot.stride, slot.kernel, slot.relu)


@given(st.integers(0, 10**9))
def test_a_name_stands_for_a_table(seed: int):
    one, other = (network_of(SHIPPED, sample(SHIPPED, random.Random(s))) for s in (seed, seed + 1))
    assert (one.name == other.name) == (one == other)


def test_the_extremes(small: Prototype):
    narrow, wide = (network_of(small, extreme(small, widest)) for widest in (False, True))
    assert [layer.name for layer in narrow.layers] == ['a1', 'a2', 'b1']
    assert narrow.head_inputs == 'b1'
    assert wide.head_inputs == 'c1+p2+c3'
    chance = random.Random(1)
    for _ in range(50):
        network = network_of(small, sample(small, chance))
        assert parameter_count(narrow) <= parameter_count(network) <= parameter_count(wide)
        assert multiply_adds(narrow) <= multiply_adds(network) <= multiply_adds(wide)


def test_the_prototype_scaled():
    sizes = [network_of(SHIPPED, scaled_prototype(SHIPPED, scale)) for scale in (0.5, 1, 1.5)]
    assert [network.layers[0].width for network in sizes] == [8, 8, 11]
    # As a residual network: every block reads all that the stage has computed.
    assert sizes[1].layers[5].inputs == 'a1+a3+a5'
    assert sizes[1].head_inputs == 'e1+p2+e3+e5+e7'
    assert [row.width for row in sizes[1].layers if row.name in ('a8', 'b8')] == [16, 48]
    counts = [parameter_count(network) for network in sizes]
    assert counts == sorted(counts)


@pytest.mark.parametrize('scale', [0.1, 0.5, 0.9, 1.0, 1.4, 3.0])
def test_the_scaled_prototype_is_in_the_space(small: Prototype, scale: float):
    for prototype in (small, SHIPPED):
        assert contains(prototype, scaled_prototype(prototype, scale))
    assert scaled_prototype(small, scale)['a.width'] == (4 if scale <= 1.5 else 8)


def test_limits_of_size(small: Prototype):
    chance = random.Random(2)
    for _ in range(30):
        network = network_of(small, sample_within(small, chance))
        assert parameter_count(network) <= 4000
    assert excess(small, NANO_B)['max_parameters'] == parameter_count(NANO_B) / 4000 - 1
    sizes = [multiply_adds(network_of(small, sample_within(small, chance))) for _ in range(20)]
    middle = sorted(sizes)[10]
    large = replace(small, constraints=replace(small.constraints, min_multiply_adds=middle))
    for _ in range(10):
        assert multiply_adds(network_of(large, sample_within(large, chance))) >= middle
    impossible = replace(small, constraints=replace(small.constraints, max_parameters=10))
    with pytest.raises(NotInSpaceError, match='none keeps to the limits of size'):
        sample_within(impossible, chance)


def test_without_joins_and_projections_a_design_is_a_chain(small: Prototype):
    stages = tuple(replace(stage, joins=False, projection=False) for stage in small.stages)
    chain = replace(small, stages=stages)
    assert not [name for name in gene_choices(chain) if '<' in name]
    network = network_of(chain, extreme(chain, widest=True))
    assert all('+' not in layer.inputs for layer in network.layers)
    assert '+' not in network.head_inputs


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'a4': {'kernel': 5}}, 'see Layer.*a4'),
        ({'b6': {'inputs': 'b1+b3'}}, 'see Layer.*b6'),  # without the latest trunk layer
        ({'e5': {'width': 63}}, 'unlike shapes|see Layer.*e5'),
        ({'e2': {'width': 999}}, 'e2.width 999 is above the highest, 64'),
    ],
)
def test_networks_outside(change: dict[str, dict[str, object]], message: str):
    layers = tuple(replace(row, **change.get(row.name, {})) for row in NANO_B.layers)
    with pytest.raises((NotInSpaceError, ValueError), match=message):
        genes_of(SHIPPED, replace(NANO_B, layers=layers))


def test_a_foreign_network_is_outside():
    with pytest.raises(NotInSpaceError, match='tiny is no design of the prototype'):
        genes_of(SHIPPED, Network('tiny', (Layer('x', 'image', 4),), 'x'))
