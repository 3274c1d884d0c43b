# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Torch modules built from a table of layers."""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from emotionnet_ros.networks.tables import Layer, Network

# Added to the variance of a crop's grey values (squared grey levels): a flat crop becomes zeros.
VARIANCE_FLOOR = 1.0


def standardise(image: Tensor) -> Tensor:
    """Give every image zero mean and unit variance over its own pixels.

    Brightness and contrast of the scene cancel out, so the light need not be learnt.

    Parameters
    ----------
    image
        Float [N, 1, H, W], grey levels 0..255.
    """
    centred = image - image.mean(dim=(2, 3), keepdim=True)
    variance = centred.square().mean(dim=(2, 3), keepdim=True)
    return centred / (variance + VARIANCE_FLOOR).sqrt()


class NanoModule(nn.Module):  # type: ignore[misc]  # torch is not followed
    """A network computed layer by layer from its table.

    Parameters
    ----------
    network
        The table of layers.
    batch_norm
        True to train: batch normalisation after each convolution. False is the folded form, each
        convolution with a bias of its own, as in the weight files.
    """

    def __init__(self, network: Network, batch_norm: bool = True) -> None:
        super().__init__()
        self.network = network
        self.layers = nn.ModuleDict(
            {
                layer.name: _layer_module(layer, network.input_width(layer), batch_norm)
                for layer in network.layers
            }
        )
        self.head = nn.Linear(network.head_width(), len(network.classes))

    def forward(self, image: Tensor) -> Tensor:
        """Logits, float [N, classes], of grey images, float [N, 1, 48, 48] in 0..255."""
        outputs = {'image': standardise(image)}
        for layer in self.network.layers:
            joined = reduce(add, [outputs[name] for name in layer.summands])
            outputs[layer.name] = self.layers[layer.name](joined)
        joined = reduce(add, [outputs[name] for name in self.network.head_summands])
        logits: Tensor = self.head(joined.mean(dim=(2, 3)))
        return logits


def _layer_module(layer: Layer, input_width: int, batch_norm: bool) -> nn.Sequential:
    convolution = nn.Conv2d(
        input_width,
        layer.width,
        layer.kernel,
        stride=layer.stride,
        padding=layer.kernel // 2,
        bias=not batch_norm,
    )
    nn.init.kaiming_normal_(convolution.weight, nonlinearity='relu' if layer.relu else 'linear')
    parts: list[nn.Module] = [convolution]
    if batch_norm:
        parts.append(nn.BatchNorm2d(layer.width))
    if layer.relu:
        parts.append(nn.ReLU(inplace=True))
    return nn.Sequential(*parts)


@torch.no_grad()  # type: ignore[untyped-decorator]
def fold_batch_norm(module: NanoModule) -> NanoModule:
    """Return a new module in evaluation mode that computes the same without batch norm."""
    folded = NanoModule(module.network, batch_norm=False)
    for name, parts in module.layers.items():
        convolution, norm = parts[0], parts[1]
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        folded.layers[name][0].weight.copy_(convolution.weight * gain[:, None, None, None])
        folded.layers[name][0].bias.copy_(norm.bias - norm.running_mean * gain)
    folded.head.load_state_dict(module.head.state_dict())
    folded.eval()
    return folded
