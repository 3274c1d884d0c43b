# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What exists while the node is active."""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from emotionnet_ros.expressions import FrameResult
from emotionnet_ros.faces.detection import Detector
from emotionnet_ros.imaging import ImageError
from emotionnet_ros.inference.classifier import Classifier
from emotionnet_ros.node import parameters
from emotionnet_ros.node.camera import (
    Camera,
    FrameCounter,
    FrameCounts,
    ImageMessage,
    image_of,
)
from emotionnet_ros.node.diagnostics import SILENCE_BEFORE_WARNING, Activity
from emotionnet_ros.node.messages import seconds_of
from emotionnet_ros.node.models import Models
from emotionnet_ros.node.rate_limit import RateLimit
from emotionnet_ros.node.slot import LatestSlot
from emotionnet_ros.pipeline import Pipeline, PipelineSettings
from emotionnet_ros.power.operating_points import OperatingPoint

WATCH_PERIOD = 0.5
WARNING_PERIOD = 5.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """An image and the steady time at which it came."""

    message: ImageMessage
    arrived: float


# Takes the answer, the image it is to, the seconds that the image waited, and the counts with it;
# gives the age of the answer.
Publish: TypeAlias = Callable[[FrameResult, Arrival, float, FrameCounts], float]


@dataclass(frozen=True, slots=True)
class Way:
    """How the worker works on its next image; replaced as a whole."""

    settings: PipelineSettings
    detector: Detector
    classifier: Classifier


class Session:
    """What exists while the node is active: subscription, slot, worker, watch.

    The executor's thread receives images into the slot; the worker takes the newest, runs the
    pipeline and hands the answer on.

    Parameters
    ----------
    node
        What subscriptions and timers are made of; gives clock and logger.
    models
        The detectors and networks.
    publish
        Takes each answer, in the worker's thread.
    """

    def __init__(self, node: Node, models: Models, publish: Publish) -> None:
        self._node = node
        self._models = models
        self._publish = publish
        value = parameters.values(node)
        self._settings = parameters.pipeline_settings(value)
        self._max_rate_hz = float(value['camera.max_rate'])
        self._point: OperatingPoint | None = None
        self._way_lock = threading.Lock()
        self._way = Way(self._settings, models.configured_detector, models.configured_classifier)
        self._pipeline = Pipeline(self._way.detector, self._way.classifier, self._way.settings)
        self._rate_limit = RateLimit(self._max_rate_hz)
        self._counter = FrameCounter()
        self._slot: LatestSlot[Arrival] = LatestSlot()
        self._silent_since = time.monotonic()
        self._warned_of_stamp = False
        self._warned_of: dict[str, float] = {}
        self._refused: Counter[str] = Counter()
        self._age = math.nan
        self._faces = 0
        self._worker = threading.Thread(target=self._work, name='emotionnet worker', daemon=True)
        self._worker.start()
        self._camera = Camera(
            node,
            bool(value['camera.compressed']),
            str(value['camera.reliability']),
            self._receive,
            self._counter,
        )
        # Simulated time may stand still, or never begin.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(WATCH_PERIOD, self._watch, clock=steady)
        node.get_logger().info(f'Active: waiting for images on {self._camera.topic}')

    def close(self) -> None:
        """Unsubscribe, then end the worker; the image at hand is finished and published."""
        self._node.destroy_timer(self._timer)
        self._camera.close()
        self._slot.close()
        self._worker.join()

    def apply(self, value: dict[str, parameters.Value]) -> None:
        """Take new settings; the worker takes them over before its next image."""
        with self._way_lock:
            self._settings = parameters.pipeline_settings(value)
            self._max_rate_hz = float(value['camera.max_rate'])
            self._way = self._way_at(self._point)
            if self._point is None:
                self._rate_limit.rate_hz = self._max_rate_hz

    def counts(self) -> FrameCounts:
        """Frames since activation."""
        return self._counter.add()

    def activity(self) -> Activity:
        """Say what goes on, at one moment."""
        return Activity(
            topic=self._camera.topic,
            counts=self.counts(),
            silence=time.monotonic() - self._silent_since,
            age=self._age,
            faces=self._faces,
            refused=dict(self._refused),
            worker_alive=self._worker.is_alive(),
        )

    def govern(self, point: OperatingPoint | None, rate_hz: float) -> None:
        """Work in this way, at this rate at most; None and 0: as the parameters say.

        What the operating point needs is loaded here, in the caller's thread.
        """
        with self._way_lock:
            self._rate_limit.rate_hz = rate_hz if point else self._max_rate_hz
            if point is not self._point:
                way = self._way_at(point)  # where a model fails to load, nothing changes
                self._point, self._way = point, way

    def _way_at(self, point: OperatingPoint | None) -> Way:
        models = self._models
        if point is None:
            return Way(self._settings, models.configured_detector, models.configured_classifier)
        return Way(
            replace(self._settings, detector_interval=point.detector_interval),
            models.detector(point.detector_input_size),
            models.classifier(point.network, point.threads),
        )

    def _receive(self, message: ImageMessage) -> None:
        now = time.monotonic()
        self._silent_since = now
        if not self._rate_limit.allows(now) or self._slot.put(Arrival(message, now)):
            self._counter.add(skipped=1)

    def _watch(self) -> None:
        self._camera.match_publishers()
        silence = time.monotonic() - self._silent_since
        if silence > SILENCE_BEFORE_WARNING:
            self._node.get_logger().warning(
                f'No image on {self._camera.topic} for {silence:.0f} s: '
                f'{self._camera.describe_publishers()}',
                throttle_duration_sec=WARNING_PERIOD,
            )

    def _work(self) -> None:
        while (arrival := self._slot.take()) is not None:
            try:
                self._answer(arrival)
            except ImageError as error:
                self._counter.add(skipped=1)
                self._refused[error.reason] += 1
                self._warn_of_refusal(error)
            except Exception as error:
                if not self._node.context.ok():
                    return  # interrupted: nobody is left to hear of it
                # One image must not end the service; the next one gets its answer.
                self._counter.add(skipped=1)
                self._refused[getattr(error, 'reason', type(error).__name__)] += 1
                self._node.get_logger().error(
                    f'Image on {self._camera.topic} not processed:\n{traceback.format_exc()}',
                    throttle_duration_sec=WARNING_PERIOD,
                )

    def _answer(self, arrival: Arrival) -> None:
        wait = time.monotonic() - arrival.arrived
        way = self._way
        if self._pipeline.settings is not way.settings:
            self._pipeline.settings = way.settings
            self._pipeline.detector, self._pipeline.classifier = way.detector, way.classifier
        stamp = seconds_of(arrival.message.header.stamp)
        if stamp <= 0:
            stamp = arrival.arrived
            self._warn_of_stamp()
        result = self._pipeline.process(image_of(arrival.message), stamp)
        counts = self._counter.add(processed=1)
        self._age = self._publish(result, arrival, wait, counts)
        self._faces = len(result.faces)

    def _warn_of_refusal(self, error: ImageError) -> None:
        """Log each kind of fault now and then: a bad camera sends it thirty times a second."""
        now = time.monotonic()
        if now - self._warned_of.get(error.reason, -math.inf) >= WARNING_PERIOD:
            self._warned_of[error.reason] = now
            self._node.get_logger().warning(
                f'Image on {self._camera.topic} refused ({error.reason}): {error}'
            )

    def _warn_of_stamp(self) -> None:
        if not self._warned_of_stamp:
            self._warned_of_stamp = True
            self._node.get_logger().warning(
                f'Images on {self._camera.topic} carry no valid stamp: ages cannot be known, '
                'faces are followed by time of arrival. Let the camera driver fill header.stamp.'
            )
