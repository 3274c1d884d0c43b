# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Publishes a video, pictures, a webcam or a built-in face as a camera topic.

``ros2 run emotionnet_ros player --ros-args -p source:=video.mp4 -p rate:=15.0``
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import rclpy
from numpy.typing import NDArray
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
)
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from emotionnet_ros.imaging.sources import SourceError, open_source

DEFAULT_RATE_HZ = 15.0
JPEG_QUALITY = 90


class Player(Node):  # type: ignore[misc]
    """Publishes one picture a tick, from the first again after the last.

    Raises
    ------
    SourceError
        The source cannot be opened or read.
    """

    def __init__(self) -> None:
        super().__init__('player')
        source = self._parameter(
            'source', '', 'Video, folder of pictures, picture or device; empty: built-in face.'
        )
        rate = self._parameter(
            'rate',
            0.0,
            f"Pictures a second; 0 is the source's own rate, or {DEFAULT_RATE_HZ:g}.",
            FloatingPointRange(from_value=0.0, to_value=1000.0),
        )
        self._loop = self._parameter('loop', True, 'Begin again after the last picture.')
        compressed = self._parameter('compressed', False, 'Publish JPEG on image/compressed.')
        self._frame_id = self._parameter('frame_id', 'camera', 'frame_id of the images.')
        self._wait = self._parameter(
            'wait_for_subscriber', False, 'Hold the first picture until somebody subscribes.'
        )
        best_effort = self._parameter('best_effort', False, 'Offer best effort, not reliable.')

        self._source = str(source)
        opened = open_source(self._source)
        self._pictures: Iterator[NDArray[np.uint8]] = opened.pictures
        self.rate_hz = float(rate) or opened.rate_hz or DEFAULT_RATE_HZ
        self._encode = _jpeg_message if compressed else _raw_message
        self._publisher = self.create_publisher(
            CompressedImage if compressed else Image,
            'image/compressed' if compressed else 'image',
            QoSProfile(
                depth=1,
                reliability=ReliabilityPolicy.BEST_EFFORT
                if best_effort
                else ReliabilityPolicy.RELIABLE,
            ),
        )
        self.get_logger().info(
            f'Playing {opened.name} at {self.rate_hz:g} pictures a second '
            f'on {self._publisher.topic_name}'
        )

    def play(self) -> None:
        """Publish until the end, or for ever when looping; times are kept on a steady clock."""
        while self._wait and rclpy.ok() and not self._publisher.get_subscription_count():
            rclpy.spin_once(self, timeout_sec=0.1)
        due = time.monotonic()
        while rclpy.ok():
            picture = next(self._pictures, None)
            if picture is None:
                if not self._loop:
                    self.get_logger().info(f'{self._source}: played to the end')
                    return
                self._pictures = open_source(self._source).pictures
                continue
            due = max(due, time.monotonic() - 1.0)  # after a long stop, do not catch up for ever
            while rclpy.ok() and (wait := due - time.monotonic()) > 0:
                rclpy.spin_once(self, timeout_sec=wait)
            if rclpy.ok():
                stamp = self.get_clock().now().to_msg()
                header = Header(stamp=stamp, frame_id=str(self._frame_id))
                self._publisher.publish(self._encode(picture, header))
            due += 1 / self.rate_hz

    def _parameter(
        self,
        name: str,
        default: bool | float | str,
        description: str,
        allowed: FloatingPointRange | None = None,
    ) -> bool | float | str:
        descriptor = ParameterDescriptor(
            description=description,
            read_only=True,
            floating_point_range=[allowed] if allowed else [],
        )
        value: bool | float | str = self.declare_parameter(name, default, descriptor).value
        return value


def _raw_message(picture: NDArray[np.uint8], header: Header) -> Image:
    height, width, channels = picture.shape
    message = Image(header=header, height=height, width=width, encoding='bgr8')
    message.step = width * channels
    # The setter takes a memory view of bytes as it is; a list or array is checked item by item.
    message.data = np.ascontiguousarray(picture).tobytes()
    return message


def _jpeg_message(picture: NDArray[np.uint8], header: Header) -> CompressedImage:
    _, data = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return CompressedImage(header=header, format='bgr8; jpeg compressed bgr8', data=data.tobytes())


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 when the source cannot be played or a parameter is bad."""
    rclpy.init(args=None if arguments is None else list(arguments))
    try:
        player = Player()
        player.play()
    except (
        SourceError,
        InvalidParameterTypeException,
        InvalidParameterValueException,
    ) as error:
        print(f'player: {error}', file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0
