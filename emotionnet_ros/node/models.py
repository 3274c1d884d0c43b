# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The detectors and networks that are loaded, each once, for all ways of working."""

from __future__ import annotations

from collections.abc import Mapping

from emotionnet_ros.faces.detection import Detector, open_detector
from emotionnet_ros.inference.classifier import Classifier
from emotionnet_ros.node import parameters


class Models:
    """Loads on demand and keeps; a loaded one is used by the worker, others are loaded meanwhile.

    Parameters
    ----------
    value
        All parameters of the node, by name.

    Raises
    ------
    DetectorError, ModelError
        The detector or the network of the parameters is missing or wrong.
    """

    def __init__(self, value: Mapping[str, parameters.Value]) -> None:
        self._value = value
        self._detectors: dict[int, Detector] = {}
        self._classifiers: dict[tuple[str, int], Classifier] = {}
        self.configured_detector = self.detector(int(value['detector.input_size']))
        self.configured_classifier = self.classifier(
            str(value['network.model']), int(value['network.threads'])
        )

    def detector(self, input_size: int) -> Detector:
        """Give the configured kind of detector for an input size; see ``open_detector``."""
        if input_size not in self._detectors:
            self._detectors[input_size] = open_detector(
                str(self._value['detector.name']),
                model_path=str(self._value['detector.model']),
                min_confidence=float(self._value['detector.min_confidence']),
                input_size=input_size,
                # The tracker keeps to its own number, which may grow while the node runs.
                max_faces=int(parameters.ROWS['tracker.max_faces'].maximum),
            )
        return self._detectors[input_size]

    def classifier(self, network: str, threads: int) -> Classifier:
        """Give a network by name or path; see ``Classifier``."""
        if (network, threads) not in self._classifiers:
            self._classifiers[network, threads] = Classifier(network, threads)
        return self._classifiers[network, threads]
