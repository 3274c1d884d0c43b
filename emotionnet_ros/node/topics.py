# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The names of camera topics, as parameters give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rclpy.exceptions import InvalidTopicNameException
from rclpy.expand_topic_name import expand_topic_name
from rclpy.validate_full_topic_name import validate_full_topic_name

COMPRESSED_SUFFIX = '/compressed'


def camera_topics(value: Mapping[str, Any]) -> list[str]:
    """Give the topics to subscribe to, from the values of all parameters.

    An empty name stands for none: a parameter file cannot hold an empty list.
    """
    topics = [topic for topic in value['cameras'] if topic]
    return topics or ['image/compressed' if value['camera.compressed'] else 'image']


def is_compressed(topic: str) -> bool:
    """Whether a topic carries sensor_msgs/CompressedImage, by its name."""
    return topic.endswith(COMPRESSED_SUFFIX)


def fault_of_topics(topics: Sequence[str]) -> str:
    """Say what is wrong with a list of topics; empty where nothing is."""
    named = [topic for topic in topics if topic]
    for topic in named:
        try:
            validate_full_topic_name(expand_topic_name(topic, 'node', '/'))
        except (InvalidTopicNameException, ValueError) as error:
            return f'{topic!r} is no name of a topic: {" ".join(str(error).split())}'
    twice = sorted({topic for topic in named if named.count(topic) > 1})
    return f'{twice[0]!r} stands there twice' if twice else ''
