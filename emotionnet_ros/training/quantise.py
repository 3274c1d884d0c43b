# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turn a weight file into int8, for x86 processors: half the time of float32 there.

``emotionnet quantise nano_b --data FERPLUS`` writes nano_b_int8.onnx; the node takes it as
``network.model``.

The ranges of the activations come from training images of FER+, none from the validation or test
split, or from the faces of your own pictures: some hundred of many people. ONNX Runtime has no
fast int8 kernels for most ARM boards: measure before using such a file there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from emotionnet_ros.faces.detection import DetectorError, open_detector
from emotionnet_ros.imaging import RawImage, decode, face_crop
from emotionnet_ros.imaging.sources import SourceError, open_source
from emotionnet_ros.inference.classifier import CROP_SIZE, ModelError, find_model
from emotionnet_ros.networks.onnx_file import Padding, WeightFileError, rewrite_weight_file
from emotionnet_ros.training.evaluate import evaluate
from emotionnet_ros.training.ferplus import DataError, read_split

IMAGES = 300
FEWEST_IMAGES = 20
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


def faces_of(source: str) -> NDArray[np.uint8]:
    """Cut the faces of a video or of pictures as the node does: uint8 [N, 48, 48], N <= 300.

    Raises
    ------
    SourceError
        The source cannot be read, or shows too few faces.
    DetectorError
        There is no face detector.
    """
    detector = open_detector()
    crops: list[NDArray[np.uint8]] = []
    opened = open_source(source)
    # A video's neighbouring pictures show the same; of a folder's, all count.
    step = max(1, opened.count // IMAGES)
    for picture in islice(opened.pictures, 0, None, step):
        height, width = picture.shape[:2]
        frame = decode(RawImage(width, height, 'bgr8', 3 * width, False, picture.reshape(-1)))
        crops += [
            face_crop(
                frame,
                detection.box,
                side_over_box=detector.crop_side_over_box,
                shift_y=detector.crop_shift_y,
                size=CROP_SIZE,
            )
            for detection in detector.detect(frame)
        ]
        if len(crops) >= IMAGES:
            break
    if len(crops) < FEWEST_IMAGES:
        raise SourceError(
            f'{source}: {len(crops)} faces found, at least {FEWEST_IMAGES} are needed, of many '
            'people and in as much different light as the robot will see'
        )
    return np.stack(crops[:IMAGES])


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 when something cannot be read or written."""
    parser = argparse.ArgumentParser(
        prog='quantise', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'weights', nargs='?', default='nano_b', help='a shipped network or a float32 weight file'
    )
    images_from = parser.add_mutually_exclusive_group(required=True)
    images_from.add_argument('--data', type=Path, help='folder with the FER+ splits')
    images_from.add_argument(
        '--pictures', metavar='SOURCE', help='your own video or folder of pictures with faces'
    )
    parser.add_argument(
        '--output', type=Path, help='the file to write (the name with _int8, in this folder)'
    )
    options = parser.parse_args(arguments)
    try:
        weights = find_model(options.weights)
        output = options.output or Path(f'{weights.stem}_int8.onnx')
        if options.data:
            images = read_split(options.data, 'train').images
            quantise(weights, output, images[:: max(1, len(images) // IMAGES)])
            _print_accuracies((weights, output), options.data)
        else:
            quantise(weights, output, faces_of(options.pictures))
    except (
        WeightFileError, ModelError, DataError, DetectorError, SourceError, OSError
    ) as error:  # fmt: skip
        print(f'quantise: {error}', file=sys.stderr)
        return 1
    print(f'The node takes it with the parameter network.model:={output.resolve()}')
    return 0


def _print_accuracies(files: Sequence[Path], data: Path) -> None:
    print('| file | accuracy on valid | balanced | bytes |\n|---|---|---|---|')
    for path in files:
        result = evaluate(path, data, 'valid')
        print(
            f'| {path.name} | {100 * result["accuracy"]:.2f} % '
            f'| {100 * result["balanced_accuracy"]:.2f} % | {path.stat().st_size} |'
        )


if __name__ == '__main__':
    sys.exit(main())
