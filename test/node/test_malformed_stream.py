# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Malformed images through the whole node over a real DDS, good ones between them.

``EMOTIONNET_LONG=1`` sends 10,000; the counts are printed (``pytest -s``).
"""

import time

import cv2
import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from emotionnet_ros.msg import ExpressionArray
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from emotionnet_ros.imaging import ImageError
from emotionnet_ros.node.subscription import image_of
from emotionnet_ros.pipeline import Pipeline

RAW, PACKED = '/raw', '/packed/compressed'
PAUSE = 0.01  # for an idle worker to take an image before the next replaces it
GOOD_EVERY = 4
# Whenever images are lost, on a busy computer, the DDS of any subscriber may grow by the largest
# image of the topic: so the good ones are small. One in ten malformed ones kept would be 30 MB.
GOOD_SIZE = (320, 240)
MAX_GROWTH_MB = 12
LENGTHS = (0, 1, 2, 7, 32_001, 2**31, 2**32 - 1)
ENCODINGS = (
    '',
    'polka_dots',
    'nv12',
    'bayer_rggb8',
    'mono16',
    'uyvy',
    '32FC1',
    'é\x00',
    'x' * 3000,
)
REASONS = {
    'zero_size', 'too_large', 'unknown_encoding', 'odd_size', 'too_small', 'step_too_small',
    'data_too_short', 'bad_data', 'unknown_format', 'corrupt_jpeg', 'corrupt_png',
}  # fmt: skip


class Forger:
    """Makes messages with some of their fields wrong, and files with some of their bytes wrong."""

    def __init__(self, seed, picture):
        self.random = np.random.default_rng(seed)
        self.picture = cv2.resize(picture, (160, 120))
        self.files = [cv2.imencode(kind, self.picture)[1] for kind in ('.jpg', '.png')]

    def image(self):
        height, width = self.picture.shape[:2]
        message = Image(width=width, height=height, step=3 * width, encoding='bgr8')
        data = self.picture.tobytes()
        for fault in self.random.choice(['width', 'height', 'step', 'encoding', 'data'], 2):
            if fault == 'encoding':
                message.encoding = str(self.random.choice(ENCODINGS))
            elif fault == 'data':
                data = data[: self.random.integers(len(data))]
            else:
                setattr(message, fault, int(self.random.choice(LENGTHS)))
        message.is_bigendian = int(self.random.integers(256))
        message.data = data
        return message

    def compressed(self):
        file = self.random.choice([0, 1, 2])
        data = self.files[file].copy() if file < 2 else self.random.integers(0, 256, 500, np.uint8)
        for where in self.random.integers(0, min(len(data), 700), self.random.integers(1, 9)):
            data[where] ^= 1 << self.random.integers(8)
        if self.random.random() < 0.5:
            data = data[: self.random.integers(len(data))]
        formats = ('', 'jpeg', 'png', 'bayer_rggb8; png compressed', 'é' * 1000)
        return CompressedImage(format=str(self.random.choice(formats)), data=data.tobytes())


def refusals(pipeline, message, number):
    """Whether a pipeline beside that of the node refuses an image: 0 or 1."""
    try:
        pipeline.process(image_of(message), number / 30)
    except ImageError:
        return 1
    return 0


def values_of(said, camera):
    status = [s for m in said[-1:] for s in m.status if s.name.endswith(f': input {camera}')]
    return {v.key: v.value for s in status for v in s.values}


def test_malformed_images_are_counted_and_the_good_ones_answered(
    start,
    observer,
    collect,
    wait_until,
    reliable_subscription,
    face_picture,
    at_length,
    footprint,
):
    malformed = at_length(160, 10_000)
    node = start('emotionnet', cameras=f'[{RAW},{PACKED}]')
    answers = collect(ExpressionArray, 'expressions', QoSProfile(depth=100))
    said = collect(DiagnosticArray, '/diagnostics')
    profile = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
    publishers = {
        RAW: observer.create_publisher(Image, RAW, profile),
        PACKED: observer.create_publisher(CompressedImage, PACKED, profile),
    }
    for topic, publisher in publishers.items():
        reliable_subscription(topic)
        wait_until(lambda p=publisher: p.get_subscription_count() == 1, 'the publisher to know it')
    forger = Forger(7, face_picture)
    forge = {RAW: forger.image, PACKED: forger.compressed}
    picture = cv2.resize(face_picture, GOOD_SIZE)
    height, width = picture.shape[:2]
    good = {
        RAW: Image(width=width, height=height, encoding='bgr8', step=3 * width),
        PACKED: CompressedImage(format='jpeg'),
    }
    good[RAW].data = picture.tobytes()
    good[PACKED].data = cv2.imencode('.jpg', picture)[1].tobytes()
    beside = {topic: Pipeline.open() for topic in publishers}
    sent, expected = dict.fromkeys(publishers, 0), dict.fromkeys(publishers, 0)
    held, faces = [], []

    def spin(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rclpy.spin_once(observer, timeout_sec=seconds)

    def answered(topic, stamp):
        return [a for a in answers if (a.camera, a.header.stamp.sec) == (topic, stamp)]

    for number in range(malformed):
        topic = (RAW, PACKED)[number // GOOD_EVERY % 2]
        message = forge[topic]()
        expected[topic] += refusals(beside[topic], message, number)
        message.header.stamp.sec = 1
        publishers[topic].publish(message)
        sent[topic] += 1
        spin(PAUSE)
        if number % GOOD_EVERY == GOOD_EVERY - 1:
            answers.clear()
            good[topic].header.stamp.sec = 2 + number
            publishers[topic].publish(good[topic])
            sent[topic] += 1
            wait_until(lambda t=topic, s=2 + number: answered(t, s), 'an answer to a good image')
            faces.append(len(answered(topic, 2 + number)[0].expressions))
            held.append(footprint(node.process.pid))

    def counted(topic):
        values = values_of(said, topic)
        if not values:
            return False
        keys = 'frames_received', 'frames_lost', 'frames_processed', 'total_dropped_frames'
        received, lost, processed, skipped = (int(values[key]) for key in keys)
        return received + lost == sent[topic] and processed + skipped == received

    wait_until(lambda: all(map(counted, publishers)), 'counts that agree with what was sent')
    refused, skipped = {}, 0
    for topic in publishers:
        values = values_of(said, topic)
        skipped += int(values['total_dropped_frames'])
        for key, value in values.items():
            if key.startswith('refused '):
                reason = key.removeprefix('refused ')
                refused[reason] = refused.get(reason, 0) + int(value)
    total, expected_total = sum(refused.values()), sum(expected.values())
    lost = sum(int(values_of(said, topic)['frames_lost']) for topic in publishers)
    print(
        f'\n{malformed} malformed images, {len(faces)} good ones answered, {total} refused of '
        f'{expected_total} that cannot be used, {skipped - total} passed over, {lost} lost: '
        f'{refused}; {held[len(held) // 4]} -> {held[-1]}'
    )
    # The first of a camera may come before there is anything to follow.
    assert sum(faces) >= len(faces) - 2
    assert set(refused) <= REASONS
    assert len(refused) >= 6
    assert total <= skipped
    # One that is passed over, as the next came first, is neither refused nor answered.
    assert expected_total - (skipped - total) - lost <= total <= expected_total
    assert total > 0.8 * expected_total > 0.3 * malformed
    early, late = held[len(held) // 4], held[-1]
    assert late.resident - early.resident < MAX_GROWTH_MB
    assert (late.descriptors, late.threads) == (early.descriptors, early.threads)
    assert node.interrupt() == 0
    assert 'Traceback' not in node.output
