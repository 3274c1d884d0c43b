# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Expression networks on ONNX Runtime: face crops in, calibrated probabilities out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.expressions import EXPRESSIONS

# Some builds of ONNX Runtime report usage to their maker; this must be set before the import.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')

import onnxruntime

CROP_SIZE = 48
WEIGHTS_FOLDER = Path(__file__).parent.parent / 'weights'


class ModelError(RuntimeError):
    """A model file cannot be used: which file, what is wrong with it, what to do."""


def shipped_networks() -> list[str]:
    """Names of the networks whose weights come with the package, e.g. ``nano_b``."""
    return sorted(path.stem for path in WEIGHTS_FOLDER.glob('*.onnx'))


def find_model(network: str) -> Path:
    """Resolve the name of a shipped network, or a path, to a model file.

    Raises
    ------
    ModelError
        There is no such network and no such file.
    """
    if network in shipped_networks():
        return WEIGHTS_FOLDER / f'{network}.onnx'
    path = Path(network).expanduser()
    if path.is_file():
        return path
    raise ModelError(
        f'Network {network!r}: neither a file nor a network of this package. '
        f'Name one of {", ".join(shipped_networks())}, or the path of an ONNX file.'
    )


class Classifier:
    """One expression network, loaded and checked.

    Parameters
    ----------
    network
        Name of a shipped network or path of an ONNX file with input ``image``, float32
        [N, 1, 48, 48] in 0..255, and output ``probabilities``, float32 [N, 8].
    threads
        Threads inside the network. One is the most efficient; with more, they sleep between
        frames, as spinning would cost more than the network.

    Raises
    ------
    ModelError
        The file is missing, is no ONNX model, or has other inputs or outputs.
    """

    def __init__(self, network: str = 'nano_b', threads: int = 1) -> None:
        self.path = find_model(network)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        options.log_severity_level = 3  # errors; they are raised as well
        try:
            self._session = onnxruntime.InferenceSession(
                str(self.path), options, providers=['CPUExecutionProvider']
            )
        except Exception as error:  # ONNX Runtime's errors share no base class but Exception
            raise ModelError(
                f'Model file {self.path}: ONNX Runtime {onnxruntime.__version__} cannot load it '
                f'({_first_line(error)}). Copy or export it again.'
            ) from error
        self._check_interface()
        self.name: str = self._session.get_modelmeta().custom_metadata_map.get('name', network)

    def classify(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give the probabilities of each expression for each face.

        Parameters
        ----------
        crops
            uint8 [N, 48, 48], grey, as cut from the image; N may be 0.

        Returns
        -------
        NDArray
            float32 [N, 8], each row summing to 1, in the order of EXPRESSIONS.

        Raises
        ------
        ValueError
            ``crops`` has another shape.
        """
        if crops.ndim != 3 or crops.shape[1:] != (CROP_SIZE, CROP_SIZE):
            raise ValueError(
                f'crops must have shape (N, {CROP_SIZE}, {CROP_SIZE}), not {crops.shape}'
            )
        if len(crops) == 0:
            return np.empty((0, len(EXPRESSIONS)), np.float32)
        images = crops[:, np.newaxis].astype(np.float32)
        (probabilities,) = self._session.run(['probabilities'], {'image': images})
        result: NDArray[np.float32] = probabilities
        return result

    def _check_interface(self) -> None:
        """Refuse a model that does not take crops or does not answer with probabilities."""
        inputs = {i.name: (i.type, i.shape) for i in self._session.get_inputs()}
        outputs = [o.name for o in self._session.get_outputs()]
        if set(inputs) != {'image'} or 'probabilities' not in outputs:
            raise ModelError(
                f'Model file {self.path}: its inputs are {sorted(inputs)} and its outputs '
                f"{outputs}; an expression network has the input 'image' and the output "
                "'probabilities'. Export it with this package."
            )
        try:
            # Two unlike faces also warm the session up, so that the first frame is not late.
            crops = np.zeros((2, CROP_SIZE, CROP_SIZE), np.uint8)
            crops[1, ::2] = 255
            answer: Any = self.classify(crops)
        except Exception as error:  # as above
            raise ModelError(
                f'Model file {self.path}: it does not take float32 images of shape '
                f'[N, 1, {CROP_SIZE}, {CROP_SIZE}] ({_first_line(error)}); its input is '
                f'{inputs["image"]}. Export it with this package.'
            ) from error
        if answer.shape != (2, len(EXPRESSIONS)):
            raise ModelError(
                f'Model file {self.path}: it answers with shape {list(answer.shape)} for two '
                f'faces, not [2, {len(EXPRESSIONS)}]. Export it for the classes '
                f'{", ".join(EXPRESSIONS)}.'
            )
        if not (np.all(answer >= 0) and np.allclose(answer.sum(axis=1), 1, atol=1e-3)):
            raise ModelError(
                f'Model file {self.path}: its output is not probabilities (rows sum to '
                f'{answer.sum(axis=1).tolist()}). The softmax must be inside the model.'
            )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
