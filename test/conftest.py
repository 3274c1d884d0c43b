# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What several rooms' tests need: a real face, and a network to put in."""

import importlib.util
import os
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, settings
from onnx import TensorProto, helper, numpy_helper

import emotionnet_ros
from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.imaging.sources import open_source

# Before the first rclpy.init of any test: a domain of this run's own.
os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'

# --hypothesis-profile emulated: for processors some hundred times slower (make test-arm).
settings.register_profile(
    'emulated', deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow]
)

# Folders and files whose tests need more than the package runs on, and how to have it. They are
# left out here, not by a skip in a module: launch_testing's pytest plugin drops a whole folder for
# that. A name that begins with $ is a variable of the environment, others are modules.
NEEDS = {
    'arm': (('$ARM_PYTHON',), 'an emulated ARM and time: make test-arm'),
    'node': (('rclpy', 'emotionnet_ros.msg'), 'ROS 2 and the built messages: make test'),
    'launch': (('rclpy', 'emotionnet_ros.msg', 'launch_pytest'), 'launch_pytest of a ROS 2'),
    'networks/test_modules.py': (('torch',), 'torch: make test TORCH=1'),
    'networks/test_onnx_file.py': (('torch',), 'torch: make test TORCH=1'),
    'training': (('torch',), 'torch: make test TORCH=1'),
    'design': (('torch', 'optuna'), 'torch and optuna: make test TORCH=1'),
}


def is_there(name):
    if name.startswith('$'):
        return name[1:] in os.environ
    return importlib.util.find_spec(name) is not None


LEFT_OUT = {path: text for path, (names, text) in NEEDS.items() if not all(map(is_there, names))}
collect_ignore = list(LEFT_OUT)


def pytest_terminal_summary(terminalreporter):
    for path, text in LEFT_OUT.items():
        terminalreporter.write_line(f'SKIPPED test/{path}: needs {text}', yellow=True)


@pytest.fixture(scope='session')
def package_environment():
    """Environment variables with which another Python, in any folder, finds this package."""
    places = [str(Path(emotionnet_ros.__file__).parents[1]), os.environ.get('PYTHONPATH', '')]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, places))}


@pytest.fixture(scope='session')
def as_if_trained():
    """What gives a module's batch norm statistics of its own, as after training."""
    import torch

    def changed(module, seed=0):
        torch.manual_seed(seed)
        for part in module.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                torch.nn.init.normal_(part.weight, 1.0, 0.2)
                torch.nn.init.normal_(part.bias, 0.0, 0.2)
                torch.nn.init.normal_(part.running_mean, 0.0, 0.3)
                torch.nn.init.uniform_(part.running_var, 0.5, 2.0)
        return module.eval()

    return changed


@pytest.fixture(scope='session')
def face_picture():
    """A photograph with one real face, BGR, uint8 [480, 640, 3]."""
    picture = next(open_source('builtin').pictures)
    picture.flags.writeable = False
    return picture


@pytest.fixture(scope='session')
def face_video(tmp_path_factory, face_picture):
    """A short Motion-JPEG video of the face moving to the right, 30 frames at 15 Hz."""
    path = tmp_path_factory.mktemp('video') / 'face.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 15.0, (640, 480))
    assert writer.isOpened()
    for index in range(30):
        writer.write(np.roll(face_picture, index * 2, axis=1))
    writer.release()
    return path


@pytest.fixture(scope='session')
def make_network(tmp_path_factory):
    """Write small ONNX files: linear networks, right and wrong in chosen ways."""

    def make(
        name='linear',
        *,
        image='image',
        probabilities='probabilities',
        classes=8,
        side=48,
        softmax=True,
        count='N',
        domain='',
        opset=17,
        names=EXPRESSIONS,
        **saved,
    ) -> Path:
        rng = np.random.default_rng(0)
        weights = (rng.normal(size=(side * side, classes)) / 2000).astype(np.float32)
        last = 'Softmax' if softmax else 'Relu'
        graph = helper.make_graph(
            [
                helper.make_node('Flatten', [image], ['flat'], domain=domain),
                helper.make_node('MatMul', ['flat', 'weights'], ['logits']),
                helper.make_node(last, ['logits'], [probabilities]),
            ],
            name,
            [helper.make_tensor_value_info(image, TensorProto.FLOAT, [count, 1, side, side])],
            [helper.make_tensor_value_info(probabilities, TensorProto.FLOAT, [count, classes])],
            [numpy_helper.from_array(weights, 'weights')],
        )
        opsets = [
            helper.make_opsetid('', opset),
            *([helper.make_opsetid(domain, 1)] if domain else []),
        ]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        helper.set_model_props(model, {'classes': ','.join(names)} if names else {})
        path = tmp_path_factory.mktemp('network') / f'{name}.onnx'
        onnx.save(model, path, **saved)
        return path

    return make
