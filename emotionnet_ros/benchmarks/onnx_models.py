# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ONNX models that only the benchmark needs, and what a model costs."""

from __future__ import annotations

import math


def matrix_product(side: int) -> bytes:
    """Give a model that multiplies square matrices ``a`` and ``b``, float32.

    Raises
    ------
    ImportError
        onnx is not installed.
    """
    from onnx import TensorProto, helper

    a, b, c = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [side, side]) for n in 'abc')
    graph = helper.make_graph(
        [helper.make_node('MatMul', ['a', 'b'], ['c'])], 'product', [a, b], [c]
    )
    opsets = [helper.make_opsetid('', 13)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=7)
    content: bytes = model.SerializeToString()
    return content


def count_multiply_adds(model: bytes) -> float:
    """Count the multiply-adds of one image: convolutions and matrix products as in the file.

    Channels of zeros count, as they are computed, and so do int8 weights.

    Raises
    ------
    ImportError
        onnx is not installed.
    """
    import onnx

    graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(model)).graph
    weights = {item.name: list(item.dims) for item in graph.initializer}
    sizes = {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.output)
    }
    total = 0
    for node in graph.node:
        if node.op_type == 'DequantizeLinear' and node.input[0] in weights:
            weights[node.output[0]] = weights[node.input[0]]
        weight = weights.get(node.input[1], []) if len(node.input) > 1 else []
        if node.op_type == 'Conv':
            total += math.prod(weight) * math.prod(sizes[node.output[0]][2:])
        elif node.op_type == 'Gemm':
            total += math.prod(weight)
    return float(total)
