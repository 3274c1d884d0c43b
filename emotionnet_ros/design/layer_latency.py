# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Latency of a design as the sum of its layers', from a table that is measured once on a board.

A board that is too slow to explore on measures every layer that a prototype allows, each in a
graph of its own, and some whole networks. Layers of their own pay for laying out their input and
output, which within a network they do not; so the sum is scaled and shifted to the whole
networks by least squares of the relative errors, and the error that is left is written beside.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tqdm import tqdm

from emotionnet_ros.design.latency import interleaved_ms, machine, random_classifier
from emotionnet_ros.design.prototype import Prototype
from emotionnet_ros.design.space import gene_choices, network_of, sample_within
from emotionnet_ros.design.study import StudyError, read_json, replace_json
from emotionnet_ros.networks.network_file import network_as_dict, network_from, table_digest
from emotionnet_ros.networks.onnx_file import IR_VERSION, OPSET
from emotionnet_ros.networks.tables import IMAGE_SIZE, NETWORKS, Network

_SAVE_EVERY = 50  # layers

# Kernel, input channels, output channels, input side, stride.
Key = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class LayerTable:
    """Milliseconds of single layers and what turns their sum into a network's latency.

    ``error`` is the mean relative error of networks that were left out of the fit one by one,
    ``largest_error`` the largest of them.
    """

    layers: dict[Key, float]
    scale: float
    offset: float
    error: float
    largest_error: float

    def milliseconds(self, network: Network) -> float:
        """Latency of a network for one face.

        Raises
        ------
        StudyError
            If the table lacks one of its layers.
        """
        return self.offset + self.scale * _sum(self.layers, network)


def layer_keys(network: Network) -> list[Key]:
    """Return what decides the latency of each layer, in the order of the table."""
    shapes = network.shapes()
    return [
        (
            layer.kernel,
            *shapes[layer.summands[0]][:1],
            layer.width,
            shapes[layer.summands[0]][1],
            layer.stride,
        )
        for layer in network.layers
    ]


def _sum(layers: dict[Key, float], network: Network) -> float:
    keys = layer_keys(network)
    missing = [key for key in keys if key not in layers]
    if missing:
        raise StudyError(
            f'the layer table lacks (kernel, in, out, side, stride) {missing[0]} of '
            f'{network.name}: measure it with the same prototype'
        )
    return sum(layers[key] for key in keys)


def keys_of_space(prototype: Prototype) -> list[Key]:
    """Every layer that some design of a prototype has, sorted."""
    choices = gene_choices(prototype)
    keys: set[Key] = set()
    for before, stage, index in zip(
        (None, *prototype.stages), prototype.stages, range(len(prototype.stages)), strict=False
    ):
        side = stage.resolution
        if before is None:
            stride = IMAGE_SIZE // side
            keys |= {(3, 1, width, side * stride, stride) for width in stage.widths}
        else:
            keys |= {
                (3, out, width, side, 1) for out in before.out_widths for width in stage.widths
            }
            if f'p{index}.present' in choices:
                keys |= {
                    (1, one, width, before.resolution, 2)
                    for one in before.widths
                    for width in stage.widths
                }
        for width in stage.widths:
            keys |= {(3, width, out, side, 2) for out in stage.out_widths}
            if stage.depth[1]:
                for inner in stage.inner_widths:
                    keys |= {(3, width, inner, side, 1), (3, inner, width, side, 1)}
    return sorted(keys)


def measure_layer(key: Key, rounds: int = 5, runs: int = 10) -> float:
    """Milliseconds of one layer with ReLU and random weights, as interleaved_ms has them."""
    session = _session(key)
    kernel, width, _, side, _ = key
    _ = kernel
    values = np.random.default_rng(1).normal(size=(1, width, side, side)).astype(np.float32)
    lowest = float('inf')
    for _ in range(rounds):
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            session.run(None, {'x': values})
            times.append(time.perf_counter() - start)
        lowest = min(lowest, 1000 * statistics.median(times))
    return lowest


def _session(key: Key) -> Any:
    kernel, width, out, side, stride = key
    generator = np.random.default_rng(0)
    weight = generator.normal(size=(out, width, kernel, kernel)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node(
                'Conv',
                ['x', 'weight', 'bias'],
                ['convolution'],
                kernel_shape=[kernel, kernel],
                strides=[stride, stride],
                pads=[kernel // 2] * 4,
            ),
            helper.make_node('Relu', ['convolution'], ['y']),
        ],
        'layer',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, width, side, side])],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(weight, 'weight'),
            numpy_helper.from_array(np.zeros(out, dtype=np.float32), 'bias'),
        ],
    )
    imports = [helper.make_opsetid('', OPSET)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=['CPUExecutionProvider']
    )


def measure_table(
    prototype: Prototype, path: Path, networks: int = 12, seed: int = 1
) -> LayerTable:
    """Measure on this machine what a prototype needs; go on with what the file has already.

    Parameters
    ----------
    prototype
        Whose layers to measure.
    path
        The JSON file to write.
    networks
        How many designs, drawn by chance, to measure whole.
    seed
        Of the designs.
    """
    content: dict[str, Any] = {'machine': machine(), 'layers': {}, 'networks': {}}
    if path.exists():
        content = read_json(path)
        if content.get('machine') != machine():
            raise StudyError(f'{path} was measured on another machine: choose another file')
    layers: dict[str, float] = content['layers']
    # In an order by chance, so that a disturbance does not spoil one kind of layers.
    keys = keys_of_space(prototype)
    keys += [key for network in NETWORKS.values() for key in layer_keys(network)]
    keys = sorted(set(keys))
    random.Random(seed).shuffle(keys)
    missing = [key for key in keys if _text(key) not in layers]
    for count, key in enumerate(tqdm(missing, unit='layer', desc='layers'), start=1):
        layers[_text(key)] = measure_layer(key)
        if count % _SAVE_EVERY == 0:
            replace_json(path, content)
    replace_json(path, content)
    chance = random.Random(seed)
    designs = [network_of(prototype, sample_within(prototype, chance)) for _ in range(networks)]
    unknown = [
        network
        for network in (*NETWORKS.values(), *designs)
        if table_digest(network) not in content['networks']
    ]
    if unknown:
        measured = interleaved_ms([random_classifier(network) for network in unknown])
        for network, milliseconds in zip(unknown, measured, strict=True):
            content['networks'][table_digest(network)] = [network_as_dict(network), milliseconds]
        replace_json(path, content)
    return read_table(path)


def read_table(path: Path) -> LayerTable:
    """Read a table that measure_table wrote, and fit the sum of layers to its networks.

    Raises
    ------
    StudyError
        If the file cannot be read or is no such table.
    """
    content = read_json(path)
    try:
        layers = {_key(text): float(value) for text, value in content['layers'].items()}
        rows = list(content['networks'].values())
        networks = [network_from(row[0]) for row in rows]
        measured = np.array([float(row[1]) for row in rows])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudyError(f'{path} is no table of layers ({error}): measure it anew') from error
    if len(networks) < 3:
        raise StudyError(f'{path} has {len(networks)} whole networks; 3 are needed: measure anew')
    sums = np.array([_sum(layers, network) for network in networks])
    every = np.arange(len(sums))
    errors = []
    for index in every:
        scale, offset = _fit(sums[every != index], measured[every != index])
        errors.append(abs((offset + scale * sums[index]) / measured[index] - 1))
    scale, offset = _fit(sums, measured)
    return LayerTable(layers, scale, offset, float(np.mean(errors)), float(np.max(errors)))


def _fit(sums: NDArray[np.float64], measured: NDArray[np.float64]) -> tuple[float, float]:
    """Scale and offset with the least squares of the relative errors."""
    columns = np.stack([sums / measured, 1 / measured], axis=1)
    scale, offset = np.linalg.lstsq(columns, np.ones(len(sums)), rcond=None)[0]
    return float(scale), float(offset)


def report(table: LayerTable, path: Path, networks: Sequence[Network] = ()) -> str:
    """Say how good the table is: its size, its fit and its error."""
    lines = [
        f'{path}: {len(table.layers)} layers; latency = {table.offset:.3f} ms + {table.scale:.3f} '
        f'x sum; relative error {table.error:.1%} in the mean, {table.largest_error:.1%} at most'
    ]
    lines += [f'{network.name}: {table.milliseconds(network):.3f} ms' for network in networks]
    return '\n'.join(lines)


def _text(key: Key) -> str:
    return ','.join(map(str, key))


def _key(text: str) -> Key:
    kernel, width, out, side, stride = map(int, text.split(','))
    return kernel, width, out, side, stride
