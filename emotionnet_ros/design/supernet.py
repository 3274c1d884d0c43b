# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One network that holds every design's weights; designs take the first channels of its layers.

Source: sharing weights by slicing channels, Yu et al., "Slimmable Neural Networks", ICLR 2019;
batch norm estimated anew for each sub-network, Yu and Huang, "Universally Slimmable Networks and
Improved Training Techniques", ICCV 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn
from torch.nn import functional

from emotionnet_ros.design.prototype import Prototype
from emotionnet_ros.design.space import Slot, all_slots, genes_of, layer_slots
from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.networks.modules import NanoModule, standardise
from emotionnet_ros.networks.tables import Network


class Supernet(nn.Module):  # type: ignore[misc]  # torch is not followed
    """The widest layer of every slot of a prototype's space."""

    def __init__(self, prototype: Prototype) -> None:
        super().__init__()
        self.prototype = prototype
        self.layers = nn.ModuleDict(
            {
                slot.name: _slot_module(slot) if slot.width else _head(slot.input_width)
                for slot in all_slots(prototype)
            }
        )

    def forward(self, image: Tensor, network: Network) -> Tensor:
        """Logits, float [N, classes], that a design of the space gives with its share of weights.

        In training the statistics of batch norm are the batch's own.
        """
        slots = layer_slots(self.prototype, network)
        outputs = {'image': standardise(image)}
        for layer in network.layers:
            joined = reduce(add, [outputs[name] for name in layer.summands])
            convolution, norm = self.layers[slots[layer.name]][:2]
            weight = convolution.weight[: layer.width, : joined.shape[1]]
            raw = functional.conv2d(
                joined, weight, stride=layer.stride, padding=convolution.padding
            )
            output = functional.batch_norm(
                raw,
                norm.running_mean[: layer.width],
                norm.running_var[: layer.width],
                norm.weight[: layer.width],
                norm.bias[: layer.width],
                self.training,
                norm.momentum,
                norm.eps,
            )
            outputs[layer.name] = functional.relu(output, inplace=True) if layer.relu else output
        joined = reduce(add, [outputs[name] for name in network.head_summands])
        features = joined.mean(dim=(2, 3))
        head = self.layers[slots['head']]
        return functional.linear(features, head.weight[:, : features.shape[1]], head.bias)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def cut_out(self, network: Network) -> NanoModule:
        """Return a design of its own with a copy of its share of the weights, to be evaluated.

        Raises
        ------
        NotInSpaceError
            If the network is no design of the prototype, or wider.
        """
        genes_of(self.prototype, network)
        slots = layer_slots(self.prototype, network)
        module = NanoModule(network)
        for layer in (*(row.name for row in network.layers), 'head'):
            target = module.head if layer == 'head' else module.layers[layer]
            source = self.layers[slots[layer]].state_dict()
            for name, value in target.state_dict().items():
                region = tuple(slice(0, size) for size in value.shape)
                value.copy_(source[name][region])
        module.eval()
        return module


def _slot_module(slot: Slot) -> nn.Sequential:
    convolution = nn.Conv2d(
        slot.input_width,
        slot.width,
        slot.kernel,
        stride=slot.stride,
        padding=slot.kernel // 2,
        bias=False,
    )
    nn.init.kaiming_normal_(convolution.weight, nonlinearity='relu' if slot.relu else 'linear')
    parts: list[nn.Module] = [convolution, nn.BatchNorm2d(slot.width)]
    if slot.relu:
        parts.append(nn.ReLU(inplace=True))
    return nn.Sequential(*parts)


def _head(width: int) -> nn.Linear:
    return nn.Linear(width, len(EXPRESSIONS))


@torch.no_grad()  # type: ignore[untyped-decorator]
def recalibrate(module: NanoModule, batches: Sequence[Tensor]) -> None:
    """Estimate batch norm's statistics anew, as the mean over batches of images.

    Parameters
    ----------
    module
        Left in evaluation mode.
    batches
        Float [N, 1, 48, 48], 0..255, augmented as in training.
    """
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    momentum = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all batches
    module.train()
    for batch in batches:
        module(batch)
    module.eval()
    for norm, before in zip(norms, momentum, strict=True):
        norm.momentum = before
