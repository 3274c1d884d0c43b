# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turn a weight file into int8, for x86 processors: half the time of float32 there.

``python -m emotionnet_ros.training.quantise WEIGHTS --data DIR --output FILE``

The ranges of the activations come from training images, none from the validation or test split.
ONNX Runtime has no fast int8 kernels for most ARM boards: measure before using such a file there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from emotionnet_ros.networks.onnx_file import Padding, WeightFileError, rewrite_weight_file
from emotionnet_ros.training.evaluate import evaluate
from emotionnet_ros.training.ferplus import DataError, read_split

IMAGES = 300
# The int8 kernels of ONNX Runtime on x86 that need no rearranged copy of their input want input
# channels in fours and at least sixteen output channels; without them int8 wins half as much.
PADDING = Padding(multiple=4, minimum=16)


class _Images(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime is not followed
    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._images: Iterator[NDArray[np.uint8]] = iter(images)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        image = next(self._images, None)
        return None if image is None else {'image': image[None, None].astype(np.float32)}


def quantise(weights: Path, target: Path, images: NDArray[np.uint8]) -> None:
    """Write a weight file with int8 convolutions and sums.

    What stays float32: the standardisation and the first convolution, which see the image in full
    precision and cost next to nothing, and the head. Weights have 7 bits a channel, so that
    processors without VNNI do not saturate.

    Parameters
    ----------
    weights
        A float32 weight file of this project.
    target
        The file to write.
    images
        uint8 [N, 48, 48], face crops that show what ranges the activations have.

    Raises
    ------
    WeightFileError
        If the file is no weight file.
    """
    with tempfile.TemporaryDirectory() as folder:
        padded = Path(folder) / 'padded.onnx'
        rewrite_weight_file(weights, padded, PADDING)
        model = onnx.load(padded)
        quantize_static(
            padded,
            target,
            _Images(images),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            nodes_to_quantize=_quantised_nodes(model.graph),
        )
    quantised = onnx.load(target)
    metadata = {item.key: item.value for item in model.metadata_props}
    onnx.helper.set_model_props(quantised, {**metadata, 'precision': 'int8'})
    onnx.save(quantised, target)


def _quantised_nodes(graph: Any) -> list[str]:
    names = [
        node.name
        for node in graph.node
        if node.op_type in ('Conv', 'Relu') or (node.op_type == 'Add' and '+' in node.name)
    ]
    return names[2:]  # without the first convolution and its ReLU


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 when something cannot be read or written."""
    parser = argparse.ArgumentParser(
        prog='quantise', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('weights', type=Path, help='a float32 weight file')
    parser.add_argument('--data', type=Path, required=True, help='folder with the FER+ splits')
    parser.add_argument('--output', type=Path, required=True, help='the file to write')
    options = parser.parse_args(arguments)
    try:
        images = read_split(options.data, 'train').images
        quantise(options.weights, options.output, images[:: max(1, len(images) // IMAGES)])
        print('| file | accuracy on valid | balanced | bytes |\n|---|---|---|---|')
        for path in (options.weights, options.output):
            result = evaluate(path, options.data, 'valid')
            print(
                f'| {path.name} | {100 * result["accuracy"]:.2f} % '
                f'| {100 * result["balanced_accuracy"]:.2f} % | {path.stat().st_size} |'
            )
    except (WeightFileError, DataError, OSError) as error:
        print(f'quantise: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
