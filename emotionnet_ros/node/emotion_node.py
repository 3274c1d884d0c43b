# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The lifecycle node: camera images in, expressions out."""

from __future__ import annotations

import functools
import logging
import math
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeAlias, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from emotionnet_ros.faces.detection import DetectorError
from emotionnet_ros.inference.classifier import ModelError
from emotionnet_ros.msg import Expression, ExpressionArray, PowerState
from emotionnet_ros.node import annotated, diagnostics, parameters, qos
from emotionnet_ros.node.camera import Answer
from emotionnet_ros.node.lasting_thread import StuckThreadError
from emotionnet_ros.node.messages import expression_array, seconds_of, timing_message
from emotionnet_ros.node.models import Models
from emotionnet_ros.node.power_loop import (
    PowerLoop,
    PowerSource,
    governor_settings,
    operating_points,
)
from emotionnet_ros.node.ros_log import RosLogHandler
from emotionnet_ros.node.session import Session
from emotionnet_ros.power.operating_points import OperatingPoint
from emotionnet_ros.power.sensor import SensorError

NAME = 'emotionnet'
RESULT_QUEUE = 10
DIAGNOSTICS_PERIOD = 1.0
ANSWERS = ('expressions', 'expression', annotated.TOPIC)
TOPICS = {
    'expressions': ExpressionArray,
    'expression': Expression,
    annotated.TOPIC: Image,
    'power': PowerState,
    diagnostics.TOPIC: DiagnosticArray,
}

Node = TypeVar('Node', bound='EmotionNode')
Transition: TypeAlias = Callable[[Node, LifecycleState], TransitionCallbackReturn]


def _reporting(transition: Transition[Node]) -> Transition[Node]:
    """Log what goes wrong in a transition; rclpy would swallow it.

    What people can put right (a missing file, a bad setting) fails the transition and leaves the
    state as it was; anything else is an error of ours and goes to on_error, and so does all that
    goes wrong on the way back, of which a part may have been done.
    """
    theirs = (DetectorError, ModelError, SensorError, ValueError)
    begins = transition.__name__ in ('on_configure', 'on_activate')

    @functools.wraps(transition)
    def reporting(node: Node, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception as error:
            if begins and isinstance(error, theirs):
                node.get_logger().error(f'{transition.__name__}: {error}')
                return TransitionCallbackReturn.FAILURE
            node.get_logger().fatal(f'{transition.__name__}:\n{traceback.format_exc()}')
            return TransitionCallbackReturn.ERROR

    return reporting


class EmotionNode(LifecycleNode):  # type: ignore[misc]
    """Finds faces in the newest image of a camera and publishes what they express.

    ``stop`` must be called before the node is destroyed.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(NAME, **options)
        self._refuse_invalid_transitions()
        self.add_on_set_parameters_callback(self._check_parameters)
        parameters.declare(self)
        self.add_post_set_parameters_callback(self._apply_parameters)
        self._log_handler = RosLogHandler(self.get_logger())
        logging.getLogger('emotionnet_ros').addHandler(self._log_handler)
        logging.getLogger('emotionnet_ros').setLevel(logging.INFO)
        self._models: Models | None = None
        self._power_source: PowerSource | None = None
        self._points: list[OperatingPoint] = []
        self._session: Session | None = None
        self._power_loop: PowerLoop | None = None
        self._diagnostics: diagnostics.Diagnostics | None = None
        self._diagnostics_timer: Any = None
        self._outputs: dict[str, Any] = {}

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
        """End the worker and let go of everything; safe in any state and more than once."""
        self._let_go()
        logging.getLogger('emotionnet_ros').removeHandler(self._log_handler)

    def destroy_node(self) -> None:
        """Destroy the node; rclpy's state machine would keep it on the network."""
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()

    @_reporting
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load detector, network and power sensor; what is missing or wrong fails."""
        value = parameters.values(self)
        governor_settings(value)  # raises what is wrong with them
        models, points = Models(value), operating_points(value)
        self._power_source = PowerSource(value)
        self._models, self._points = models, points
        try:
            for topic, kind in TOPICS.items():
                self._outputs[topic] = self._publisher(kind, topic)
        except ValueError:
            self._release()
            raise
        classifier = models.configured_classifier
        self.get_logger().info(
            f'Configured: detector {models.configured_detector.name}, '
            f'network {classifier.name} ({classifier.path})'
        )
        return super().on_configure(state)

    @_reporting
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the camera, start the worker and the holding of the power budget."""
        answer = super().on_activate(state)
        try:
            self._begin_session()
        except Exception:
            self._end_session()
            super().on_deactivate(state)  # the publishers
            raise
        return answer

    @_reporting
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and end worker and power loop."""
        self._end_session()
        return super().on_deactivate(state)

    @_reporting
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of models, sensor and publishers."""
        self._release()
        return super().on_cleanup(state)

    @_reporting
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End everything, from any state."""
        self._let_go()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:  # noqa: ARG002
        """Let go of everything, so that the node can be configured again."""
        try:
            self._let_go()
        except Exception:
            self.get_logger().fatal(f'on_error:\n{traceback.format_exc()}')
        return TransitionCallbackReturn.SUCCESS

    def _begin_session(self) -> None:
        assert self._models is not None
        assert self._power_source is not None
        self._session = Session(self, self._models, self._publish, self._listeners)
        self._power_loop = PowerLoop(
            self,
            self._outputs['power'].publish,
            self._session,
            self._power_source,
            self._points,
            governor_settings(parameters.values(self)),
        )
        classifier = self._models.configured_classifier
        self._diagnostics = diagnostics.Diagnostics(  # anew: counts and cameras are others
            self.get_fully_qualified_name().lstrip('/'),
            {
                'detector': self._models.configured_detector.name,
                'network': classifier.name,
                'network_file': str(classifier.path),
            },
        )
        self._diagnostics_timer = self.create_timer(
            DIAGNOSTICS_PERIOD, self._diagnose, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def _publisher(self, kind: type[Any], topic: str) -> Any:
        with qos.naming_the_topic(self.resolve_topic_name(topic)):
            return self.create_lifecycle_publisher(
                kind,
                topic,
                QoSProfile(depth=RESULT_QUEUE),
                event_callbacks=qos.without_events(),
                qos_overriding_options=qos.overriding_options(reliability=True),
            )

    def _listeners(self) -> int:
        return sum(self._outputs[topic].get_subscription_count() for topic in ANSWERS)

    def _publish(self, answer: Answer) -> float:
        """Publish the answer to one image and give its age; called by the worker."""
        now, taken = (
            self.get_clock().now().nanoseconds * 1e-9,
            seconds_of(answer.message.header.stamp),
        )
        timing = timing_message(
            answer.result.times,
            answer.counts,
            # Simulated time is 0 until it begins.
            age=now - taken if now > 0 and answer.age_known else math.nan,
            wait=answer.wait,
            total=time.monotonic() - answer.arrived,
        )
        message = expression_array(answer.result, answer.message.header, answer.camera, timing)
        self._outputs['expressions'].publish(message)
        if message.expressions:
            self._outputs['expression'].publish(message.expressions[0])
        pictures = self._outputs[annotated.TOPIC]
        if pictures.get_subscription_count() > 0:
            power = self._power_loop.newest()[0] if self._power_loop else None
            pictures.publish(annotated.annotated_image(answer, timing.age, power))
        return float(timing.age)

    def _diagnose(self) -> None:
        if self._session is None or self._power_loop is None or self._diagnostics is None:
            return
        self._power_loop.look_after()
        self._outputs[diagnostics.TOPIC].publish(
            self._diagnostics.message(
                time.monotonic(),
                self.get_clock().now().to_msg(),
                self._session.activity(),
                *self._power_loop.newest(),
            )
        )

    def _let_go(self) -> None:
        with ExitStack() as ends:
            ends.callback(self._release)
            try:
                self._end_session()
            except StuckThreadError as error:
                # What it still uses is used by nobody else: all of it is loaded anew.
                self.get_logger().error(str(error))

    def _end_session(self) -> None:
        with ExitStack() as ends:  # each of them, the last first, should one fail
            if self._session is not None:
                ends.callback(self._session.close)
            if self._power_loop is not None:
                ends.callback(self._power_loop.close)
            if self._diagnostics_timer is not None:
                ends.callback(self.destroy_timer, self._diagnostics_timer)
            self._session = self._power_loop = self._diagnostics_timer = None

    def _release(self) -> None:
        with ExitStack() as ends:
            for publisher in self._outputs.values():
                ends.callback(self.destroy_lifecycle_publisher, publisher)
            if self._power_source is not None:
                ends.callback(self._power_source.close)
            self._outputs, self._power_source, self._models = {}, None, None

    def _check_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        return parameters.check(changes)

    def _apply_parameters(self, changes: list[Parameter]) -> None:
        if self._session is not None:
            self._session.apply(parameters.values(self))
        if self._power_loop is not None:
            self._power_loop.apply(governor_settings(parameters.values(self)))
        # Beside those of the table there are rclpy's own, use_sim_time for one.
        rows = [parameters.ROWS[c.name] for c in changes if c.name in parameters.ROWS]
        for when, exists in (
            ('on configure', self._models is not None),
            ('on activate', self._session is not None),
        ):
            later = ', '.join(row.name for row in rows if row.when == when)
            if later and exists:
                self.get_logger().info(f'{later}: takes effect {when}, not before')

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
