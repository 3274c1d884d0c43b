# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One camera: its subscription, the faces followed in it, its counts and its clock."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from rclpy.node import Node

from emotionnet_ros.expressions import FrameResult
from emotionnet_ros.faces.detection import Detector
from emotionnet_ros.imaging import ImageError
from emotionnet_ros.inference.classifier import Classifier
from emotionnet_ros.node.counts import FrameCounter, FrameCounts
from emotionnet_ros.node.diagnostics import SILENCE_BEFORE_WARNING, CameraActivity
from emotionnet_ros.node.messages import seconds_of
from emotionnet_ros.node.subscription import ImageMessage, ImageSubscription, image_of
from emotionnet_ros.pipeline import Pipeline, PipelineSettings

WARNING_PERIOD = 5.0
# Cameras and computers whose clocks are kept together differ by milliseconds.
MOST_AHEAD = 0.1
# No image is that old when it comes, unless it is of another time.
MOST_BEHIND = 10.0


@dataclass(frozen=True, slots=True)
class Way:
    """How the worker works on its next image; replaced as a whole."""

    settings: PipelineSettings
    detector: Detector
    classifier: Classifier


@dataclass(frozen=True, slots=True)
class Arrival:
    """An image, the steady time at which it came, and the node's time line that it came in."""

    message: ImageMessage
    arrived: float
    time_line: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one image.

    Parameters
    ----------
    camera
        The topic, after remapping.
    message
        The image.
    result
        The faces.
    counts
        The camera's frames, this one included.
    arrived
        Steady time at which the image came.
    wait
        Seconds until work on it began.
    age_known
        Whether stamp and node's clock tell its age: False without a stamp, and where the clock
        jumped since the image came.
    """

    camera: str
    message: ImageMessage
    result: FrameResult
    counts: FrameCounts
    arrived: float
    wait: float
    age_known: bool


# Gives the age of the answer, NaN where unknown.
Publish: TypeAlias = Callable[[Answer], float]


class Camera:
    """What the node knows of one camera.

    The executor's thread receives and describes, the worker's thread answers.

    Parameters
    ----------
    node
        What the subscription is made of; gives the logger.
    topic, reliability
        See ``ImageSubscription``.
    way
        How to work at first.
    receive
        Takes each image that comes; gives how many were passed over with that.

    Raises
    ------
    ValueError
        An override of the quality of service is wrong.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        reliability: str,
        way: Way,
        receive: Callable[[Camera, Arrival], int],
    ) -> None:
        self._node = node
        self._hand_on = receive
        self._pipeline = Pipeline(way.detector, way.classifier, way.settings)
        self._counter = FrameCounter()
        self.subscription = ImageSubscription(
            node, topic, reliability, self._receive, self._counter
        )
        self.topic = self.subscription.topic
        self._time_line = 0
        self._worked_in = 0
        self._silent_since = time.monotonic()
        self._heard = -math.inf
        self._warned_of: dict[str, float] = {}
        self._refused: Counter[str] = Counter()
        self._age = math.nan
        self._clock_fault = ''
        self._warned_of_stamp = False
        self._faces = 0

    def counts(self) -> FrameCounts:
        """Frames since activation."""
        return self._counter.add()

    def skip(self, images: int) -> None:
        """Count images that came and are not answered."""
        self._counter.add(skipped=images)

    def listen(self, wanted: bool) -> None:
        """Subscribe or unsubscribe, unless that is so."""
        if wanted and not self.subscription.is_open:
            self._silent_since = time.monotonic()
            self.subscription.open()
        elif not wanted:
            self.subscription.close()

    def watch(self) -> None:
        """Look after the publishers, and say so when nothing comes."""
        self.subscription.match_publishers()
        silence = self._silence()
        if silence > SILENCE_BEFORE_WARNING and self._is_due('silence'):
            self._node.get_logger().warning(
                f'No image on {self.topic} for {silence:.0f} s: '
                f'{self.subscription.describe_publishers()}'
            )

    def heard_within(self, seconds: float) -> bool:
        """Whether an image came in the last seconds."""
        return time.monotonic() - self._heard < seconds

    def start_anew(self) -> None:
        """Forget faces and smoothing before the next image: the node's time jumped."""
        self._time_line += 1

    def answer(self, arrival: Arrival, way: Way, publish: Publish) -> None:
        """Answer one image.

        Raises
        ------
        ImageError
            The image cannot be used.
        """
        wait = time.monotonic() - arrival.arrived
        pipeline = self._pipeline
        if pipeline.settings is not way.settings:
            pipeline.settings = way.settings
            pipeline.detector, pipeline.classifier = way.detector, way.classifier
        if self._worked_in != arrival.time_line:
            self._worked_in = arrival.time_line
            pipeline.reset()
        stamp = seconds_of(arrival.message.header.stamp)
        stamped = stamp > 0
        if not stamped:
            stamp = arrival.arrived
            self._warn_of_stamp()
        jump = pipeline.time_jump(stamp)
        result = pipeline.process(image_of(arrival.message), stamp)
        if jump:
            self._tell_of_jump(jump)
        counts = self._counter.add()
        self._age = publish(
            Answer(
                camera=self.topic,
                message=arrival.message,
                result=result,
                counts=replace(counts, processed=counts.processed + 1),
                arrived=arrival.arrived,
                wait=wait,
                age_known=stamped and arrival.time_line == self._time_line,
            )
        )
        self._counter.add(processed=1)  # not before: what cannot be published has failed
        self._faces = len(result.faces)
        self._judge_clock(time.monotonic() - arrival.arrived)

    def refuse(self, error: ImageError) -> None:
        """Count an image that cannot be used, and name each kind of fault now and then."""
        self.skip(1)
        self._refused[error.reason] += 1
        if self._is_due(error.reason):
            self._node.get_logger().warning(
                f'Image on {self.topic} refused ({error.reason}): {error}'
            )

    def fail(self, error: BaseException) -> None:
        """Count an image that something unexpected kept from its answer."""
        self.skip(1)
        self._refused[getattr(error, 'reason', type(error).__name__)] += 1

    def activity(self) -> CameraActivity:
        """Say what goes on, at one moment."""
        return CameraActivity(
            topic=self.topic,
            counts=self.counts(),
            listening=self.subscription.is_open,
            silence=self._silence(),
            age=self._age,
            clock_fault=self._clock_fault,
            faces=self._faces,
            refused=dict(self._refused),
        )

    def _receive(self, message: ImageMessage) -> None:
        now = time.monotonic()
        self._silent_since = self._heard = now
        self.skip(self._hand_on(self, Arrival(message, now, self._time_line)))

    def _silence(self) -> float:
        """Seconds without an image, 0 where none is asked for."""
        return time.monotonic() - self._silent_since if self.subscription.is_open else 0.0

    def _is_due(self, kind: str) -> bool:
        """Whether to speak of a kind of fault again, which may show thirty times a second."""
        now = time.monotonic()
        if now - self._warned_of.get(kind, -math.inf) < WARNING_PERIOD:
            return False
        self._warned_of[kind] = now
        return True

    def _judge_clock(self, taken: float) -> None:
        """Say so when the stamps are of another clock than the node's.

        ``taken`` is how long the image was here, which is no fault of its stamp.
        """
        if self._age < -MOST_AHEAD:
            self._clock_fault = f'stamps are {-self._age:.1f} s ahead of the clock of this node'
        elif self._age - taken > MOST_BEHIND:
            self._clock_fault = (
                f'stamps are {self._age - taken:.1f} s behind the clock of this node'
            )
        else:
            self._clock_fault = ''
        if self._clock_fault and self._is_due('clock'):
            self._node.get_logger().warning(
                f'{self.topic}: {self._clock_fault}, so ages say nothing. Keep the clocks of '
                'camera and computer together, or set use_sim_time for a recording.'
            )

    def _tell_of_jump(self, jump: float) -> None:
        way = 'back' if jump < 0 else 'ahead'
        self._node.get_logger().info(
            f'Stamps on {self.topic} jumped {way} by {abs(jump):.1f} s: all faces are new'
        )

    def _warn_of_stamp(self) -> None:
        if not self._warned_of_stamp:
            self._warned_of_stamp = True
            self._node.get_logger().warning(
                f'Images on {self.topic} carry no valid stamp: ages cannot be known, '
                'faces are followed by time of arrival. Let the camera driver fill header.stamp.'
            )
