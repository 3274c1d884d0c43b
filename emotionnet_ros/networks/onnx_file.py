# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Weight files: a trained network as an ONNX graph written from its table, and back to torch.

Input ``image``: float32 [N, 1, 48, 48], grey levels 0..255. Output ``probabilities``: float32
[N, classes]. N is dynamic; normalisation, batch norm and temperature are inside the graph.

Convolutions may carry channels of zeros beyond the widths of the table, up to a multiple that the
kernels of a processor like; what the network computes stays the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from emotionnet_ros.networks.modules import VARIANCE_FLOOR, NanoModule, fold_batch_norm
from emotionnet_ros.networks.network_file import network_as_dict, network_from
from emotionnet_ros.networks.tables import IMAGE_SIZE, NETWORKS, Layer, Network

# Old enough for ONNX Runtime 1.6 and newer, the oldest found on robots' boards.
OPSET = 13
IR_VERSION = 7


class WeightFileError(ValueError):
    """A weight file cannot be read or is not one of this project's networks."""


@dataclass(frozen=True)
class WeightFile:
    """A weight file's network in torch and what the file says about itself.

    ``module`` is the folded form, in evaluation mode, and gives calibrated logits: their softmax
    is the file's output.
    """

    module: NanoModule
    version: str
    temperature: float


@dataclass(frozen=True, slots=True)
class Padding:
    """Channels of zeros that a file adds to the widths of its table.

    Parameters
    ----------
    multiple
        Widths become multiples of this, at least 1,
    from_width
        but narrower layers than this stay as they are,
    minimum
        and no layer is narrower than this afterwards, at least 1.
    """

    multiple: int = 1
    from_width: int = 1
    minimum: int = 1

    def __post_init__(self) -> None:
        if min(self.multiple, self.from_width, self.minimum) < 1:
            raise ValueError(f'{self}: all must be at least 1')

    def width(self, width: int) -> int:
        """Give the padded width."""
        wide = max(width, self.minimum)
        return wide if wide < self.from_width else -(-wide // self.multiple) * self.multiple


def write_weight_file(
    path: Path,
    module: NanoModule,
    version: str,
    temperature: float = 1.0,
    padding: Padding | None = None,
) -> None:
    """Write a trained module, with batch norm, as an ONNX file.

    Parameters
    ----------
    path
        The file to write.
    module
        As trained; it is not changed.
    version
        The version of these weights, for the file's metadata.
    temperature
        Positive divisor of the logits; it is folded into the head.
    padding
        Channels of zeros to add; none unless given.

    Raises
    ------
    ValueError
        If the temperature is not positive.
    """
    if not temperature > 0:
        raise ValueError(f'the temperature must be positive, not {temperature}')
    network = module.network
    weights = _weights(fold_batch_norm(module), temperature)
    metadata = {
        'name': network.name,
        'version': version,
        'classes': ','.join(network.classes),
        'temperature': repr(float(temperature)),
    }
    if network.name not in NETWORKS:
        metadata['table'] = json.dumps(network_as_dict(network))
    _save(path, network, weights, metadata, padding or Padding())


def rewrite_weight_file(source: Path, target: Path, padding: Padding | None = None) -> None:
    """Write the weights of a file anew, as ``write_weight_file`` would today; nothing is trained.

    Parameters
    ----------
    source
        A weight file of this project, with or without channels of zeros.
    target
        The file to write; may be the same.
    padding
        As for ``write_weight_file``.

    Raises
    ------
    WeightFileError
        As for ``read_weight_file``.
    """
    network, weights, metadata = _load(source)
    _save(target, network, weights, metadata, padding or Padding())


def read_weight_file(path: Path) -> WeightFile:
    """Rebuild the torch module of a weight file.

    Raises
    ------
    WeightFileError
        If the file cannot be read, or its network or weights are not those of a table.
    """
    network, weights, metadata = _load(path)
    module = NanoModule(network, batch_norm=False)
    state = {}
    for name, array in weights.items():
        layer, part = name.rsplit('.', 1)
        state[f'{_module_name(layer)}.{part}'] = torch.from_numpy(array.copy())
    module.load_state_dict(state)
    return WeightFile(module.eval(), metadata.get('version', ''), float(metadata['temperature']))


def _load(path: Path) -> tuple[Network, dict[str, NDArray[np.float32]], dict[str, str]]:
    """Read a file's network, its weights in the table's widths, and its metadata."""
    try:
        model = onnx.load(path)
        metadata = {item.key: item.value for item in model.metadata_props}
        # A network that is not one of this project's own carries its table with it.
        table = metadata.get('table')
        known = network_from(json.loads(table)) if table else NETWORKS[metadata['name']]
        network = replace(known, classes=tuple(metadata['classes'].split(',')))
        float(metadata['temperature'])
        arrays = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
        weights = {
            name: _cut(name, arrays[name], shape)
            for name, shape in _shapes(network, Padding()).items()
        }
    except OSError as error:
        raise WeightFileError(f'{path}: {error.strerror}') from error
    except KeyError as error:
        raise WeightFileError(
            f'{path} is not a weight file of this project: it lacks, or names an unknown, {error}'
        ) from error
    except (ValueError, TypeError) as error:
        raise WeightFileError(f'{path} does not hold one of the networks: {error}') from error
    except Exception as error:
        # protobuf's error for bytes that are no model; its class moved between versions.
        if type(error).__name__ != 'DecodeError':
            raise
        raise WeightFileError(f'{path} is not an ONNX file: {error}') from error
    return network, weights, metadata


def _save(
    path: Path,
    network: Network,
    weights: dict[str, NDArray[np.float32]],
    metadata: dict[str, str],
    padding: Padding,
) -> None:
    padded = {}
    for name, shape in _shapes(network, padding).items():
        padded[name] = np.zeros(shape, np.float32)
        padded[name][tuple(map(slice, weights[name].shape))] = weights[name]
    model = helper.make_model(
        _graph(network, padded),
        producer_name='emotionnet_ros',
        opset_imports=[helper.make_opsetid('', OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _shapes(network: Network, padding: Padding) -> dict[str, tuple[int, ...]]:
    """Shapes of all weights and biases, padded."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in network.layers:
        reads_image = layer.summands == ('image',)
        inputs = network.input_width(layer)
        inputs = inputs if reads_image else padding.width(inputs)
        outputs = padding.width(layer.width)
        shapes[f'{layer.name}.weight'] = (outputs, inputs, layer.kernel, layer.kernel)
        shapes[f'{layer.name}.bias'] = (outputs,)
    shapes['head.weight'] = (len(network.classes), padding.width(network.head_width()))
    shapes['head.bias'] = (len(network.classes),)
    return shapes


def _cut(name: str, array: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Take the channels of zeros away."""
    kept = array[tuple(map(slice, shape))]
    if array.ndim != len(shape) or kept.shape != shape:
        raise ValueError(f'{name} has shape {list(array.shape)}, not {list(shape)}')
    if np.count_nonzero(array) != np.count_nonzero(kept):
        raise ValueError(f'{name} has weights beyond the shape {list(shape)} of its table')
    return kept


def _module_name(layer: str) -> str:
    return 'head' if layer == 'head' else f'layers.{layer}.0'


def _weights(folded: NanoModule, temperature: float) -> dict[str, NDArray[np.float32]]:
    state = {name: value.numpy() for name, value in folded.state_dict().items()}
    weights = {}
    for layer in (*(row.name for row in folded.network.layers), 'head'):
        for part in ('weight', 'bias'):
            value = state[f'{_module_name(layer)}.{part}']
            scale = 1 / temperature if layer == 'head' else 1.0
            weights[f'{layer}.{part}'] = np.ascontiguousarray(value * scale, dtype=np.float32)
    return weights


def _graph(network: Network, weights: dict[str, NDArray[np.float32]]) -> Any:
    nodes: list[Any] = []

    def node(operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def joined(summands: tuple[str, ...]) -> str:
        # Sums are built from left to right, so that their common beginnings are computed once.
        name = summands[0]
        for summand in summands[1:]:
            longer = f'{name}+{summand}'
            if all(longer != existing.name for existing in nodes):
                node('Add', [name, summand], longer)
            name = longer
        return name

    # The same as modules.standardise.
    node('Sub', ['image', node('GlobalAveragePool', ['image'], 'mean')], 'centred')
    node('GlobalAveragePool', [node('Mul', ['centred', 'centred'], 'squared')], 'variance')
    deviation = node('Sqrt', [node('Add', ['variance', 'variance_floor'], 'floored')], 'deviation')
    node('Div', ['centred', deviation], 'standardised')

    for layer in network.layers:
        name = 'standardised' if layer.summands == ('image',) else joined(layer.summands)
        convolution = f'{layer.name}.convolution' if layer.relu else layer.name
        node(
            'Conv',
            [name, f'{layer.name}.weight', f'{layer.name}.bias'],
            convolution,
            **_convolution_attributes(layer),
        )
        if layer.relu:
            node('Relu', [convolution], layer.name)
    average = node('GlobalAveragePool', [joined(network.head_summands)], 'average')
    features = node('Flatten', [average], 'features', axis=1)
    logits = node('Gemm', [features, 'head.weight', 'head.bias'], 'logits', transB=1)
    node('Softmax', [logits], 'probabilities', axis=1)

    constants = {**weights, 'variance_floor': np.array(VARIANCE_FLOOR, dtype=np.float32)}
    side, classes = IMAGE_SIZE, len(network.classes)
    return helper.make_graph(
        nodes,
        network.name,
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, ['N', 1, side, side])],
        [helper.make_tensor_value_info('probabilities', TensorProto.FLOAT, ['N', classes])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )


def _convolution_attributes(layer: Layer) -> dict[str, list[int]]:
    return {
        'kernel_shape': [layer.kernel, layer.kernel],
        'strides': [layer.stride, layer.stride],
        'pads': [layer.kernel // 2] * 4,
    }
