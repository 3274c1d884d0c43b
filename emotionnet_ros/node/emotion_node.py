# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The lifecycle node: camera images in, expressions out."""

from __future__ import annotations

import functools
import logging
import math
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile

from emotionnet_ros.expressions import FrameResult
from emotionnet_ros.faces.detection import Detector, DetectorError, open_detector
from emotionnet_ros.imaging import ImageError
from emotionnet_ros.inference.classifier import Classifier, ModelError
from emotionnet_ros.msg import Expression, ExpressionArray
from emotionnet_ros.node import parameters
from emotionnet_ros.node.camera import Camera, FrameCounter, ImageMessage, image_of
from emotionnet_ros.node.messages import expression_array, seconds_of, timing_message
from emotionnet_ros.node.rate_limit import RateLimit
from emotionnet_ros.node.slot import LatestSlot
from emotionnet_ros.pipeline import Pipeline

NAME = 'emotionnet'
WATCH_PERIOD = 0.5
SILENCE_BEFORE_WARNING = 5.0
WARNING_PERIOD = 5.0
RESULT_QUEUE = 10

Node = TypeVar('Node', bound='EmotionNode')
Transition: TypeAlias = Callable[[Node, LifecycleState], TransitionCallbackReturn]


@dataclass(frozen=True, slots=True)
class Arrival:
    """An image and the steady time at which it came."""

    message: ImageMessage
    arrived: float


def _reporting(transition: Transition[Node]) -> Transition[Node]:
    """Log what goes wrong in a transition; rclpy would swallow it.

    What people can put right (a missing file, a bad setting) fails the transition and leaves the
    state as it was; anything else is an error of ours and goes to on_error.
    """

    @functools.wraps(transition)
    def reporting(node: Node, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except (DetectorError, ModelError, ValueError) as error:
            node.get_logger().error(f'{transition.__name__}: {error}')
            return TransitionCallbackReturn.FAILURE
        except Exception:
            node.get_logger().fatal(f'{transition.__name__}:\n{traceback.format_exc()}')
            return TransitionCallbackReturn.ERROR

    return reporting


class EmotionNode(LifecycleNode):  # type: ignore[misc]
    """Finds faces in the newest image of a camera and publishes what they express.

    The executor's thread receives images into a slot; one worker thread takes the newest, runs
    the pipeline and publishes. ``stop`` must be called before the node is destroyed.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(NAME, **options)
        self._refuse_invalid_transitions()
        self.add_on_set_parameters_callback(self._check_parameters)
        parameters.declare(self)
        self.add_post_set_parameters_callback(self._apply_parameters)
        self._log_handler = _RosLogHandler(self.get_logger())
        logging.getLogger('emotionnet_ros').addHandler(self._log_handler)
        logging.getLogger('emotionnet_ros').setLevel(logging.INFO)
        self._detector: Detector | None = None
        self._classifier: Classifier | None = None
        self._session: _Session | None = None
        self._expressions: Any = None
        self._expression: Any = None

    def autostart(self) -> None:
        """Configure and activate, as the parameter ``autostart`` says."""
        if not self.get_parameter('autostart').value:
            self.get_logger().info('Waiting to be configured (autostart is false)')
            return
        for trigger in (self.trigger_configure, self.trigger_activate):
            if trigger() != TransitionCallbackReturn.SUCCESS:
                self.get_logger().error(
                    'Not started. Put right what is named above, then configure and activate: '
                    f'ros2 lifecycle set {self.get_fully_qualified_name()} configure'
                )
                return

    def stop(self) -> None:
        """End the worker; safe in any state and more than once."""
        if self._session is not None:
            self._session.close()
            self._session = None
        logging.getLogger('emotionnet_ros').removeHandler(self._log_handler)

    def destroy_node(self) -> None:
        """Destroy the node; rclpy's state machine would keep it on the network."""
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()

    @_reporting
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load detector and network; a file that is missing or wrong fails."""
        value = parameters.values(self)
        detector = open_detector(
            str(value['detector.name']),
            model_path=str(value['detector.model']),
            min_confidence=float(value['detector.min_confidence']),
            input_size=int(value['detector.input_size']),
            # The tracker keeps to its own number, which may grow while the node runs.
            max_faces=int(parameters.ROWS['tracker.max_faces'].maximum),
        )
        classifier = Classifier(str(value['network.model']), int(value['network.threads']))
        self._detector, self._classifier = detector, classifier
        self._expressions = self.create_lifecycle_publisher(
            ExpressionArray, 'expressions', QoSProfile(depth=RESULT_QUEUE)
        )
        self._expression = self.create_lifecycle_publisher(
            Expression, 'expression', QoSProfile(depth=RESULT_QUEUE)
        )
        if value['power.budget']:
            self.get_logger().warning(
                f'power.budget is {value["power.budget"]} W, but nothing holds it yet: '
                'set camera.max_rate to limit what the node draws'
            )
        self.get_logger().info(
            f'Configured: detector {detector.name}, network {classifier.name} ({classifier.path})'
        )
        return super().on_configure(state)

    @_reporting
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the camera and start the worker."""
        assert self._detector is not None
        assert self._classifier is not None
        settings = parameters.pipeline_settings(parameters.values(self))
        pipeline = Pipeline(self._detector, self._classifier, settings)
        answer = super().on_activate(state)
        self._session = _Session(self, pipeline)
        return answer

    @_reporting
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and end the worker."""
        self._end_session()
        return super().on_deactivate(state)

    @_reporting
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of detector, network and publishers."""
        self._release()
        return super().on_cleanup(state)

    @_reporting
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End everything, from any state."""
        self._end_session()
        self._release()
        return super().on_shutdown(state)

    @_reporting
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:  # noqa: ARG002
        """Let go of everything, so that the node can be configured again."""
        self._end_session()
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def publish(self, result: FrameResult, arrival: Arrival, wait: float, counts: Any) -> None:
        """Publish the answer to one image; called by the worker."""
        header = arrival.message.header
        now, taken = self.get_clock().now().nanoseconds * 1e-9, seconds_of(header.stamp)
        timing = timing_message(
            result.times,
            counts,
            # Simulated time is 0 until it begins.
            age=now - taken if now > 0 and taken > 0 else math.nan,
            wait=wait,
            total=time.monotonic() - arrival.arrived,
        )
        answer = expression_array(result, header, timing)
        self._expressions.publish(answer)
        if answer.expressions:
            self._expression.publish(answer.expressions[0])

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _release(self) -> None:
        for publisher in (self._expressions, self._expression):
            if publisher is not None:
                self.destroy_lifecycle_publisher(publisher)
        self._expressions = self._expression = None
        self._detector = self._classifier = None

    def _check_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        return parameters.check(changes)

    def _apply_parameters(self, changes: list[Parameter]) -> None:
        if self._session is not None:
            self._session.apply(parameters.values(self))
        # Beside those of the table there are rclpy's own, use_sim_time for one.
        rows = [parameters.ROWS[c.name] for c in changes if c.name in parameters.ROWS]
        later = [row.name for row in rows if row.when == 'on configure']
        if later and self._detector is not None:
            self.get_logger().info(
                f'{", ".join(later)}: takes effect when the node is configured again'
            )

    def _refuse_invalid_transitions(self) -> None:
        """Answer a transition that the state does not allow with a refusal.

        rclpy raises out of the executor in place of an answer (ros2/rclpy issue 1209).
        """
        service = self._service_change_state
        change_state = service.callback

        def refusing(request: Any, response: Any) -> Any:
            try:
                return change_state(request, response)
            except rclpy_implementation.RCLError as error:
                self.get_logger().warning(f'Transition refused: {error}')
                response.success = False
                return response

        service.callback = refusing


class _Session:
    """What exists while the node is active: subscription, slot, worker, watch."""

    def __init__(self, node: EmotionNode, pipeline: Pipeline) -> None:
        self._node = node
        self._pipeline = pipeline
        self._settings_lock = threading.Lock()
        value = parameters.values(node)
        self._next_settings = pipeline.settings
        self._rate_limit = RateLimit(float(value['camera.max_rate']))
        self._counter = FrameCounter()
        self._slot: LatestSlot[Arrival] = LatestSlot()
        self._silent_since = time.monotonic()
        self._warned_of_stamp = False
        self._warned_of: dict[str, float] = {}
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
        settings = parameters.pipeline_settings(value)
        with self._settings_lock:
            self._next_settings = settings
        self._rate_limit.rate_hz = float(value['camera.max_rate'])

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
                self._warn_of_refusal(error)
            except Exception:
                if not self._node.context.ok():
                    return  # interrupted: nobody is left to hear of it
                # One image must not end the service; the next one gets its answer.
                self._counter.add(skipped=1)
                self._node.get_logger().error(
                    f'Image on {self._camera.topic} not processed:\n{traceback.format_exc()}',
                    throttle_duration_sec=WARNING_PERIOD,
                )

    def _answer(self, arrival: Arrival) -> None:
        wait = time.monotonic() - arrival.arrived
        with self._settings_lock:
            if self._pipeline.settings is not self._next_settings:
                self._pipeline.settings = self._next_settings
        stamp = seconds_of(arrival.message.header.stamp)
        if stamp <= 0:
            stamp = arrival.arrived
            self._warn_of_stamp()
        result = self._pipeline.process(image_of(arrival.message), stamp)
        counts = self._counter.add(processed=1)
        self._node.publish(result, arrival, wait, counts)

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


class _RosLogHandler(logging.Handler):
    """Hands on what the rooms without ROS log to the node's logger."""

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        # A line for each severity: rclpy remembers one for each line that logs, and raises.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)
