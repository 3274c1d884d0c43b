# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The designs that a prototype allows: genes, whole numbers by name, and the tables they make.

Layers are called as in EmotionNet Nano: ``a1`` and every second one after it are the trunk of
stage a, ``a2``, ``a4`` ... the inner layers, the last with an even number the out layer; ``p1`` is
the projection from the first stage into the second. A *slot* is a layer's place in the space,
whatever the depth: an out layer's is ``a_out``, the head's after stage e ``e_head``.

Genes: ``a.width``, ``a.depth``, ``a.out``, ``a2.width`` and so on, ``f.present`` of an optional
stage and ``p1.present`` of a projection; ``a4<a1``, 1 where the layer in slot a4 reads a1 too.
Genes of what a design does not have are there, but say nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from emotionnet_ros.design.prototype import Prototype, Stage
from emotionnet_ros.networks.network_file import table_digest
from emotionnet_ros.networks.tables import (
    IMAGE_SIZE,
    Layer,
    Network,
    multiply_adds,
    parameter_count,
)

Genes = Mapping[str, int]


class NotInSpaceError(ValueError):
    """A network is no design of the prototype; the message says why."""


@dataclass(frozen=True)
class Slot:
    """A layer's place: its widest input and output; ``width`` is 0 for a head."""

    name: str
    input_width: int
    width: int
    stride: int = 1
    kernel: int = 3
    relu: bool = True


def gene_choices(prototype: Prototype) -> dict[str, tuple[int, ...]]:
    """Every gene and the values that it may have, rising."""
    genes: dict[str, tuple[int, ...]] = {}
    for index, stage in enumerate(prototype.stages, start=1):
        if stage.optional:
            genes[f'{stage.name}.present'] = (0, 1)
        genes[f'{stage.name}.width'] = stage.widths
        genes[f'{stage.name}.depth'] = tuple(range(stage.depth[0], stage.depth[1] + 1))
        for inner in _inner_names(stage):
            genes[f'{inner}.width'] = stage.inner_widths
        if stage.out_widths:
            genes[f'{stage.name}.out'] = stage.out_widths
        if stage.projection:
            genes[f'p{index}.present'] = (0, 1)
        for reader, candidates in _readers(prototype, index):
            genes.update({f'{reader}<{candidate}': (0, 1) for candidate in candidates})
    return genes


def network_of(prototype: Prototype, genes: Genes, name: str = '') -> Network:
    """Make the table of layers that the genes stand for.

    Without a ``name`` the network is called after its table: ``design_`` and eight digits.
    """
    layers: list[Layer] = []
    entry, projection, before = 'image', '', ('', '', 0)  # before: slot, layer, width of out
    head = ''
    present = _present_stages(prototype, genes)
    for index, stage in enumerate(present, start=1):
        key, width = stage.name, genes[f'{stage.name}.width']
        stride = IMAGE_SIZE // stage.resolution if index == 1 else 1
        layers.append(Layer(f'{key}1', entry, width, stride))
        trunk = [f'{key}1']

        def joined(
            reader: str, trunk: list[str] = trunk, projection: str = projection
        ) -> list[str]:
            """Trunk layers that are chosen, the latest in any case, and the projection."""
            chosen = [one for one in trunk[:-1] if genes.get(f'{reader}<{one}')] + [trunk[-1]]
            inward = [one for one in [projection] if one and genes[f'{reader}<{one}']]
            # Early in the sum: a weight file computes sums that begin alike once.
            return chosen[:1] + inward + chosen[1:]

        for inner in _inner_names(stage)[: genes[f'{key}.depth']]:
            layers.append(Layer(inner, '+'.join(joined(inner)), genes[f'{inner}.width']))
            trunk.append(f'{key}{int(inner[len(key) :]) + 1}')
            layers.append(Layer(trunk[-1], inner, width))
        if index == len(present):
            head = '+'.join(joined(f'{key}_head'))
            break
        entry = f'{key}{2 * len(trunk)}'
        out = Layer(entry, '+'.join(joined(f'{key}_out')), genes[f'{key}.out'], stride=2)
        layers.append(out)
        candidates = [(one, one) for one in (*trunk, projection) if one]
        candidates += [before[:2]] if before[2] == width else []
        reader, projection = f'p{index}', ''
        chosen = [layer for slot, layer in candidates if genes.get(f'{reader}<{slot}')]
        if chosen and genes.get(f'{reader}.present'):
            projection = reader
            following = genes[f'{present[index].name}.width']
            layers.append(Layer(reader, '+'.join(chosen), following, 2, kernel=1, relu=False))
        before = (f'{key}_out', entry, out.width)
    network = Network(name, tuple(layers), head)
    return network if name else replace(network, name=f'design_{table_digest(network)[:8]}')


def genes_of(prototype: Prototype, network: Network) -> dict[str, int]:
    """Genes that make a table; widths need not be among the choices, but not above the widest.

    The order of summands does not matter.

    Raises
    ------
    NotInSpaceError
        If no genes make this table.
    """
    choices = gene_choices(prototype)
    genes = {name: values[0] for name, values in choices.items()}
    rows = {layer.name: layer for layer in network.layers}
    slots = layer_slots(prototype, network)
    for index, stage in enumerate(prototype.stages, start=1):
        key = stage.name
        count = sum(f'{key}{number}' in rows for number in range(1, 2 * stage.depth[1] + 3))
        if stage.optional:
            genes[f'{key}.present'] = int(count > 0)
        if count == 0:
            break
        depth = (count - 1) // 2
        genes[f'{key}.depth'] = depth
        genes[f'{key}.width'] = rows[f'{key}1'].width if f'{key}1' in rows else 0
        for inner in _inner_names(stage)[:depth]:
            if inner in rows:
                genes[f'{inner}.width'] = rows[inner].width
        out = rows.get(f'{key}{count}')
        if count % 2 == 0 and out is not None:
            genes[f'{key}.out'] = out.width
        if f'p{index}.present' in genes:
            genes[f'p{index}.present'] = int(f'p{index}' in rows)
    readers = {slots[layer.name]: layer.summands for layer in network.layers}
    readers[slots['head']] = network.head_summands
    for reader, summands in readers.items():
        for summand in summands:
            gene = f'{reader}<{slots.get(summand, summand)}'
            if gene in genes:
                genes[gene] = 1
    try:
        made = network_of(prototype, genes, network.name)
    except (KeyError, IndexError) as error:
        raise NotInSpaceError(f'{network.name} is no design of the prototype: {error}') from error
    ours, theirs = ordered_sums(network), ordered_sums(made)
    if (ours.layers, ours.head_inputs) != (theirs.layers, theirs.head_inputs):
        wrong = [layer for layer in ours.layers if layer not in theirs.layers]
        where = wrong[0] if wrong else f'head_inputs {network.head_inputs!r}'
        raise NotInSpaceError(f'{network.name} is no design of the prototype: see {where}')
    for name, value in genes.items():
        limit = choices[name][-1] if name in choices else value
        if value > limit:
            raise NotInSpaceError(f'{network.name}: {name} {value} is above the highest, {limit}')
    return genes


def ordered_sums(network: Network) -> Network:
    """Return the same network with the summands of every sum in the order of their names."""
    layers = (replace(layer, inputs='+'.join(sorted(layer.summands))) for layer in network.layers)
    return replace(
        network, layers=tuple(layers), head_inputs='+'.join(sorted(network.head_summands))
    )


def contains(prototype: Prototype, genes: Genes) -> bool:
    """Whether every gene has one of its choices."""
    return all(genes.get(name) in values for name, values in gene_choices(prototype).items())


def sample(prototype: Prototype, generator: random.Random) -> dict[str, int]:
    """Choose every gene by chance."""
    return {name: generator.choice(values) for name, values in gene_choices(prototype).items()}


def sample_within(
    prototype: Prototype, generator: random.Random, attempts: int = 1000
) -> dict[str, int]:
    """Choose genes by chance until the design keeps to the limits of size.

    Raises
    ------
    NotInSpaceError
        If none of the attempts does.
    """
    for _ in range(attempts):
        genes = sample(prototype, generator)
        if all(share <= 0 for share in excess(prototype, network_of(prototype, genes)).values()):
            return genes
    raise NotInSpaceError(
        f'of {attempts} designs by chance none keeps to the limits of size: '
        'change them or the widths'
    )


def extreme(prototype: Prototype, widest: bool) -> dict[str, int]:
    """Genes of the widest network with every connection, or of the narrowest without any."""
    choices = gene_choices(prototype)
    return {name: values[-1 if widest else 0] for name, values in choices.items()}


def scaled_prototype(prototype: Prototype, factor: float) -> dict[str, int]:
    """Genes of the person's own network, every allowed connection in it, its widths scaled.

    Each width is the nearest of its choices, the narrower of two: a supernet knows no others.
    """
    genes = extreme(prototype, widest=True)
    for index, stage in enumerate(prototype.stages):
        key = stage.name
        if stage.optional:
            genes[f'{key}.present'] = int(stage.prototype_width > 0)
        width = factor * stage.prototype_width
        genes[f'{key}.width'] = _nearest(stage.widths, width)
        genes[f'{key}.depth'] = stage.prototype_depth
        for inner in _inner_names(stage):
            genes[f'{inner}.width'] = _nearest(stage.inner_widths, width)
        if stage.out_widths:
            following = prototype.stages[index + 1].prototype_width or stage.prototype_width
            genes[f'{key}.out'] = _nearest(stage.out_widths, factor * following)
    return genes


def _nearest(widths: Sequence[int], wanted: float) -> int:
    return min(widths, key=lambda width: abs(width - wanted))


def excess(prototype: Prototype, network: Network) -> dict[str, float]:
    """Limits of size and the share by which a network is beyond each, below zero where within."""
    limits = prototype.constraints
    return {
        name: sign * (count(network) / limit - 1)
        for name, limit, count, sign in (
            ('max_parameters', limits.max_parameters, parameter_count, 1),
            ('max_multiply_adds', limits.max_multiply_adds, multiply_adds, 1),
            ('min_multiply_adds', limits.min_multiply_adds, multiply_adds, -1),
        )
        if limit is not None
    }


def layer_slots(prototype: Prototype, network: Network) -> dict[str, str]:
    """Slot of every layer of a table, and of ``head``."""
    names = [layer.name for layer in network.layers]
    slots = {name: name for name in names}
    last = ''
    for stage in prototype.stages:
        own = [name for name in names if _number(name, stage.name)]
        if own:
            last = stage.name
        if own and len(own) % 2 == 0:
            slots[own[-1]] = f'{stage.name}_out'
    slots['head'] = f'{last}_head'
    return slots


def all_slots(prototype: Prototype) -> tuple[Slot, ...]:
    """Every slot in order of computation, with the widest input and output."""
    slots: list[Slot] = []
    stages = prototype.stages
    entry_width = 1
    for index, stage in enumerate(stages, start=1):
        key, width, inner_width = stage.name, stage.widths[-1], stage.inner_widths[-1]
        stride = IMAGE_SIZE // stage.resolution if index == 1 else 1
        slots.append(Slot(f'{key}1', entry_width, width, stride))
        for block, inner in enumerate(_inner_names(stage), start=1):
            slots.append(Slot(inner, width, inner_width))
            slots.append(Slot(f'{key}{2 * block + 1}', inner_width, width))
        if index == len(stages) or stages[index].optional:
            slots.append(Slot(f'{key}_head', width, 0))
        if index == len(stages):
            break
        slots.append(Slot(f'{key}_out', width, stage.out_widths[-1], stride=2))
        if stage.projection:
            following = stages[index].widths[-1]
            slots.append(Slot(f'p{index}', width, following, 2, kernel=1, relu=False))
        entry_width = stage.out_widths[-1]
    return tuple(slots)


def _inner_names(stage: Stage) -> list[str]:
    return [f'{stage.name}{2 * block}' for block in range(1, stage.depth[1] + 1)]


def _present_stages(prototype: Prototype, genes: Genes) -> list[Stage]:
    present: list[Stage] = []
    for stage in prototype.stages:
        if stage.optional and not genes[f'{stage.name}.present']:
            break
        present.append(stage)
    return present


def _readers(prototype: Prototype, index: int) -> Iterator[tuple[str, list[str]]]:
    """Slots of a stage, counted from 1, that have a choice of what to read, and the choices."""
    stage, key = prototype.stages[index - 1], prototype.stages[index - 1].name
    inward = [f'p{index - 1}'] if index > 1 and prototype.stages[index - 2].projection else []
    trunk = [f'{key}{2 * block + 1}' for block in range(stage.depth[1] + 1)]
    for inner in _inner_names(stage):
        earlier = trunk[: int(inner[len(key) :]) // 2 - 1]
        yield inner, (earlier if stage.joins else []) + inward
    ends = (trunk[:-1] if stage.joins else []) + inward
    if index < len(prototype.stages):
        yield f'{key}_out', ends
    if index == len(prototype.stages) or prototype.stages[index].optional:
        yield f'{key}_head', ends
    if stage.projection:
        before = [f'{prototype.stages[index - 2].name}_out'] if index > 1 else []
        yield f'p{index}', trunk + inward + before


def _number(name: str, stage: str) -> int:
    """Return a layer's number in a stage, 0 if it is of none or another."""
    digits = name.removeprefix(stage)
    return int(digits) if name.startswith(stage) and digits.isdigit() else 0
