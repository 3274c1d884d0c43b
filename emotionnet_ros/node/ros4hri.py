# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tells ROS4HRI (REP-155) which faces are there and what they express: ``hri_msgs``.

``ros2 run emotionnet_ros ros4hri`` beside the node. REP-155 wants topics of each face's own, which
come and go with it, and a list of the faces that are there.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import rclpy
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Header

from emotionnet_ros.msg import Expression, ExpressionArray

# The constants of hri_msgs/Expression. There is none for contempt and none for unknown.
HRI_EXPRESSIONS = {
    Expression.NEUTRAL: 'neutral',
    Expression.HAPPINESS: 'happy',
    Expression.SURPRISE: 'surprised',
    Expression.SADNESS: 'sad',
    Expression.ANGER: 'angry',
    Expression.DISGUST: 'disgusted',
    Expression.FEAR: 'scared',
}
# What REP-155 recommends for ids and what ROS allows in the name of a topic.
FACE_ID = re.compile(r'[A-Za-z][A-Za-z0-9_]*')
CHECK_PERIOD = 0.2
MISSING = 3  # exit status


@dataclass(frozen=True, slots=True)
class HriMessages:
    """The two message types that are needed; see ``import_hri_messages``."""

    expression: Any
    ids_list: Any


def import_hri_messages() -> HriMessages:
    """Give the message types of hri_msgs.

    Raises
    ------
    ImportError
        It is not installed or not sourced.
    """
    from hri_msgs.msg import Expression as HriExpression
    from hri_msgs.msg import IdsList

    return HriMessages(HriExpression, IdsList)


def hri_fields(face: Expression) -> dict[str, Any]:
    """Give what hri_msgs/Expression says of a face.

    Valence and arousal are not estimated and therefore NaN. Where there is no constant, the
    expression is empty and its confidence 0.
    """
    name = HRI_EXPRESSIONS.get(face.expression, '')
    return {
        'header': face.header,
        'expression': name,
        'confidence': face.confidence if name else 0.0,
        'valence': math.nan,
        'arousal': math.nan,
    }


@dataclass(slots=True)
class _Face:
    publisher: Any
    seen: float
    expression: str = ''


class Bridge:
    """Publishes answers as REP-155 wants them.

    Parameters
    ----------
    create_publisher, destroy_publisher
        Those of a node; the first takes a message type and a topic.
    messages
        The message types.
    namespace
        Of the faces, ``/humans/faces`` in REP-155.
    max_missed
        Seconds after which a face that is not seen is gone.
    """

    def __init__(
        self,
        create_publisher: Callable[[Any, str], Any],
        destroy_publisher: Callable[[Any], object],
        messages: HriMessages,
        namespace: str = '/humans/faces',
        max_missed: float = 1.0,
    ) -> None:
        self._create, self._destroy = create_publisher, destroy_publisher
        self._messages = messages
        self._namespace = namespace.rstrip('/')
        self._max_missed = max_missed
        self._faces: dict[str, _Face] = {}
        self._tracked = create_publisher(messages.ids_list, f'{self._namespace}/tracked')

    def answer(self, message: ExpressionArray, now: float) -> None:
        """Take over one answer; ``now`` in seconds of a steady clock."""
        faces = [face for face in message.expressions if FACE_ID.fullmatch(face.face_id)]
        for face in faces:
            if face.face_id not in self._faces:
                topic = f'{self._namespace}/{face.face_id}/expression'
                publisher = self._create(self._messages.expression, topic)
                self._faces[face.face_id] = _Face(publisher, now)
            self._faces[face.face_id].seen = now
        self._destroy_gone(now)
        self._list(message.header)  # first, as listeners look for topics of faces in the list
        for face in faces:
            self._express(self._faces[face.face_id], hri_fields(face))

    def drop_gone(self, now: float, header: Header) -> None:
        """Let go of faces that were not seen for long, where no answers come any more."""
        if self._destroy_gone(now):
            self._list(header)

    def close(self, header: Header) -> None:
        """Say that nobody is there any more, and let go of all topics."""
        self.drop_gone(math.inf, header)
        # Destroyed at once, it might take its last message with it.
        self._tracked.wait_for_all_acked(Duration(seconds=0.5))
        self._destroy(self._tracked)

    def _express(self, face: _Face, fields: dict[str, Any]) -> None:
        # Listeners complain of each name that they do not know: an empty one is said once.
        if fields['expression'] or face.expression:
            face.publisher.publish(self._messages.expression(**fields))
        face.expression = fields['expression']

    def _list(self, header: Header) -> None:
        self._tracked.publish(self._messages.ids_list(header=header, ids=list(self._faces)))

    def _destroy_gone(self, now: float) -> bool:
        gone = [key for key, face in self._faces.items() if now - face.seen > self._max_missed]
        for face_id in gone:
            self._destroy(self._faces.pop(face_id).publisher)
        return bool(gone)


class Ros4HriNode(Node):  # type: ignore[misc]
    """Feeds the answers of the topic ``expressions`` to a Bridge."""

    def __init__(self, messages: HriMessages) -> None:
        super().__init__('ros4hri')
        namespace = self.declare_parameter('faces', '/humans/faces').value
        max_missed = self.declare_parameter('max_missed', 1.0).value
        self._bridge = Bridge(
            lambda kind, topic: self.create_publisher(kind, topic, QoSProfile(depth=10)),
            self.destroy_publisher,
            messages,
            str(namespace),
            float(max_missed),
        )
        answers = self.create_subscription(
            ExpressionArray, 'expressions', self._on_expressions, QoSProfile(depth=10)
        )
        self.create_timer(CHECK_PERIOD, self._check)
        self.get_logger().info(f'{answers.topic_name} as hri_msgs under {namespace}')

    def close(self) -> None:
        """Say that nobody is there any more."""
        self._bridge.close(self._header())

    def _on_expressions(self, message: ExpressionArray) -> None:
        self._bridge.answer(message, time.monotonic())

    def _check(self) -> None:
        self._bridge.drop_gone(time.monotonic(), self._header())

    def _header(self) -> Header:
        return Header(stamp=self.get_clock().now().to_msg())


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 3 where hri_msgs is not installed."""
    try:
        messages = import_hri_messages()
    except ImportError as error:
        distribution = os.environ.get('ROS_DISTRO', '<distribution>')
        print(
            f'ros4hri: hri_msgs cannot be had ({error}): '
            f'sudo apt install ros-{distribution}-hri-msgs, or build '
            'https://github.com/ros4hri/hri_msgs (branch humble-devel) in the workspace; then '
            'source it anew',
            file=sys.stderr,
        )
        return MISSING
    # rclpy's own handler would end the context before the last list is published.
    rclpy.init(
        args=None if arguments is None else list(arguments),
        signal_handler_options=SignalHandlerOptions.NO,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        node = Ros4HriNode(messages)
        with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
            rclpy.spin(node)
        node.close()
    finally:
        rclpy.try_shutdown()
    return 0
