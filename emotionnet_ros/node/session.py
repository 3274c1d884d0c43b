# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What exists while the node is active."""

from __future__ import annotations

import math
import threading
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from rclpy.clock import Clock, ClockChange, ClockType, JumpHandle, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.node import Node

from emotionnet_ros.imaging import ImageError
from emotionnet_ros.node import parameters
from emotionnet_ros.node.camera import WARNING_PERIOD, Answer, Arrival, Camera, Publish, Way
from emotionnet_ros.node.counts import FrameCounts, total
from emotionnet_ros.node.diagnostics import Activity
from emotionnet_ros.node.lasting_thread import LastingThread, StuckThreadError
from emotionnet_ros.node.models import Models
from emotionnet_ros.node.slots import LatestSlots
from emotionnet_ros.node.topics import camera_topics
from emotionnet_ros.pipeline import MAX_STEP_BACK
from emotionnet_ros.power.operating_points import OperatingPoint

WATCH_PERIOD = 0.2
# While images come; each look costs the executor as much as an image does.
CALM_WATCH_PERIOD = 1.0
# Simulated time goes on in steps; one of so many seconds is a jump.
MAX_STEP_AHEAD = 5.0
CLOCK_CHANGES = {
    ClockChange.ROS_TIME_ACTIVATED: 'is simulated from now on',
    ClockChange.ROS_TIME_DEACTIVATED: 'is no longer simulated',
}


class Session:
    """What exists while the node is active: cameras, slots, worker, watch.

    The executor's thread receives images into the slots; the worker takes the newest of each
    camera in turn, runs the camera's pipeline and hands the answer on.

    Parameters
    ----------
    node
        What subscriptions and timers are made of; gives clock and logger.
    models
        The detectors and networks.
    publish
        Takes each answer, in the worker's thread.
    listeners
        Gives how many listen to the answers.

    Raises
    ------
    ValueError
        Two cameras have one topic, or an override of the quality of service is wrong.
    """

    def __init__(
        self, node: Node, models: Models, publish: Publish, listeners: Callable[[], int]
    ) -> None:
        self._node = node
        self._models = models
        self._publish_answer = publish
        self._left_to_itself = False  # the worker, as it did not return
        self._listeners = listeners
        value = parameters.values(node)
        self._settings = parameters.pipeline_settings(value)
        self._max_rate_hz = float(value['camera.max_rate'])
        self._lazy = bool(value['camera.lazy'])
        self._point: OperatingPoint | None = None
        self._way_lock = threading.Lock()
        self._way = Way(self._settings, models.configured_detector, models.configured_classifier)
        self._cameras = [
            Camera(node, topic, str(value['camera.reliability']), self._way, self._receive)
            for topic in camera_topics(value)
        ]
        self._refuse_one_topic_twice()
        self._slots: LatestSlots[Camera, Arrival] = LatestSlots(self._cameras, self._max_rate_hz)
        self._listening = False
        with ExitStack() as undo:  # what was begun before something failed
            undo.callback(self._unsubscribe)
            self._follow_listeners()
            # Simulated time may stand still, or never begin.
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._timer = node.create_timer(WATCH_PERIOD, self._watch, clock=steady)
            undo.callback(node.destroy_timer, self._timer)
            self._jumps = self._notice_jumps()
            undo.callback(self._jumps.unregister)
            self._worker = LastingThread('emotionnet worker', self._work, node.get_logger())
            undo.pop_all()
        node.get_logger().info(f'Active: {self._waits_for()}')

    def _notice_jumps(self) -> JumpHandle:
        return self._node.get_clock().create_jump_callback(
            JumpThreshold(
                min_forward=Duration(seconds=MAX_STEP_AHEAD),
                min_backward=Duration(seconds=-MAX_STEP_BACK),
                on_clock_change=True,
            ),
            post_callback=self._on_time_jump,
        )

    def close(self) -> None:
        """Unsubscribe, then end the worker; the image at hand is finished and published.

        Raises
        ------
        StuckThreadError
            The worker does not return from the image at hand. Should it return later, it ends and
            publishes nothing; until then it uses its detector and network, so nobody else may.
        """
        with ExitStack() as ends:  # each of them, the last first, should one fail
            ends.callback(self._end_worker)
            ends.callback(self._slots.close)
            ends.callback(self._unsubscribe)
            ends.callback(self._node.destroy_timer, self._timer)
            ends.callback(self._jumps.unregister)

    def apply(self, value: dict[str, parameters.Value]) -> None:
        """Take new settings; the worker takes them over before its next image."""
        with self._way_lock:
            self._settings = parameters.pipeline_settings(value)
            self._max_rate_hz = float(value['camera.max_rate'])
            self._lazy = bool(value['camera.lazy'])
            self._way = self._way_at(self._point)
            if self._point is None:
                self._slots.limit(self._max_rate_hz)

    def counts(self) -> FrameCounts:
        """Frames of all cameras since activation."""
        return total(camera.counts() for camera in self._cameras)

    def activity(self) -> Activity:
        """Say what goes on, at one moment."""
        return Activity(
            cameras=tuple(camera.activity() for camera in self._cameras),
            worker_alive=self._worker.is_alive,
            worker_ends=self._worker.ends,
            worker_stuck=self._worker.stuck,
        )

    def govern(self, point: OperatingPoint | None, rate_hz: float) -> None:
        """Work in this way, at this rate at most; None and 0: as the parameters say.

        What the operating point needs is loaded here, in the caller's thread.
        """
        with self._way_lock:
            self._slots.limit(rate_hz if point else self._max_rate_hz)
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

    def _refuse_one_topic_twice(self) -> None:
        topics = [camera.topic for camera in self._cameras]
        twice = sorted({topic for topic in topics if topics.count(topic) > 1})
        if twice:
            raise ValueError(f'cameras: {twice[0]} is the topic of two of them, once remapped')

    def _receive(self, camera: Camera, arrival: Arrival) -> int:
        return self._slots.put(camera, arrival)

    def _watch(self) -> None:
        if self._worker.look_after():
            for camera in self._cameras:
                camera.start_anew()  # it may have ended between two changes that go together
        if self._follow_listeners():
            self._node.get_logger().info(self._waits_for())
        if self._listening:
            for camera in self._cameras:
                camera.watch()
        images_come = self._listening and all(
            camera.heard_within(CALM_WATCH_PERIOD) for camera in self._cameras
        )
        period = CALM_WATCH_PERIOD if images_come else WATCH_PERIOD
        self._timer.timer_period_ns = round(period * 1e9)

    def _follow_listeners(self) -> bool:
        """Subscribe while somebody listens, or always, and unsubscribe; whether that changed."""
        wanted = not self._lazy or self._listeners() > 0
        if wanted == self._listening:
            return False
        self._listening = wanted
        for camera in self._cameras:
            camera.listen(wanted)
            if not wanted:
                camera.skip(self._slots.clear(camera))
        return True

    def _unsubscribe(self) -> None:
        for camera in self._cameras:
            camera.listen(False)

    def _waits_for(self) -> str:
        topics = ', '.join(camera.topic for camera in self._cameras)
        if not self._listening:
            return f'nobody listens, so not subscribed to {topics} (camera.lazy)'
        return f'waiting for images on {topics}'

    def _on_time_jump(self, jump: TimeJump) -> None:
        """Begin anew on the node's new time; images of the old one would have absurd ages."""
        for camera in self._cameras:
            camera.start_anew()
            camera.skip(self._slots.clear(camera))
        what = CLOCK_CHANGES.get(
            jump.clock_change, f'jumped by {jump.delta.nanoseconds * 1e-9:+.1f} s'
        )
        self._node.get_logger().info(f"The node's time {what}: all faces are new")

    def _end_worker(self) -> None:
        try:
            self._worker.join()
        except StuckThreadError:
            self._left_to_itself = True
            raise

    def _work(self, thread: LastingThread) -> None:
        while (taken := self._slots.take()) is not None:
            camera, arrival = taken
            try:
                with thread.busy_with(f'one image of {camera.topic}'):
                    camera.answer(arrival, self._way, self._publish)
            except ImageError as error:
                camera.refuse(error)
            except Exception as error:
                if self._left_to_itself or not self._node.context.ok():
                    return  # or interrupted: nobody is left to hear of it
                # One image must not end the service; the next one gets its answer.
                camera.fail(error)
                self._node.get_logger().error(
                    f'Image on {camera.topic} not processed:\n{traceback.format_exc()}',
                    throttle_duration_sec=WARNING_PERIOD,
                )
            except BaseException as error:
                camera.fail(error)
                raise

    def _publish(self, answer: Answer) -> float:
        """Publish, unless the session is over and the publishers may be those of the next."""
        return math.nan if self._left_to_itself else self._publish_answer(answer)
