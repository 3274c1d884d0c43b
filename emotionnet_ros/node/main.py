# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs the node until it is interrupted: ``ros2 run emotionnet_ros emotionnet``."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Sequence

import cv2
import rclpy
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
)
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation

from emotionnet_ros.node.emotion_node import NAME, EmotionNode

# So that what fails each time does not take the whole computer; images wait no longer than that.
PAUSE_AFTER_FAILURE = 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 after an interrupt, 1 when it cannot start, with the reason."""
    try:
        rclpy.init(args=None if arguments is None else list(arguments))
    except rclpy_implementation.RCLError as error:
        hint = ' Set ROS_LOG_DIR to a folder that can be written.' if 'log' in str(error) else ''
        return _not_started(f'{error}.{hint}')
    try:
        node = EmotionNode()
    except rclpy_implementation.RCLError as error:  # an enclave that cannot be used, for one
        rclpy.try_shutdown()
        return _not_started(f'{error}.')
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
        _spin(executor, node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.stop()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


def _not_started(reason: str) -> int:
    print(f'{NAME}: ROS 2 does not start: {" ".join(reason.split())}', file=sys.stderr)
    return 1


def _spin(executor: SingleThreadedExecutor, node: EmotionNode) -> None:
    """Execute callbacks until interrupted; one that raises is logged and ends nothing."""
    while node.context.ok():
        try:
            executor.spin()
        except ExternalShutdownException:
            return
        except Exception:
            if not node.context.ok():
                return  # interrupted: nobody is left to hear of it
            node.get_logger().fatal(f'A callback failed:\n{traceback.format_exc()}')
            time.sleep(PAUSE_AFTER_FAILURE)
