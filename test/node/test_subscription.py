# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The subscription and its counts, over DDS within one process."""

import itertools

import pytest
from sensor_msgs.msg import Image

from emotionnet_ros.node.counts import FrameCounter
from emotionnet_ros.node.subscription import ImageSubscription


class Received:
    """A subscription to the topic of the test, and what it received and counted."""

    def __init__(self, node):
        self.images, self.counter = [], FrameCounter()
        self.subscription = ImageSubscription(
            node, 'image', 'reliable', self.images.append, self.counter
        )
        self.subscription.open()

    @property
    def counts(self):
        return self.counter.add()


@pytest.fixture
def received(observer):
    received = Received(observer)
    yield received
    received.subscription.close()


@pytest.fixture
def publish(observer, received, wait_until):
    """Publish numbered images in a row, and wait for the last of them."""
    numbers = itertools.count(1)

    def publish(publisher, images=1):
        for _ in range(images):
            image = Image()
            image.header.stamp.sec = next(numbers)
            publisher.publish(image)
        wait_until(
            lambda: received.images and received.images[-1].header.stamp == image.header.stamp,
            'the image',
        )

    return publish


@pytest.fixture
def connect(observer, received, wait_until):
    def connect():
        publisher = observer.create_publisher(Image, 'image', 1)
        wait_until(publisher.get_subscription_count, 'a subscription')
        wait_until(lambda: observer.count_publishers('image'), 'a publisher')
        return publisher

    return connect


def test_every_image_is_received_or_lost(received, connect, publish):
    publisher = connect()
    publish(publisher)
    received.subscription.match_publishers()
    for _ in range(5):
        publish(publisher)
        publish(publisher, images=10)
    counts = received.counts
    assert counts.lost > 0
    assert counts.received == len(received.images)
    assert counts.received + counts.lost == 1 + 5 * 11


def test_two_publishers_do_not_count_as_losses(received, connect, publish):
    first, second = connect(), connect()
    publish(first)
    received.subscription.match_publishers()
    for _ in range(3):
        for images in (5, 1):
            publish(first, images)
            publish(second)
    assert received.counts.lost == 0


def test_the_end_of_one_of_two_publishers_does_not_count_as_a_loss(
    observer, received, connect, publish
):
    first, second = connect(), connect()
    received.subscription.match_publishers()
    for _ in range(5):
        publish(second)
    publish(first)
    assert observer.destroy_publisher(first)
    publish(second)
    assert received.counts.lost == 0
