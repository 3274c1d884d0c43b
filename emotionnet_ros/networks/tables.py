# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""EmotionNet Nano as tables of layers, and what a table costs; no torch here.

Source: Lee, Wang, Wong, "EmotionNet Nano: An Efficient Deep Convolutional Neural Network Design
for Real-Time Facial Expression Recognition", Frontiers in Artificial Intelligence 3 (2021),
doi 10.3389/frai.2020.609673. The paper's table of layers could not be read for this project:

- Nano-B is the topology on which four independent public re-implementations agree. They disagree
  in one place, the input of ``b6`` (one leaves out ``b5``). With 7 classes it has 141,098
  parameters; the published figure, quoted from memory, is 0.136 M. One width read wrongly would
  explain the difference; which one is not known.
- Nano-A: its widths could be read nowhere. Here they are Nano-B's times 1.278, which gives 231,992
  parameters with 7 classes (published, from memory: 0.232 M). This is this project's reading, not
  the paper's network.

Nano-C is neither, but found by this project's exploration (docs/design_exploration.md).
Batch normalisation after every convolution is this project's choice; it folds away at export.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emotionnet_ros.expressions import EXPRESSIONS

IMAGE_SIZE = 48  # pixels, height and width of the grey input


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution with 'same' padding, a row of the table.

    ``inputs`` names the earlier layers whose sum it reads, such as ``'a1+a3'``; ``'image'`` is the
    network's input. ``width`` counts output channels. Without ``relu`` the layer is linear.
    """

    name: str
    inputs: str
    width: int
    stride: int = 1
    kernel: int = 3
    relu: bool = True

    @property
    def summands(self) -> tuple[str, ...]:
        """Names of the layers whose sum is read."""
        return tuple(self.inputs.split('+'))


@dataclass(frozen=True, slots=True)
class Network:
    """A table of layers in order of computation, and the head.

    The head is the global average of the sum named by ``head_inputs`` and one linear layer to
    ``classes``.
    """

    name: str
    layers: tuple[Layer, ...]
    head_inputs: str
    classes: tuple[str, ...] = EXPRESSIONS

    @property
    def head_summands(self) -> tuple[str, ...]:
        """Names of the layers whose sum the head averages."""
        return tuple(self.head_inputs.split('+'))

    def shapes(self) -> dict[str, tuple[int, int]]:
        """(channels, side in pixels) of every layer's output, by name.

        Raises
        ------
        ValueError
            If a layer reads one that does not stand above it, or adds up unlike shapes.
        """
        shapes = {'image': (1, IMAGE_SIZE)}
        for layer in self.layers:
            if layer.name in shapes:
                raise ValueError(f'{self.name}: two layers are called {layer.name!r}')
            _, side = self._sum_shape(shapes, layer.name, layer.summands)
            shapes[layer.name] = (layer.width, -(-side // layer.stride))
        self._sum_shape(shapes, 'head', self.head_summands)
        return shapes

    def input_width(self, layer: Layer) -> int:
        """Input channels of a layer of this table."""
        return self.shapes()[layer.summands[0]][0]

    def head_width(self) -> int:
        """Input features of the linear head."""
        return self.shapes()[self.head_summands[0]][0]

    def _sum_shape(
        self, shapes: Mapping[str, tuple[int, int]], reader: str, summands: tuple[str, ...]
    ) -> tuple[int, int]:
        unknown = [name for name in summands if name not in shapes]
        if unknown:
            raise ValueError(f'{self.name}: {reader} reads {unknown}, not computed before it')
        found = {name: shapes[name] for name in summands}
        if len(set(found.values())) > 1:
            raise ValueError(f'{self.name}: {reader} adds up unlike shapes {found}')
        return shapes[summands[0]]


def parameter_count(network: Network) -> int:
    """Weights and biases of the network as exported, batch normalisation folded."""
    shapes = network.shapes()
    convolutions = sum(
        layer.width * (shapes[layer.summands[0]][0] * layer.kernel**2 + 1)
        for layer in network.layers
    )
    return convolutions + len(network.classes) * (network.head_width() + 1)


def multiply_adds(network: Network) -> int:
    """Multiply-adds (MACs) of one image: convolutions and head, no biases, joins or averages."""
    shapes = network.shapes()
    convolutions = sum(
        shapes[layer.summands[0]][0] * layer.kernel**2 * layer.width * shapes[layer.name][1] ** 2
        for layer in network.layers
    )
    return convolutions + len(network.classes) * network.head_width()


def nano(
    name: str,
    stage_1: tuple[int, ...],
    stage_2: tuple[int, ...],
    stage_3: tuple[int, ...],
    classes: tuple[str, ...] = EXPRESSIONS,
) -> Network:
    """EmotionNet Nano's topology with the given widths (8, 6 and 5 of them).

    The stages run at 48x48, 24x24 and 12x12 pixels; the last convolution of the first two stages
    halves the side. ``p1`` and ``p2`` are the long-range projections. Sums are written such that
    their beginnings are shared: a weight file computes each of those once.
    """
    a, b, e = stage_1, stage_2, stage_3
    layers = (
        Layer('a1', 'image', a[0]),
        Layer('a2', 'a1', a[1]),
        Layer('a3', 'a2', a[2]),
        Layer('a4', 'a1+a3', a[3]),
        Layer('a5', 'a4', a[4]),
        Layer('a6', 'a1+a3+a5', a[5]),
        Layer('a7', 'a6', a[6]),
        Layer('a8', 'a1+a5+a7', a[7], stride=2),  # a3 is not part of this sum
        Layer('p1', 'a1+a3+a5', b[0], stride=2, kernel=1, relu=False),
        Layer('b1', 'a8', b[0]),
        Layer('b2', 'b1+p1', b[1]),
        Layer('b3', 'b2', b[2]),
        Layer('b4', 'b1+b3', b[3]),  # without p1
        Layer('b5', 'b4', b[4]),
        Layer('b6', 'b3+b5+p1+b1', b[5], stride=2),  # disputed: one source has b1+b3+p1
        Layer('p2', 'b3+b5+p1+a8', e[0], stride=2, kernel=1, relu=False),
        Layer('e1', 'b6', e[0]),
        Layer('e2', 'e1+p2', e[1]),
        Layer('e3', 'e2', e[2]),
        Layer('e4', 'e1+p2+e3', e[3]),
        Layer('e5', 'e4', e[4]),
    )
    return Network(name, layers, 'e1+p2+e3+e5', classes)


NANO_B = nano(
    'nano_b',
    (11, 9, 11, 8, 11, 7, 11, 27),
    (27, 19, 27, 26, 27, 36),
    (64, 39, 64, 24, 64),
)
# Nano-B's widths times 1.278: this project's reading, the paper's own widths could not be read.
NANO_A = nano(
    'nano_a',
    (14, 12, 14, 10, 14, 9, 14, 35),
    (35, 24, 35, 33, 35, 46),
    (82, 50, 82, 31, 82),
)
# Found by this project's exploration in the space of design/prototype_fast.yaml; not the paper's.
NANO_C = Network(
    'nano_c',
    (
        Layer('a1', 'image', 8),
        Layer('a2', 'a1', 32, stride=2),
        Layer('b1', 'a2', 32),
        Layer('b2', 'b1', 32),
        Layer('b3', 'b2', 32),
        Layer('b4', 'b1+b3', 64, stride=2),
        Layer('p2', 'b1', 48, stride=2, kernel=1, relu=False),
        Layer('e1', 'b4', 48),
        Layer('e2', 'e1+p2', 48),
        Layer('e3', 'e2', 48),
        Layer('e4', 'e3+p2', 32),
        Layer('e5', 'e4', 48),
        Layer('e6', 'e1+p2+e3+e5', 64, stride=2),
        Layer('f1', 'e6', 48),
    ),
    'f1',
)
NETWORKS = {network.name: network for network in (NANO_A, NANO_B, NANO_C)}
