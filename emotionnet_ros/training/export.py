# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Export a run's best weights: ``python -m emotionnet_ros.training.export --run DIR --data DIR``.

Offsets for rare classes and the temperature are fitted on the validation split and folded into
the head. The figures go to a ``.json`` beside the weight file and into its model card.
"""

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from emotionnet_ros.networks.modules import NanoModule
from emotionnet_ros.networks.onnx_file import OPSET, write_weight_file
from emotionnet_ros.networks.tables import multiply_adds, parameter_count
from emotionnet_ros.training.calibration import (
    class_offsets,
    fit_offset_strength,
    fit_temperature,
    softmax,
)
from emotionnet_ros.training.card import CardError, record_figures
from emotionnet_ros.training.config import ConfigError, TrainingConfig, config_from
from emotionnet_ros.training.evaluate import evaluate, predict
from emotionnet_ros.training.ferplus import DataError, read_split
from emotionnet_ros.training.report import table
from emotionnet_ros.training.run import CheckpointError, read_checkpoint
from emotionnet_ros.training.train import predict_logits, training_set, validation_set

PARITY = 1e-4  # largest difference allowed between torch's and ONNX Runtime's probabilities


class ExportError(RuntimeError):
    """The weights cannot be exported."""


def seen_frequency(data_folder: Path, config: TrainingConfig) -> NDArray[np.float64]:
    """Share of each class among the images as drawn in training, float64 [8]."""
    data = training_set(read_split(data_folder, 'train'), config, torch.device('cpu'))
    mass = (data.weights[:, None].double() * data.labels.double()).sum(dim=0).numpy()
    share: NDArray[np.float64] = np.maximum(mass, 1e-9) / mass.sum()
    return share


def export(run_folder: Path, data_folder: Path, weights: Path, version: str) -> dict[str, Any]:
    """Calibrate, write and check a weight file; return its figures on the validation split.

    Raises
    ------
    CheckpointError
        If the run has no checkpoint of a best epoch.
    ExportError
        If the checkpoint does not fit, or the written file computes something else.
    """
    path = run_folder / 'best.pt'
    checkpoint = read_checkpoint(path, torch.device('cpu'))
    try:
        config = config_from(checkpoint['config'])
        module = NanoModule(config.table())
        module.load_state_dict(checkpoint['average'])
    except (RuntimeError, ConfigError) as error:
        raise ExportError(f'{path} cannot be exported: {error}') from error

    images, labels = validation_set(read_split(data_folder, 'valid'))
    logits = predict_logits(module, images)
    frequency = seen_frequency(data_folder, config)
    strength = fit_offset_strength(logits, labels, frequency)
    offsets = class_offsets(frequency, strength).astype(np.float32)
    temperature = fit_temperature(logits + offsets, labels)
    adjusted = copy.deepcopy(module)
    with torch.no_grad():
        adjusted.head.bias += torch.from_numpy(offsets)
    write_weight_file(weights, adjusted, version, temperature)

    expected = softmax((logits + offsets) / temperature)
    difference = float(np.abs(predict(weights, images) - expected).max())
    if difference > PARITY:
        raise ExportError(
            f'{weights}: ONNX Runtime differs from torch by {difference:.1e}, more than {PARITY}'
        )
    network = module.network
    result = evaluate(weights, data_folder, 'valid')
    figures = {
        'file': {
            'network': network.name,
            'version': version,
            'parameters': parameter_count(network),
            'multiply_adds': multiply_adds(network),
            'bytes': weights.stat().st_size,
            'opset': OPSET,
            'epoch': checkpoint['epoch'],
            'class_offset_strength': round(strength, 2),
            'temperature': round(temperature, 3),
            'largest_difference_to_torch': f'{difference:.0e}',
        },
        'config': config.as_dict(),
        'valid': result,
    }
    record_figures(weights, figures)
    return result


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split(':')[0])
    parser.add_argument('--run', type=Path, required=True, help='folder of the training run')
    parser.add_argument('--data', type=Path, required=True, help='folder with the FER+ splits')
    parser.add_argument('--weights', type=Path, required=True, help='the ONNX file to write')
    parser.add_argument('--version', required=True, help='version of these weights')
    options = parser.parse_args(arguments)
    try:
        result = export(options.run, options.data, options.weights, options.version)
    except (CheckpointError, ExportError, DataError, CardError) as error:
        print(error, file=sys.stderr)
        return 1
    print(table(result))
    return 0


if __name__ == '__main__':
    sys.exit(main())
