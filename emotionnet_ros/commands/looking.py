# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The options of image and video that say how to look, and the pipeline made from them."""

from __future__ import annotations

import argparse

from emotionnet_ros.faces.detection import DETECTORS, open_detector
from emotionnet_ros.inference.classifier import Classifier, shipped_networks
from emotionnet_ros.pipeline import Pipeline


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of detector and network; the node has parameters of the same names."""
    group = parser.add_argument_group('detector and network')
    group.add_argument(
        '--detector',
        default='auto',
        metavar='NAME',
        help=f'auto (default), {", ".join(DETECTORS)}',
    )
    group.add_argument(
        '--detector-model', default='', metavar='FILE', help='model file of the detector'
    )
    group.add_argument(
        '--detector-min-confidence',
        type=float,
        default=0.0,
        metavar='0..1',
        help="faces below it are not looked at (the detector's default)",
    )
    group.add_argument(
        '--detector-input-size',
        type=int,
        default=0,
        metavar='PIXELS',
        help='longer side of the picture that the detector sees: larger finds smaller faces',
    )
    group.add_argument(
        '--model',
        default='nano_b',
        metavar='NAME|FILE',
        help=f'expression network: {", ".join(shipped_networks())} or an ONNX file (nano_b)',
    )


def open_pipeline(options: argparse.Namespace) -> Pipeline:
    """Make the pipeline that the options ask for.

    Raises
    ------
    DetectorError, ModelError, ValueError
        What is missing or wrong and what to do.
    """
    detector = open_detector(
        options.detector,
        model_path=options.detector_model,
        min_confidence=options.detector_min_confidence,
        input_size=options.detector_input_size,
    )
    return Pipeline(detector, Classifier(options.model))
