# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator

import pytest

torch = pytest.importorskip('torch', reason='networks need torch')

from emotionnet_ros.networks.modules import NanoModule, fold_batch_norm, standardise  # noqa: E402
from emotionnet_ros.networks.tables import (  # noqa: E402
    NETWORKS,
    Network,
    multiply_adds,
    parameter_count,
)

BOTH = pytest.mark.parametrize('network', NETWORKS.values(), ids=NETWORKS.keys())


@BOTH
def test_the_module_has_the_tables_parameters(network: Network):
    folded = fold_batch_norm(NanoModule(network))
    assert sum(p.numel() for p in folded.parameters()) == parameter_count(network)


@BOTH
def test_the_module_does_the_tables_multiply_adds(network: Network):
    done = []

    def count(part: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        done.append(part.weight[0].numel() * output.numel())

    module = fold_batch_norm(NanoModule(network))
    hooks: Iterator[torch.nn.Module] = (
        part for part in module.modules() if isinstance(part, torch.nn.Conv2d | torch.nn.Linear)
    )
    for part in hooks:
        part.register_forward_hook(count)
    module(torch.zeros(1, 1, 48, 48))
    assert sum(done) == multiply_adds(network)


@BOTH
def test_shapes_of_every_layer(network: Network):
    module = NanoModule(network).eval()
    shapes = {}
    for name, part in module.layers.items():
        part.register_forward_hook(
            lambda _, __, output, name=name: shapes.update({name: tuple(output.shape[1:])})
        )
    logits = module(torch.rand(2, 1, 48, 48) * 255)
    assert logits.shape == (2, 8)
    expected = {n: (c, s, s) for n, (c, s) in network.shapes().items() if n != 'image'}
    assert shapes == expected


@BOTH
def test_folding_changes_nothing(network: Network, as_if_trained):
    module = as_if_trained(NanoModule(network))
    images = torch.rand(4, 1, 48, 48) * 255
    with torch.no_grad():
        torch.testing.assert_close(
            fold_batch_norm(module)(images), module(images), atol=1e-4, rtol=1e-4
        )


def test_folding_leaves_the_module_as_it_was():
    module = NanoModule(NETWORKS['nano_b']).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    fold_batch_norm(module)
    assert all(part.training for part in module.modules())
    for name, value in module.state_dict().items():
        torch.testing.assert_close(value, before[name], atol=0, rtol=0)


def test_standardised_images():
    images = torch.rand(3, 1, 48, 48) * torch.tensor([10.0, 100, 255])[:, None, None, None]
    result = standardise(images)
    assert result.mean(dim=(1, 2, 3)).abs().max() < 1e-4
    assert (result.std(dim=(1, 2, 3)) - 1).abs().max() < 0.1


@pytest.mark.parametrize('grey', [0.0, 128.0, 255.0])
def test_a_flat_image_becomes_zeros(grey: float):
    assert standardise(torch.full((1, 1, 48, 48), grey)).abs().max() < 1e-3


def test_light_does_not_change_the_answer(as_if_trained):
    module = as_if_trained(NanoModule(NETWORKS['nano_b']))
    images = torch.rand(2, 1, 48, 48) * 200
    with torch.no_grad():
        torch.testing.assert_close(
            module(0.5 * images + 40).softmax(1), module(images).softmax(1), atol=1e-2, rtol=0
        )
