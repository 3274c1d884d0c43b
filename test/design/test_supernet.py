# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import random

import pytest

torch = pytest.importorskip('torch', reason='the supernet needs torch')

from emotionnet_ros.design.prototype import (  # noqa: E402
    DEFAULT_PROTOTYPE,
    Prototype,
    read_prototype,
)
from emotionnet_ros.design.space import (  # noqa: E402
    NotInSpaceError,
    extreme,
    network_of,
    sample,
    scaled_prototype,
)
from emotionnet_ros.design.supernet import Supernet, recalibrate  # noqa: E402
from emotionnet_ros.networks.modules import NanoModule  # noqa: E402
from emotionnet_ros.networks.tables import NANO_A, NANO_B, parameter_count  # noqa: E402


def test_a_design_cut_out_computes_what_the_supernet_computes(as_if_trained):
    prototype = read_prototype(DEFAULT_PROTOTYPE)
    supernet = as_if_trained(Supernet(prototype), 4)
    images = torch.rand(2, 1, 48, 48) * 255
    chance = random.Random(1)
    designs = [network_of(prototype, sample(prototype, chance)) for _ in range(4)]
    with torch.no_grad():
        for network in (NANO_A, NANO_B, *designs):
            module = supernet.cut_out(network)
            torch.testing.assert_close(
                module(images), supernet(images, network), atol=1e-5, rtol=1e-5
            )
            assert module(images).std() > 0.01


def test_training_a_design_touches_its_share_alone(small: Prototype, as_if_trained):
    supernet = as_if_trained(Supernet(small), 4).train()
    network = network_of(small, extreme(small, widest=False))
    supernet(torch.rand(4, 1, 48, 48) * 255, network).square().sum().backward()
    grown = {name: part for name, part in supernet.named_parameters() if part.grad is not None}
    assert {name.split('.')[1] for name in grown} == {'a1', 'a_out', 'b1', 'b_head'}
    first = supernet.layers['a1'][0].weight.grad
    assert first[:4].abs().min() > 0
    assert first[4:].abs().max() == 0


def test_the_same_gradients_as_alone(small: Prototype, as_if_trained):
    supernet = as_if_trained(Supernet(small), 4).train()
    network = network_of(small, scaled_prototype(small, 1.0))
    alone = supernet.cut_out(network).train()
    images = torch.rand(4, 1, 48, 48) * 255
    for module, answer in ((supernet, supernet(images, network)), (alone, alone(images))):
        module.zero_grad()
        answer.square().sum().backward()
    for layer in ('a1', 'a2', 'a3', 'b1'):
        expected = alone.layers[layer][0].weight.grad
        out, width = expected.shape[:2]
        torch.testing.assert_close(
            supernet.layers[layer][0].weight.grad[:out, :width], expected, atol=1e-4, rtol=1e-3
        )


def test_cut_out_weights_are_copies(small: Prototype, as_if_trained):
    supernet = as_if_trained(Supernet(small), 4)
    network = network_of(small, extreme(small, widest=False))
    module = supernet.cut_out(network)
    before = supernet.layers['a1'][0].weight.clone()
    with torch.no_grad():
        module.layers['a1'][0].weight.zero_()
    torch.testing.assert_close(supernet.layers['a1'][0].weight, before)
    norms = sum(2 * row.width for row in network.layers) - sum(r.width for r in network.layers)
    assert sum(p.numel() for p in module.parameters()) == parameter_count(network) + norms


def test_networks_that_do_not_fit_are_refused(small: Prototype):
    with pytest.raises(NotInSpaceError, match='nano_b is no design of the prototype'):
        Supernet(small).cut_out(NANO_B)


def test_recalibration_gives_the_statistics_of_the_images(small: Prototype, as_if_trained):
    network = network_of(small, scaled_prototype(small, 1.0))
    module: NanoModule = as_if_trained(Supernet(small), 4).cut_out(network)
    batches = [torch.rand(16, 1, 48, 48) * 255 for _ in range(3)]
    recalibrate(module, batches)
    assert not module.training
    seen = []
    module.layers['a1'][0].register_forward_hook(lambda _, __, output: seen.append(output))
    with torch.no_grad():
        for batch in batches:
            module(batch)
    expected = torch.stack([raw.mean(dim=(0, 2, 3)) for raw in seen]).mean(dim=0)
    norm = module.layers['a1'][1]
    torch.testing.assert_close(norm.running_mean, expected, atol=1e-5, rtol=1e-4)
    assert norm.momentum == 0.1
