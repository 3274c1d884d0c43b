# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a face detector is, and the table of those there are.

A new detector is one module with a function ``create(settings) -> Detector`` and one row in
``DETECTORS``. The modules are imported when their detector is asked for, never before.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.expressions import Box

if TYPE_CHECKING:
    from emotionnet_ros.imaging.frame import Frame

_log = logging.getLogger(__name__)


class DetectorError(RuntimeError):
    """A detector cannot be had: what is missing, where it was looked for and what to do."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One face that a detector found in one image.

    Parameters
    ----------
    box
        Where the face is, in pixels of the source image; it may reach beyond the image.
    confidence
        The detector's own score, 0..1. Scores of different detectors are not comparable.
    landmarks
        float32 [K, 2], (x, y) in pixels of the source image, in the detector's order; None where
        the detector gives none.
    """

    box: Box
    confidence: float
    landmarks: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """What every detector understands; 0 and the empty string stand for the detector's default.

    Parameters
    ----------
    model_path
        The model file.
    min_confidence
        Faces below it are not reported, 0..1.
    input_size
        Longer side, in pixels, of the picture that the detector looks at. Larger finds smaller
        faces and costs more. A network of fixed size ignores it.
    max_faces
        At most this many faces, the most confident ones, at least 1.
    """

    model_path: str = ''
    min_confidence: float = 0.0
    input_size: int = 0
    max_faces: int = 10

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_confidence <= 1.0:
            raise ValueError(f'min_confidence is {self.min_confidence}, it must lie in 0..1')
        if self.input_size and not 32 <= self.input_size <= 4096:
            raise ValueError(f'input_size is {self.input_size}, it must be 0 or lie in 32..4096')
        if self.max_faces < 1:
            raise ValueError(f'max_faces is {self.max_faces}, it must be at least 1')


class Detector(Protocol):
    """Finds faces in one image at a time; used from one thread at a time.

    ``crop_side_over_box`` and ``crop_shift_y`` say where the picture that the expression networks
    were trained on lies relative to this detector's box; ``imaging.face_crop`` takes them.
    """

    @property
    def name(self) -> str:
        """The detector's name in ``DETECTORS``."""
        ...

    @property
    def crop_side_over_box(self) -> float:
        """Side of the training crop over the longer side of the box."""
        ...

    @property
    def crop_shift_y(self) -> float:
        """How far the crop's centre lies below the box's centre, in sides of the crop."""
        ...

    def detect(self, frame: Frame) -> list[Detection]:
        """Find the faces of one image.

        Parameters
        ----------
        frame
            The image, of any size.

        Returns
        -------
        list of Detection
            At most ``max_faces``, the most confident first; boxes in pixels of the image.
        """
        ...


def reduced_size(frame: Frame, longer_side: int) -> tuple[int, int]:
    """Give the (width, height) of an image reduced to a longer side in pixels; never enlarged."""
    scale = min(1.0, longer_side / max(frame.width, frame.height))
    return max(1, round(frame.width * scale)), max(1, round(frame.height * scale))


# In order of preference; 'auto' leaves out those that need a model file when none is given.
DETECTORS: Mapping[str, str] = {
    'yunet': 'emotionnet_ros.faces.yunet',
    'blazeface': 'emotionnet_ros.faces.blazeface',
    'haar': 'emotionnet_ros.faces.haar',
}
# The kind of model file tells which detector it is for.
_DETECTOR_OF_SUFFIX: Mapping[str, str] = {
    '.onnx': 'yunet',
    '.tflite': 'blazeface',
    '.xml': 'haar',
}
_WITHOUT_MODEL_FILE = ('blazeface', 'haar')


def open_detector(
    name: str = 'auto',
    *,
    model_path: str = '',
    min_confidence: float = 0.0,
    input_size: int = 0,
    max_faces: int = 10,
) -> Detector:
    """Open a detector by name, or the best one there is; the choice is logged with its reason.

    With ``'auto'``, a model file decides by its kind (``.onnx`` YuNet, ``.tflite`` BlazeFace,
    ``.xml`` Haar cascade) and must work. Without one it is BlazeFace where its model and LiteRT
    are installed, else, with a warning, the Haar cascade.

    Parameters
    ----------
    name
        ``'auto'`` or a key of ``DETECTORS``.
    model_path, min_confidence, input_size, max_faces
        See ``DetectorSettings``; 0 and '' stand for the detector's defaults.

    Raises
    ------
    DetectorError
        The detector cannot be had, or with ``'auto'`` none can: what is missing and what to do.
    ValueError
        A setting lies outside its range.
    """
    settings = DetectorSettings(model_path, min_confidence, input_size, max_faces)
    if name != 'auto':
        return _create(name, settings, 'asked for by name')
    if model_path:
        suffix = Path(model_path).suffix.lower()
        if suffix not in _DETECTOR_OF_SUFFIX:
            raise DetectorError(
                f'Detector model file {model_path}: cannot tell which detector it is for; '
                f'known kinds are {", ".join(_DETECTOR_OF_SUFFIX)}, or name the detector.'
            )
        return _create(_DETECTOR_OF_SUFFIX[suffix], settings, f'for the model file {model_path}')
    failures: list[str] = []
    for candidate in _WITHOUT_MODEL_FILE:
        try:
            return _create(candidate, settings, 'the best one installed', failures)
        except DetectorError as error:
            failures.append(str(error))
    raise DetectorError('No face detector can be had. ' + ' '.join(failures))


def _create(
    name: str, settings: DetectorSettings, reason: str, failures: list[str] | None = None
) -> Detector:
    if name not in DETECTORS:
        raise DetectorError(
            f'There is no detector {name!r}; choose one of auto, {", ".join(DETECTORS)}.'
        )
    module = importlib.import_module(DETECTORS[name])
    detector = cast(Detector, module.create(settings))
    if failures:
        _log.warning('Face detector: %s, as a last resort. %s', name, ' '.join(failures))
    else:
        _log.info('Face detector: %s, %s', name, reason)
    return detector
