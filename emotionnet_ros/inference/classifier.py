# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Expression networks on ONNX Runtime: face crops in, calibrated probabilities out."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.inference.model_file import (
    ModelError,
    find_model,
    read_model,
    shipped_networks,
)

# Some builds of ONNX Runtime report usage to their maker; this must be set before the import.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')

import onnxruntime

__all__ = ['CROP_SIZE', 'Classifier', 'ModelError', 'find_model', 'shipped_networks']

CROP_SIZE = 48


class Classifier:
    """One expression network, loaded and checked.

    Parameters
    ----------
    network
        Name of a shipped network, whose file must have its known SHA-256, or path of an ONNX file
        with input ``image``, float32 [N, 1, 48, 48] in 0..255, output ``probabilities``, float32
        [N, 8], and the class names in its metadata (``classes``, with commas between).
    threads
        Threads inside the network. One is the most efficient; with more, they sleep between
        frames, as spinning would cost more than the network.

    Raises
    ------
    ModelError
        The file is missing, damaged, no ONNX model that needs nothing but itself, or one with
        other inputs, outputs or classes.
    """

    def __init__(self, network: str = 'nano_b', threads: int = 1) -> None:
        self.path, content = read_model(network)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        options.add_session_config_entry('session.load_model_format', 'ONNX')
        # No file but this one is read; see also model_file.
        options.add_session_config_entry(
            'session.model_external_initializers_file_folder_path', os.devnull
        )
        options.log_severity_level = 4  # what is an error is raised
        try:
            self._session = onnxruntime.InferenceSession(
                content,
                options,
                providers=['CPUExecutionProvider'],
                enable_fallback=0,  # on the same processor; it prints to stdout
            )
        except Exception as error:  # ONNX Runtime's errors share no base class but Exception
            raise ModelError(
                f'Model file {self.path}: ONNX Runtime {onnxruntime.__version__} cannot load it '
                f'({_first_line(error)}). Copy or export it again.'
            ) from error
        metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self._check_interface()
        self._check_classes(metadata.get('classes', ''))
        self._check_answers()
        self.name = metadata.get('name', network)

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
        ModelError
            The network answered with what is no number; its file may be damaged.
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
        if not np.isfinite(result).all():
            raise ModelError(
                f'Model file {self.path}: it answered with what is no number for '
                f'{np.count_nonzero(~np.isfinite(result).all(axis=1))} of {len(crops)} faces. '
                'Copy or export it again.'
            )
        return result

    def _check_interface(self) -> None:
        """Refuse a model that does not take crops or does not answer with probabilities."""
        inputs = {i.name: (i.type, list(i.shape)) for i in self._session.get_inputs()}
        outputs = {o.name: (o.type, list(o.shape)) for o in self._session.get_outputs()}
        if set(inputs) != {'image'} or 'probabilities' not in outputs:
            raise ModelError(
                f'Model file {self.path}: its inputs are {sorted(inputs)} and its outputs '
                f"{sorted(outputs)}; an expression network has the input 'image' and the output "
                "'probabilities'. Export it with this package."
            )
        for name, (kind, shape), sides in (
            ('image', inputs['image'], [1, CROP_SIZE, CROP_SIZE]),
            ('probabilities', outputs['probabilities'], [len(EXPRESSIONS)]),
        ):
            # A side that the file leaves open is a name or None.
            fits = len(shape) == len(sides) + 1 and all(
                not isinstance(given, int) or given == wanted
                for given, wanted in zip(shape, [None, *sides], strict=True)
            )
            if kind != 'tensor(float)' or not fits:
                wanted = ', '.join(map(str, ['N', *sides]))
                raise ModelError(
                    f'Model file {self.path}: {name!r} is {kind} {shape}, not tensor(float) '
                    f'[{wanted}] with any count N of faces. Export it with this package.'
                )

    def _check_classes(self, named: str) -> None:
        """Refuse a model of other classes, or of classes in an unknown order."""
        if tuple(named.split(',')) != EXPRESSIONS:
            what = (
                f'its classes are {named}' if named else 'its metadata does not name its classes'
            )
            raise ModelError(
                f'Model file {self.path}: {what}; they must be {",".join(EXPRESSIONS)} in this '
                "order. Export it with this package, or set the metadata property 'classes'."
            )

    def _check_answers(self) -> None:
        """Try it, which also warms the session up, so that the first frame is not late."""
        crops = np.zeros((2, CROP_SIZE, CROP_SIZE), np.uint8)
        crops[1, ::2] = 255
        try:
            answer: Any = self.classify(crops)
        except Exception as error:  # as above
            raise ModelError(
                f'Model file {self.path}: it fails with two faces ({_first_line(error)}). '
                'Export it with this package.'
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
