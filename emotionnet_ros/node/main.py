# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs the node until it is interrupted: ``ros2 run emotionnet_ros emotionnet``."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import rclpy
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
)
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from emotionnet_ros.node.emotion_node import NAME, EmotionNode


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 after an interrupt, 1 when a parameter given at start is bad."""
    rclpy.init(args=None if arguments is None else list(arguments))
    try:
        node = EmotionNode()
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        rclpy.logging.get_logger(NAME).fatal(f'A parameter given at start is refused: {error}')
        rclpy.try_shutdown()
        return 1
    # Resizing and some detectors would otherwise wake every core for tenths of a millisecond.
    cv2.setNumThreads(1)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        node.autostart()
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.stop()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0
