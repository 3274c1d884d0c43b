# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The image that was answered, with the answer drawn into it."""

from __future__ import annotations

import math

from sensor_msgs.msg import Image

from emotionnet_ros.imaging.annotation import Status, annotate
from emotionnet_ros.msg import PowerState
from emotionnet_ros.node.camera import Answer
from emotionnet_ros.node.subscription import image_of
from emotionnet_ros.pipeline import as_frame

TOPIC = 'image_annotated'


def annotated_image(answer: Answer, age: float, power: PowerState | None) -> Image:
    """Draw an answer into its image, which is converted for this once more.

    Parameters
    ----------
    answer
        To one image.
    age
        Of the image in seconds, NaN where unknown.
    power
        What was published last, None before the first.

    Returns
    -------
    Image
        bgr8, of the size, stamp and frame of the image.
    """
    picture = annotate(
        as_frame(image_of(answer.message)).bgr(), answer.result.faces, _status(age, power)
    )
    height, width = picture.shape[:2]
    message = Image(
        header=answer.message.header, height=height, width=width, encoding='bgr8', step=3 * width
    )
    message.data = picture.tobytes()
    return message


def _status(age: float, power: PowerState | None) -> Status:
    if power is None:
        return Status(age)
    return Status(
        age,
        power.operating_point,
        power.power if math.isfinite(power.power) else None,
        power.budget if power.budget > 0 else None,
    )
