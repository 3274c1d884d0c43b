# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""answers.py FILE: writes what the package answers on real pictures, on this processor.

The crops of the faces are in it, too: so what differs can be told from what follows from it.
"""

import sys
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from emotionnet_ros.benchmarks.scenes import crops, scene
from emotionnet_ros.faces.detection import open_detector
from emotionnet_ros.imaging import RawImage, decode, face_crop
from emotionnet_ros.imaging.sources import moving_face
from emotionnet_ros.inference.classifier import Classifier, shipped_networks
from emotionnet_ros.pipeline import EncodedImage, Pipeline

FACES = 40
FRAMES = 3
SCENES = {(640, 480, 1), (640, 480, 4), (1280, 720, 2)}


def real_faces():
    """Give faces of scikit-image's part of LFW, and the astronaut's: [48, 48, 48]."""
    folder = Path(find_spec('skimage').submodule_search_locations[0]) / 'data'
    small = (np.load(folder / 'lfw_subset.npy')[:FACES] * 255).astype(np.uint8)
    # The one way of enlarging whose result is laid down to the bit.
    faces = [cv2.resize(face, (48, 48), interpolation=cv2.INTER_LINEAR_EXACT) for face in small]
    return np.concatenate([faces, crops(8)])


def encodings(picture):
    """Give the picture as messages of the kinds of encodings."""
    height, width = picture.shape[:2]
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    i420 = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    colour = i420[height:].reshape(2, -1).T  # nv12 has the two colour planes interleaved
    nv12 = np.concatenate([i420[:height].reshape(-1), colour.reshape(-1)])
    yuyv = np.empty((height, width, 2), np.uint8)
    yuyv[:, :, 0] = i420[:height]
    for plane, values in enumerate(colour.T):
        full = values.reshape(height // 2, width // 2).repeat(2, axis=0)
        yuyv[:, plane::2, 1] = full
    yield 'bgr8', RawImage(width, height, 'bgr8', 3 * width, False, picture.tobytes())
    yield 'mono8', RawImage(width, height, 'mono8', width, False, grey.tobytes())
    yield 'nv12', RawImage(width, height, 'nv12', width, False, nv12.tobytes())
    yield 'yuyv', RawImage(width, height, 'yuyv', 2 * width, False, yuyv.tobytes())
    yield 'jpeg', EncodedImage(cv2.imencode('.jpg', picture)[1].tobytes(), 'jpeg')


def answers():
    """Give arrays by name: ``probabilities/...``, ``boxes/...`` in pixels, ``crops/...``."""
    given = {}
    faces = real_faces()
    for network in shipped_networks():
        given[f'probabilities/faces/{network}'] = Classifier(network).classify(faces)
    given['crops/faces'] = faces
    detectors = {name: open_detector(name) for name in ('blazeface', 'haar')}
    for width, height, count in sorted(SCENES):
        frame = decode(next(encodings(scene(width, height, count)[0]))[1])
        for name, detector in detectors.items():
            if name == 'haar' and count > 1:
                continue  # seconds each, when emulated
            found = detector.detect(frame)
            where = f'{name}/{width}x{height}/{count}'
            given[f'boxes/{where}'] = np.array([_corners(d.box) for d in found])
            given[f'probabilities/{where}'] = np.array([d.confidence for d in found])
    classifier = Classifier('nano_b')
    pipelines = {}
    for index, picture in enumerate(islice(moving_face(), 0, 20 * FRAMES, 20)):
        for encoding, message in encodings(picture):
            pipeline = pipelines.setdefault(encoding, Pipeline(detectors['blazeface'], classifier))
            found = pipeline.process(message, index / 30).faces
            where = f'{encoding}/{index}'
            given[f'boxes/{where}'] = np.array([_corners(face.roi) for face in found])
            given[f'probabilities/{where}'] = np.array([face.probabilities for face in found])
            if encoding in ('bgr8', 'mono8'):
                given[f'crops/{where}'] = np.array(
                    [face_crop(decode(message), face.roi) for face in found]
                )
    return given


def _corners(box):
    return box.x, box.y, box.x + box.width, box.y + box.height


if __name__ == '__main__':
    cv2.setNumThreads(1)
    np.savez(sys.argv[1], **answers())
