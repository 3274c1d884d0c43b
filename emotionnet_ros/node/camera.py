# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One camera topic: a subscription that fits its publisher, and counts of what came."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from emotionnet_ros.imaging import RawImage
from emotionnet_ros.pipeline import EncodedImage

ImageMessage: TypeAlias = 'Image | CompressedImage'

_RELIABILITIES = {
    'reliable': ReliabilityPolicy.RELIABLE,
    'best_effort': ReliabilityPolicy.BEST_EFFORT,
}


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Frames since activation; see msg/Timing.msg."""

    received: int = 0
    processed: int = 0
    skipped: int = 0
    lost: int = 0


class FrameCounter:
    """Counts frames from several threads; the counts are read at one moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = FrameCounts()

    def add(self, **counts: int) -> FrameCounts:
        """Add to some counts, by name, and give all of them."""
        with self._lock:
            self._counts = replace(
                self._counts,
                **{name: getattr(self._counts, name) + n for name, n in counts.items()},
            )
            return self._counts


class LossCounter:
    """Frames that one publisher sent and that never came, from the numbers it gives them."""

    def __init__(self) -> None:
        self._last: int | None = None

    def lost_before(self, sequence_number: int) -> int:
        """Take the number of a frame that came; give how many are missing just before it."""
        last, self._last = self._last, sequence_number
        # A number that does not rise is that of another publisher.
        return sequence_number - last - 1 if last is not None and sequence_number > last else 0


class Camera:
    """Subscribes to one image topic and hands each message on.

    With reliability ``auto``, the subscription asks for what the publishers offer: best effort
    loses most frames of a size between processes, and reliable gets nothing from a best-effort
    publisher. Call ``match_publishers`` now and then, as publishers come and go.
    """

    def __init__(
        self,
        node: Node,
        compressed: bool,
        reliability: str,
        receive: Callable[[ImageMessage], None],
        counter: FrameCounter,
    ) -> None:
        self._node = node
        self._type: type[Any] = CompressedImage if compressed else Image
        self._topic = 'image/compressed' if compressed else 'image'
        self._full_topic: str = node.resolve_topic_name(self._topic)
        self._automatic = reliability == 'auto'
        self._receive = receive
        self._counter = counter
        self._losses = LossCounter()
        self._publishers: set[bytes] = set()
        self._reliability = _RELIABILITIES.get(reliability, ReliabilityPolicy.BEST_EFFORT)
        self._subscription = self._subscribe()
        self.match_publishers()

    @property
    def topic(self) -> str:
        """The topic after remapping; may be asked from any thread, and after ``close``."""
        return self._full_topic

    def describe_publishers(self) -> str:
        """Say who publishes on the topic, for a message to people."""
        offers = self._node.get_publishers_info_by_topic(self.topic)
        kinds = [
            f'{offer.node_namespace.rstrip("/")}/{offer.node_name}: {offer.topic_type}, '
            f'{offer.qos_profile.reliability.name.lower()}'
            for offer in offers
        ]
        wanted = f'{self._type.__module__.split(".")[0]}/msg/{self._type.__name__}'
        return (
            f'{len(offers)} publishers{" (" + "; ".join(kinds) + ")" if kinds else ""}; '
            f'wanted: {wanted}, {self._reliability.name.lower()}'
        )

    def match_publishers(self) -> None:
        """Subscribe anew when the publishers offer another reliability."""
        if not self._has_the_same_publisher():
            self._losses = LossCounter()
        if not self._automatic:
            return
        offers = {
            offer.qos_profile.reliability
            for offer in self._node.get_publishers_info_by_topic(self.topic)
        }
        if not offers:
            return
        fitting = (
            ReliabilityPolicy.RELIABLE
            if offers == {ReliabilityPolicy.RELIABLE}
            else ReliabilityPolicy.BEST_EFFORT
        )
        if fitting != self._reliability:
            self._reliability = fitting
            self._node.destroy_subscription(self._subscription)
            self._losses = LossCounter()
            self._subscription = self._subscribe()
            self._node.get_logger().info(
                f'Subscribed anew to {self.topic}: {fitting.name.lower()}, as its publishers offer'
            )

    def close(self) -> None:
        """Unsubscribe."""
        self._node.destroy_subscription(self._subscription)

    def _subscribe(self) -> Subscription:
        profile = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=1,  # an older frame is never wanted
            reliability=self._reliability,
            durability=DurabilityPolicy.VOLATILE,
        )
        return self._node.create_subscription(self._type, self._topic, self._on_image, profile)

    def _has_the_same_publisher(self) -> bool:
        """Whether there is one publisher, the same as when this was last asked."""
        offers = self._node.get_publishers_info_by_topic(self._full_topic)
        before, self._publishers = self._publishers, {bytes(o.endpoint_gid) for o in offers}
        return len(self._publishers) == 1 and self._publishers == before

    def _on_image(self, message: ImageMessage, info: dict[str, int]) -> None:
        lost = self._losses.lost_before(info['publication_sequence_number'])
        if lost and not self._has_the_same_publisher():
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
