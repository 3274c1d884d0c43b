# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What somebody sees who looks at image_annotated."""

import time

import cv2
import numpy as np
import pytest
import rclpy
from emotionnet_ros.msg import ExpressionArray
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CompressedImage, Image

from emotionnet_ros.faces import open_detector
from emotionnet_ros.imaging.sources import open_source
from emotionnet_ros.inference.classifier import Classifier
from emotionnet_ros.node import emotion_node
from emotionnet_ros.node.camera import Answer
from emotionnet_ros.node.counts import FrameCounts
from emotionnet_ros.node.subscription import image_of
from emotionnet_ros.pipeline import Pipeline

DEADLINE = 60.0


def pixels_of(message):
    assert message.encoding == 'bgr8'
    assert message.step == 3 * message.width
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)


def test_the_answer_is_drawn_into_its_image(start, collect, wait_until):
    start('emotionnet')
    images = collect(Image, 'image')
    answers = collect(ExpressionArray, 'expressions')
    drawn = collect(Image, 'image_annotated')
    start('player', rate=5.0)

    def pairs():
        originals = {str(image.header.stamp): image for image in images}
        answered = {str(a.header.stamp): a for a in answers if a.expressions}
        return [
            (originals[key], answered[key], image)
            for image in drawn
            if (key := str(image.header.stamp)) in originals and key in answered
        ]

    wait_until(lambda: len(pairs()) >= 3, 'annotated images of a face')
    original, answer, image = pairs()[-1]
    assert image.header == original.header
    before, after = pixels_of(original), pixels_of(image)
    assert before.shape == after.shape
    roi = answer.expressions[0].roi
    changed = (before != after).any(axis=2)
    edge = changed[roi.y_offset : roi.y_offset + roi.height, roi.x_offset]
    assert edge.mean() > 0.9  # the box
    inside = changed[
        roi.y_offset + roi.height // 2, roi.x_offset + 20 : roi.x_offset + roi.width - 20
    ]
    assert not inside.any()  # the face stays visible


@pytest.fixture
def node():
    context = rclpy.Context()
    rclpy.init(context=context)
    node = emotion_node.EmotionNode(context=context)
    node.autostart()
    yield node
    node.stop()
    node.destroy_node()
    context.try_shutdown()


def test_nothing_is_drawn_while_nobody_looks(node, monkeypatch):
    drawn = []
    real = emotion_node.annotated.annotated_image

    def counting(*arguments):
        drawn.append(real(*arguments))
        return drawn[-1]

    monkeypatch.setattr(emotion_node.annotated, 'annotated_image', counting)
    picture = next(iter(open_source().pictures))
    jpeg = cv2.imencode('.jpg', picture)[1].tobytes()
    message = CompressedImage(format='jpeg', data=jpeg)
    message.header.stamp = node.get_clock().now().to_msg()
    pipeline = Pipeline(open_detector(), Classifier('nano_b'))
    answer = Answer(
        camera='/image',
        message=message,
        result=pipeline.process(image_of(message), 0.0),
        counts=FrameCounts(1, 1, 0, 0),
        arrived=time.monotonic(),
        wait=0.0,
        age_known=True,
    )
    assert answer.result.faces
    node._publish(answer)
    assert not drawn

    looker = rclpy.create_node('looker', context=node.context)
    seen = []
    looker.create_subscription(Image, 'image_annotated', seen.append, 10)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(looker)
    deadline = time.monotonic() + DEADLINE
    while not seen:
        assert time.monotonic() < deadline, f'no annotated image in {DEADLINE:g} s'
        node._publish(answer)
        executor.spin_once(timeout_sec=0.1)
    assert drawn
    assert seen[0].header.stamp == message.header.stamp
    difference = cv2.absdiff(pixels_of(seen[0]), cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1))
    assert 0.005 < (difference.max(axis=2) > 30).mean() < 0.5
    looker.destroy_node()
