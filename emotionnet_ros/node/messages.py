# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Results of the pipeline as ROS messages."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from emotionnet_ros.expressions import Box, FaceExpression, FrameResult, StageTimes
from emotionnet_ros.msg import Expression, ExpressionArray, Timing
from emotionnet_ros.node.counts import FrameCounts


def seconds_of(stamp: Time) -> float:
    """Convert a stamp; none is 0, and one that a driver got wrong may be negative."""
    return float(stamp.sec + stamp.nanosec * 1e-9)


def timing_message(
    times: StageTimes, counts: FrameCounts, *, age: float, wait: float, total: float
) -> Timing:
    """Make the timing of one frame; ``age``, ``wait`` and ``total`` as in msg/Timing.msg."""
    return Timing(
        age=age,
        wait=wait,
        decode=times.decode,
        detect=times.detect,
        classify=times.classify,
        total=total,
        frames_received=counts.received,
        frames_processed=counts.processed,
        frames_skipped=counts.skipped,
        frames_lost=counts.lost,
        detector_ran=times.detector_ran,
    )


def expression_array(
    result: FrameResult, header: Header, camera: str, timing: Timing
) -> ExpressionArray:
    """Make the answer to one image; ``camera`` is the topic that it came on."""
    size = result.width, result.height
    answer = ExpressionArray(header=header, camera=camera, timing=timing)
    answer.expressions = [_expression(face, answer, size) for face in result.faces]
    return answer


def region_of_interest(box: Box, size: tuple[int, int]) -> RegionOfInterest:
    """Clip a box to an image of ``size`` (width, height), in whole pixels."""
    width, height = size
    left, right = (min(max(round(x), 0), width) for x in (box.x, box.x + box.width))
    top, bottom = (min(max(round(y), 0), height) for y in (box.y, box.y + box.height))
    return RegionOfInterest(x_offset=left, y_offset=top, width=right - left, height=bottom - top)


def _expression(
    face: FaceExpression, answer: ExpressionArray, size: tuple[int, int]
) -> Expression:
    return Expression(
        header=answer.header,
        camera=answer.camera,
        face_id=face.face_id,
        roi=region_of_interest(face.roi, size),
        detection_confidence=face.detection_confidence,
        expression=face.expression,
        confidence=face.confidence,
        probabilities=face.probabilities,
        raw_expression=face.raw_expression,
        raw_confidence=face.raw_confidence,
        face_age=face.face_age,
        timing=answer.timing,
    )
