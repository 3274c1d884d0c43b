# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A message as it comes from DDS costs no copy beside those that test/test_copies.py measures."""

import tracemalloc

import cv2
import numpy as np
import pytest
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image

from emotionnet_ros.faces.detection import open_detector
from emotionnet_ros.imaging import RawImage
from emotionnet_ros.inference.classifier import Classifier
from emotionnet_ros.node.subscription import image_of
from emotionnet_ros.pipeline import EncodedImage, Pipeline

WIDTH, HEIGHT = 1280, 720


def picture():
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    return cv2.resize(noise, (WIDTH, HEIGHT))


def message_of(kind):
    if kind == 'jpeg':
        return CompressedImage(format=kind, data=cv2.imencode('.jpg', picture())[1].tobytes())
    pixels = picture() if kind == 'bgr8' else picture()[..., 0]
    step = pixels.shape[1] * (pixels.ndim if kind == 'bgr8' else 1)
    data = pixels.tobytes()
    return Image(width=WIDTH, height=HEIGHT, encoding=kind, step=step, data=data)


def plain(message):
    """The same image as bytes, which need no care."""
    data = bytes(message.data)
    if isinstance(message, CompressedImage):
        return EncodedImage(data, message.format)
    return RawImage(WIDTH, HEIGHT, message.encoding, message.step, False, data)


def peak(pipeline, make_image, stamp):
    """Bytes held at most beside what there was, from the message to the answer."""
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    pipeline.process(make_image(), stamp)
    return tracemalloc.get_traced_memory()[1] - before


@pytest.mark.parametrize('kind', ['bgr8', 'mono8', 'jpeg'])
def test_a_received_message_is_not_copied(observer, wait_until, kind):
    received = []
    sent = message_of(kind)
    profile = QoSProfile(depth=1)
    observer.create_subscription(type(sent), 'copied', received.append, profile)
    publisher = observer.create_publisher(type(sent), 'copied', profile)
    wait_until(lambda: publisher.publish(sent) or received, 'an image')
    message = received[0]
    view = image_of(message).data
    assert np.shares_memory(np.frombuffer(view, np.uint8), np.frombuffer(message.data, np.uint8))

    pipeline = Pipeline(open_detector('haar'), Classifier('nano_b'))
    image = plain(message)
    pipeline.process(image, 0.0)
    tracemalloc.start()
    try:
        least = peak(pipeline, lambda: image, 0.1)
        from_message = peak(pipeline, lambda: image_of(message), 0.2)
    finally:
        tracemalloc.stop()
    # The bytes of a file, not its pixels, are copied once to be searched.
    searched = len(message.data) if kind == 'jpeg' else 0
    assert from_message < least + searched + 0.01 * WIDTH * HEIGHT
