# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A subscription to one camera topic that fits its publisher, and counts of what came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import CompressedImage, Image

from emotionnet_ros.imaging import RawImage
from emotionnet_ros.node import qos
from emotionnet_ros.node.counts import FrameCounter, LossCounter
from emotionnet_ros.node.topics import is_compressed
from emotionnet_ros.pipeline import EncodedImage

ImageMessage: TypeAlias = 'Image | CompressedImage'

_RELIABILITIES = {
    'reliable': ReliabilityPolicy.RELIABLE,
    'best_effort': ReliabilityPolicy.BEST_EFFORT,
}


class ImageSubscription:
    """Subscribes to one image topic and hands each message on; closed at first.

    With reliability ``auto``, the subscription asks for what the publishers offer: best effort
    loses most frames of a size between processes, and reliable gets nothing from a best-effort
    publisher. Call ``match_publishers`` now and then, as publishers come and go. An override of
    the user wins over that and over ``reliability``.

    Parameters
    ----------
    node
        What the subscription is made of.
    topic
        As the user gives it: relative or absolute, before remapping. One that ends in
        ``/compressed`` carries sensor_msgs/CompressedImage.
    reliability
        ``auto``, ``reliable`` or ``best_effort``.
    receive
        Takes each message.
    counter
        Counts those received and those lost.

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
        receive: Callable[[ImageMessage], None],
        counter: FrameCounter,
    ) -> None:
        self._node = node
        self._type: type[Any] = CompressedImage if is_compressed(topic) else Image
        self._given_topic = topic
        self._full_topic: str = node.resolve_topic_name(topic)
        self._receive = receive
        self._counter = counter
        self._losses = LossCounter()
        self._publisher_ids: set[bytes] = set()
        self._subscription: Subscription | None = None
        overridden = qos.overridden_reliability(node, self._full_topic)
        self._overridden = overridden is not None
        self._automatic = reliability == 'auto' and not self._overridden
        self._reliability = _RELIABILITIES.get(reliability, ReliabilityPolicy.BEST_EFFORT)
        if overridden is not None:
            self._reliability = overridden
            node.get_logger().info(
                f'{self._full_topic}: {overridden.name.lower()}, as its qos_overrides say; '
                f'camera.reliability ({reliability}) does not apply'
            )

    @property
    def topic(self) -> str:
        """The topic after remapping; may be asked from any thread, and after ``close``."""
        return self._full_topic

    @property
    def is_open(self) -> bool:
        """Whether it is subscribed."""
        return self._subscription is not None

    def open(self) -> None:
        """Subscribe, unless that is so.

        Raises
        ------
        ValueError
            An override of the quality of service is wrong.
        """
        if self._subscription is None:
            self._losses = LossCounter()
            self._reliability = self._fitting_reliability(self._offers())
            self._subscription = self._subscribe()

    def close(self) -> None:
        """Unsubscribe, unless that is so."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def match_publishers(self) -> None:
        """Subscribe anew when the publishers offer another reliability."""
        offers = self._offers()
        if not self._has_the_same_publisher(offers):
            self._losses = LossCounter()
        fitting = self._fitting_reliability(offers)
        if fitting != self._reliability and self.is_open:
            self.close()
            self.open()
            self._node.get_logger().info(
                f'Subscribed anew to {self.topic}: {fitting.name.lower()}, as its publishers offer'
            )

    def describe_publishers(self) -> str:
        """Say who publishes on the topic, for a message to people."""
        offers = self._offers()
        kinds = [
            f'{offer.node_namespace.rstrip("/")}/{offer.node_name}: {offer.topic_type}, '
            f'{offer.qos_profile.reliability.name.lower()}'
            for offer in offers
        ]
        wanted = f'{self._type.__module__.split(".")[0]}/msg/{self._type.__name__}'
        source = ' (qos_overrides)' if self._overridden else ''
        return (
            f'{len(offers)} publishers{" (" + "; ".join(kinds) + ")" if kinds else ""}; '
            f'wanted: {wanted}, {self._reliability.name.lower()}{source}'
        )

    def _offers(self) -> list[TopicEndpointInfo]:
        infos: list[TopicEndpointInfo] = self._node.get_publishers_info_by_topic(self._full_topic)
        return infos

    def _fitting_reliability(self, offers: list[TopicEndpointInfo]) -> ReliabilityPolicy:
        """Choose what the publishers offer; where there are none, what was chosen before."""
        if not self._automatic or not offers:
            return self._reliability
        if {offer.qos_profile.reliability for offer in offers} == {ReliabilityPolicy.RELIABLE}:
            return ReliabilityPolicy.RELIABLE
        return ReliabilityPolicy.BEST_EFFORT

    def _subscribe(self) -> Subscription:
        profile = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=1,  # an older frame is never wanted
            reliability=self._reliability,
            durability=DurabilityPolicy.VOLATILE,
        )
        with qos.naming_the_topic(self._full_topic):
            return self._node.create_subscription(
                self._type,
                self._given_topic,
                self._on_image,
                profile,
                qos_overriding_options=qos.overriding_options(reliability=False),
            )

    def _has_the_same_publisher(self, offers: list[TopicEndpointInfo]) -> bool:
        """Whether there is one publisher, the same as when this was last asked."""
        before, self._publisher_ids = self._publisher_ids, {bytes(o.endpoint_gid) for o in offers}
        return len(self._publisher_ids) == 1 and self._publisher_ids == before

    def _on_image(self, message: ImageMessage, info: dict[str, int]) -> None:
        lost = self._losses.lost_before(info['publication_sequence_number'])
        if lost and not self._has_the_same_publisher(self._offers()):
            lost = 0  # each publisher numbers its own, and a message does not say whose it is
        self._counter.add(received=1, lost=lost)
        self._receive(message)


def image_of(message: ImageMessage) -> RawImage | EncodedImage:
    """Refer to the pixels of a message, without a copy."""
    if isinstance(message, CompressedImage):
        return EncodedImage(message.data, message.format)
    return RawImage(
        message.width,
        message.height,
        message.encoding,
        message.step,
        bool(message.is_bigendian),
        message.data,
    )
