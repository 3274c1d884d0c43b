# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

import functools
import re
from pathlib import Path

import numpy as np
import pytest
from emotionnet_ros.msg import Expression, ExpressionArray, PowerState
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header

from emotionnet_ros.expressions import (
    EXPRESSION_NAMES,
    Box,
    FaceExpression,
    FrameResult,
    StageTimes,
)
from emotionnet_ros.node.counts import FrameCounter, FrameCounts, LossCounter, total
from emotionnet_ros.node.messages import expression_array, region_of_interest, timing_message

TIMES = StageTimes(decode=0.001, detect=0.004, classify=0.002, total=0.007, detector_ran=True)


def test_constants_stand_in_the_order_of_the_classes():
    for index, name in enumerate(EXPRESSION_NAMES):
        assert getattr(Expression, name.upper()) == index
    assert len(Expression().probabilities) == Expression.UNKNOWN


def test_states_of_power_differ():
    states = [PowerState.OK, PowerState.LIMITED, PowerState.UNREACHABLE, PowerState.NO_SENSOR]
    assert len(set(states)) == 4


@pytest.mark.parametrize(
    ('box', 'expected'),
    [
        (Box(10.4, 20.6, 30.2, 20.0), (10, 21, 31, 20)),
        (Box(-5, -5, 20, 20), (0, 0, 15, 15)),
        (Box(90, 40, 20, 20), (90, 40, 10, 10)),
        (Box(200, 200, 10, 10), (100, 50, 0, 0)),
    ],
)
def test_roi_lies_inside_the_image(box, expected):
    roi = region_of_interest(box, (100, 50))
    assert (roi.x_offset, roi.y_offset, roi.width, roi.height) == expected


def test_answer_survives_the_wire_with_stamp_and_frame_of_the_image():
    counter = FrameCounter()
    counter.add(received=5, lost=2)
    counts = counter.add(processed=3, skipped=1)
    face = FaceExpression(
        face_id='f7',
        roi=Box(1, 2, 3, 4),
        detection_confidence=0.75,
        expression=1,
        confidence=0.5,
        probabilities=np.arange(8, dtype=np.float32) / 28,
        raw_expression=8,
        raw_confidence=0.25,
        face_age=1.5,
    )
    header = Header(frame_id='head_camera')
    header.stamp.sec, header.stamp.nanosec = 12, 345
    timing = timing_message(TIMES, counts, age=0.03, wait=0.01, total=0.02)
    message = expression_array(
        FrameResult((face, face), 640, 480, TIMES), header, '/head/image', timing
    )

    received = deserialize_message(serialize_message(message), ExpressionArray)
    assert serialize_message(received) == serialize_message(message)
    first = received.expressions[0]
    assert received.header == first.header == header
    assert received.camera == first.camera == '/head/image'
    assert (first.face_id, first.expression, first.raw_expression) == ('f7', 1, 8)
    np.testing.assert_array_equal(first.probabilities, face.probabilities)
    timing = first.timing
    assert (
        timing.frames_received,
        timing.frames_processed,
        timing.frames_skipped,
        timing.frames_lost,
    ) == (5, 3, 1, 2)
    assert timing.detector_ran
    assert timing.age == pytest.approx(0.03)


def test_nobody_there_is_an_answer():
    timing = timing_message(TIMES, FrameCounter().add(), age=0, wait=0, total=0)
    assert expression_array(FrameResult((), 4, 3, TIMES), Header(), '', timing).expressions == []


def test_counts_of_several_cameras_add_up():
    counts = [FrameCounts(received=5, processed=3, skipped=2, lost=1), FrameCounts(received=2)]
    assert total(counts) == FrameCounts(received=7, processed=3, skipped=2, lost=1)
    assert total([]) == FrameCounts()


def test_lost_frames_are_counted_from_sequence_numbers():
    losses = LossCounter()
    assert [losses.lost_before(n) for n in (7, 8, 11, 12, 3, 4, 6)] == [0, 0, 2, 0, 0, 0, 1]


def test_what_the_readme_plots_are_numbers_on_topics():
    readme = (Path(__file__).parents[2] / 'README.md').read_text()
    section = readme.partition('### Diagnostics\n')[2].partition('\n## ')[0]
    topics = {'expressions': ExpressionArray(), 'power': PowerState()}
    paths = set(re.findall(rf'/({"|".join(topics)})/([a-z_/]+)', section))
    # "with the same names"
    for row in re.findall(r'\| (`.+`) \| `/(\w+)/((?:\w+/)?)` with', section):
        paths |= {(row[1], row[2] + name) for name in re.findall(r'`(\w+)`', row[0])}
    paths = {(topic, path) for topic, path in paths if not path.endswith('/')}
    assert {path for _, path in paths} >= {'timing/age', 'timing/frames_lost', 'rate', 'budget'}
    for topic, path in paths:
        value = functools.reduce(getattr, path.split('/'), topics[topic])
        assert isinstance(value, int | float), path
