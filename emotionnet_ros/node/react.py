# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An example to copy: a robot that greets a smile, calms down anger and asks when it cannot tell.

It publishes what it would do on ``reaction``: ``ros2 run emotionnet_ros react``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import String

from emotionnet_ros.expressions import EXPRESSION_NAMES
from emotionnet_ros.msg import ExpressionArray
from emotionnet_ros.node.messages import seconds_of

# What to do about an expression, and for how many seconds it must last first.
REACTIONS: Mapping[str, tuple[str, float]] = {
    'happiness': ('greet', 0.5),
    'anger': ('calm_down', 1.0),
    'unknown': ('ask', 3.0),
}


@dataclass(frozen=True, slots=True)
class Sight:
    """The nearest face in one image: when the image was taken, how old it is, and the answer."""

    stamp: float
    age: float
    face_id: str
    expression: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Settings:
    """When to react; seconds and probabilities.

    An expression counts from ``min_confidence``, and goes on counting down to ``hysteresis``
    below it, so that a probability about the threshold does not begin anew all the time. The same
    face gets the same reaction again after ``cool_down`` at the earliest, any other reaction
    after ``pause``.
    """

    min_confidence: float = 0.6
    hysteresis: float = 0.15
    max_age: float = 0.5
    cool_down: float = 10.0
    pause: float = 2.0


class Reactor:
    """Decides what to do; knows no ROS and reads no clock."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._held = ('', '')  # face and expression that last
        self._since = 0.0
        self._newest = float('-inf')
        self._done: dict[tuple[str, str], float] = {}  # when each face got each reaction
        self._reacted = False  # to what lasts

    def decide(self, sight: Sight | None) -> str:
        """Give the reaction that is due, or ''; None says that nobody is there."""
        settings = self._settings
        if sight is None:
            self._held = ('', '')
            return ''
        if not 0 <= sight.age <= settings.max_age:  # not true of NaN, an unknown age, either
            return ''
        if sight.stamp < self._newest:  # a recording that begins again
            self._done.clear()
        if not 0 <= sight.stamp - self._newest <= settings.max_age:  # what lasted is not known
            self._held = ('', '')
        self._newest = sight.stamp

        shown = (sight.face_id, sight.expression)
        enough = settings.min_confidence - settings.hysteresis * (shown == self._held)
        # The confidence of an unknown face is that of a class which it does not have.
        sure = sight.expression == 'unknown' or sight.confidence >= enough
        if sight.expression not in REACTIONS or not sure:
            self._held = ('', '')
            return ''
        if shown != self._held:
            self._held, self._since, self._reacted = shown, sight.stamp, False
        reaction, hold = REACTIONS[sight.expression]
        if self._reacted or sight.stamp - self._since < hold:
            return ''
        return self._react(sight.face_id, reaction, sight.stamp)

    def _react(self, face_id: str, reaction: str, now: float) -> str:
        settings = self._settings
        longest = max(settings.cool_down, settings.pause)
        self._done = {key: then for key, then in self._done.items() if now - then < longest}
        last = self._done.get((face_id, reaction), float('-inf'))
        last_of_any = max(self._done.values(), default=float('-inf'))
        if now - last < settings.cool_down or now - last_of_any < settings.pause:
            return ''
        self._done[face_id, reaction] = now
        self._reacted = True
        return reaction


class ReactingRobot(Node):  # type: ignore[misc]
    """Feeds the answers to a Reactor; a real robot would speak or move in ``_do``."""

    def __init__(self) -> None:
        super().__init__('reacting_robot')
        defaults = Settings()
        values = {
            name: self.declare_parameter(name, getattr(defaults, name)).value
            for name in Settings.__dataclass_fields__
        }
        self._reactor = Reactor(Settings(**values))
        self._publisher = self.create_publisher(String, 'reaction', QoSProfile(depth=10))
        answers = self.create_subscription(
            ExpressionArray, 'expressions', self._on_expressions, QoSProfile(depth=1)
        )
        self.get_logger().info(
            f'Listening on {answers.topic_name}, reacting on {self._publisher.topic_name}'
        )

    def _on_expressions(self, message: ExpressionArray) -> None:
        sight = None
        if message.expressions:
            nearest = message.expressions[0]
            sight = Sight(
                seconds_of(message.header.stamp),
                message.timing.age,
                nearest.face_id,
                EXPRESSION_NAMES[nearest.expression],
                nearest.confidence,
            )
        reaction = self._reactor.decide(sight)
        if reaction and sight:
            self._do(reaction, sight)

    def _do(self, reaction: str, sight: Sight) -> None:
        self.get_logger().info(f'{reaction}: {sight.face_id} shows {sight.expression}')
        self._publisher.publish(String(data=reaction))


def main(arguments: Sequence[str] | None = None) -> int:
    """React until interrupted."""
    rclpy.init(args=None if arguments is None else list(arguments))
    try:
        rclpy.spin(ReactingRobot())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0
