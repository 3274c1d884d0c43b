# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Player, node and subscriber as separate processes, real faces, real DDS."""

import math
import re
from itertools import pairwise

import cv2
import numpy as np
import pytest
from emotionnet_ros.msg import Expression, ExpressionArray
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from emotionnet_ros.expressions import Box
from emotionnet_ros.imaging import RawImage
from emotionnet_ros.pipeline import MAX_FOLLOWED, Pipeline


def stamp_of(message):
    return message.header.stamp.sec, message.header.stamp.nanosec


def seconds_of(message):
    return message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec


def box_of(expression):
    roi = expression.roi
    return Box(roi.x_offset, roi.y_offset, roi.width, roi.height)


def image_message(picture, encoding='bgr8'):
    height, width = picture.shape[:2]
    message = Image(width=width, height=height, encoding=encoding, step=picture.strides[0])
    message.data = picture.tobytes()
    return message


@pytest.fixture
def node(start):
    return start('emotionnet')


def test_a_face_on_a_camera_topic_becomes_stamped_expressions(start, node, collect, wait_until):
    images = collect(Image, 'image')
    answers = collect(ExpressionArray, 'expressions')
    nearest = collect(Expression, 'expression')
    start('player', rate=10.0)

    # The observer may miss images that the node did not: large ones, sent once.
    def answered():
        return {stamp_of(image): image for image in images if stamp_of(image) in stamps()}

    def stamps():
        return {stamp_of(answer) for answer in answers}

    wait_until(
        lambda: len(answered()) >= 10 and len(nearest) >= 10, 'answers to images with a face'
    )
    image_of = answered()
    ordered = [stamp_of(answer) for answer in answers]
    assert ordered == sorted(set(ordered))
    assert {answer.header.frame_id for answer in answers} == {'camera'}
    assert {len(answer.expressions) for answer in answers[1:]} == {1}
    assert len({answer.expressions[0].face_id for answer in answers[1:]}) == 1
    assert {stamp_of(expression) for expression in nearest} <= stamps()

    # The node's answer is the pipeline's: the face lies where it does without ROS in between.
    answer = [answer for answer in answers if stamp_of(answer) in image_of][-1]
    image = image_of[stamp_of(answer)]
    raw = RawImage(image.width, image.height, image.encoding, image.step, False, image.data)
    pipeline = Pipeline.open()
    faces = [pipeline.process(raw, stamp).faces for stamp in (0.0, 0.1)]
    (face,) = faces[-1]  # a face is reported from its second sight on, unless it is very sure
    (expression,) = answer.expressions
    assert face.roi.iou(box_of(expression)) > 0.7
    assert expression.header == answer.header
    assert sum(expression.probabilities) == pytest.approx(1, abs=1e-3)
    assert 0 < expression.confidence <= 1
    assert expression.face_age > 0

    timings = [answer.timing for answer in answers]
    assert all((t.detect > 0) == t.detector_ran for t in timings)
    assert all(t.classify > 0 for t in timings[1:])  # at first sight it may not be sure
    # At 10 images a second the detector runs on each, but for one that the player was late before.
    assert timings[0].detector_ran
    for earlier, later in pairwise(answers):
        assert later.timing.detector_ran or seconds_of(later) - seconds_of(earlier) <= MAX_FOLLOWED
    assert all(t.wait + t.decode + t.detect + t.classify <= t.total <= t.age for t in timings)
    processed = [t.frames_processed for t in timings]
    assert processed == list(range(processed[0], processed[0] + len(processed)))
    for t in timings:
        assert 0 <= t.frames_received - t.frames_processed - t.frames_skipped <= 1

    assert node.interrupt() == 0
    assert 'Traceback' not in node.output


def test_compressed_images(start, collect, wait_until):
    start('emotionnet', camera__compressed='true')
    images = collect(CompressedImage, 'image/compressed')
    answers = collect(ExpressionArray, 'expressions')
    start('player', rate=10.0, compressed='true')
    wait_until(lambda: len(answers) >= 5 and len(images) >= 5, 'answers to JPEG images')
    assert {len(answer.expressions) for answer in answers[1:]} == {1}
    assert {stamp_of(answer) for answer in answers} & {stamp_of(image) for image in images}


def test_remapped_topics(start, collect, wait_until):
    start('emotionnet', 'image:=/head/image_raw', '__ns:=/robot')
    answers = collect(ExpressionArray, '/robot/expressions')
    start('player', 'image:=/head/image_raw', rate=10.0)
    wait_until(lambda: answers, 'answers in the namespace')


def test_nobody_there_gives_empty_answers(start, node, collect, wait_until, tmp_path):
    folder = tmp_path / 'pictures'
    folder.mkdir()
    cv2.imwrite(str(folder / 'grey.png'), np.full((240, 320, 3), 128, np.uint8))
    answers = collect(ExpressionArray, 'expressions')
    start('player', source=folder, rate=10.0)
    wait_until(lambda: len(answers) >= 5, 'answers about nobody')
    assert all(answer.expressions == [] for answer in answers)
    assert all(stamp_of(answer) != (0, 0) for answer in answers)


def test_a_video_file_plays_in_a_loop(start, node, collect, wait_until, face_video):
    answers = collect(ExpressionArray, 'expressions')
    player = start('player', source=face_video, rate=60.0)
    wait_until(lambda: len(answers) > 40, 'answers beyond the end of the video')
    assert player.process.poll() is None


def test_a_best_effort_camera_is_understood(start, node, collect, wait_until):
    answers = collect(ExpressionArray, 'expressions')
    start('player', rate=10.0, best_effort='true')
    wait_until(lambda: len(answers) >= 3, 'answers to a best-effort camera')


def test_the_subscription_asks_for_what_the_publisher_offers(
    start, node, observer, collect, wait_until
):
    def asked():
        infos = observer.get_subscriptions_info_by_topic('/image')
        return {info.qos_profile.reliability for info in infos}

    wait_until(lambda: asked() == {ReliabilityPolicy.BEST_EFFORT}, 'a subscription')
    start('player', rate=10.0)
    wait_until(lambda: asked() == {ReliabilityPolicy.RELIABLE}, 'a reliable subscription')
    answers = collect(ExpressionArray, 'expressions')
    wait_until(lambda: answers, 'answers after subscribing anew')


def test_simulated_time_that_never_begins_is_understood(
    start, reliable_subscription, collect, wait_until
):
    node = start('emotionnet', use_sim_time='true')
    wait_until(lambda: 'Active' in node.output, 'the node')
    answers = collect(ExpressionArray, 'expressions')
    start('player', rate=10.0)
    reliable_subscription('/image')
    wait_until(lambda: answers, 'answers')
    assert math.isnan(answers[-1].timing.age)


@pytest.mark.parametrize('seconds', [0, -5])
def test_images_without_a_valid_stamp_are_answered_with_an_age_unknown(
    node, observer, collect, wait_until, face_picture, seconds
):
    answers = collect(ExpressionArray, 'expressions')
    publisher = observer.create_publisher(Image, 'image', 1)
    image = image_message(face_picture)
    image.header.stamp.sec = seconds

    def publish_and_look():
        publisher.publish(image)
        return len(answers) >= 3

    wait_until(publish_and_look, 'answers')
    assert 'carry no valid stamp' in node.output
    assert 'Traceback' not in node.output
    assert answers[-1].header == image.header
    assert answers[-1].expressions  # followed by time of arrival
    assert math.isnan(answers[-1].timing.age)


def test_bad_images_are_named_and_counted_and_the_next_good_one_is_answered(
    node, observer, collect, wait_until, reliable_subscription, face_picture
):
    answers = collect(ExpressionArray, 'expressions')
    publisher = observer.create_publisher(
        Image, 'image', QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
    )
    reliable_subscription('/image')
    wait_until(lambda: publisher.get_subscription_count() == 1, 'the publisher to know of it')
    good = image_message(face_picture)
    short = image_message(face_picture)
    short.height = 10_000
    narrow = image_message(face_picture)
    narrow.step = 7
    strange = image_message(face_picture, encoding='polka_dots')
    empty = Image(encoding='bgr8')
    bad_images = {
        'data_too_short': short,
        'step_too_small': narrow,
        'unknown_encoding': strange,
        'zero_size': empty,
    }
    for number, (reason, bad) in enumerate(bad_images.items(), start=1):
        publisher.publish(bad)
        wait_until(lambda r=reason: f' refused ({r}): ' in node.output, f'a word about {reason}')
        publisher.publish(good)
        wait_until(lambda n=number: len(answers) == n, f'an answer after {reason}')
    assert answers[-1].timing.frames_received == 8
    assert [answer.timing.frames_processed for answer in answers] == [1, 2, 3, 4]
    assert [answer.timing.frames_skipped for answer in answers] == [1, 2, 3, 4]
    assert answers[-1].timing.frames_lost == 0
    assert [len(answer.expressions) for answer in answers[1:]] == [1] * 3
    assert re.search(r'10000.*needs .* bytes of data', node.output)
    assert 'Traceback' not in node.output


def test_a_rate_limit_holds_back(start, collect, wait_until):
    start('emotionnet', camera__max_rate=5.0)
    answers = collect(ExpressionArray, 'expressions')
    start('player', rate=30.0)
    wait_until(lambda: len(answers) >= 10, 'answers')
    seconds = [sec + nanosec * 1e-9 for sec, nanosec in map(stamp_of, answers)]
    rate_hz = (len(seconds) - 1) / (seconds[-1] - seconds[0])
    assert rate_hz < 6.0
    assert answers[-1].timing.frames_skipped > 10
