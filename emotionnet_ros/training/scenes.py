# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ready-made face crops put back into scenes, and what a detector finds there.

A camera's image is imitated round each crop, so that the node's own way from image to crop can be
compared with the crop that the data set gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.expressions import Box
from emotionnet_ros.faces.detection import Detector
from emotionnet_ros.imaging import Frame, RawImage, decode, face_crop

WIDTH, HEIGHT = 640, 480
CROP_SIZE = 48
MIN_SIDE, MAX_SIDE = 16.0, 400.0

# How far out the surroundings fade into an even grey, in sides of the crop.
_FADE = 0.2


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a ready-made crop lies in its scene: side and upper left corner, in pixels."""

    side: float
    left: float
    top: float

    @property
    def box(self) -> Box:
        """The crop's square."""
        return Box(self.left, self.top, self.side, self.side)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One scene and what a detector found in it.

    ``box`` is the most confident detection whose centre lies inside the ready-made crop; None
    where there is none. ``elsewhere`` counts the detections outside it: nobody is there.
    """

    frame: Frame
    placement: Placement
    box: Box | None
    elsewhere: int


def placements(count: int, sides: tuple[float, float], seed: int) -> list[Placement]:
    """Draw places for crops, wholly inside the scene, at any fraction of a pixel.

    The sides, in pixels, are uniform in ratio between the two given.

    Raises
    ------
    ValueError
        If the sides are not in ascending order within MIN_SIDE..MAX_SIDE.
    """
    smallest, largest = sides
    if not MIN_SIDE <= smallest <= largest <= MAX_SIDE:
        raise ValueError(
            f'sides {smallest:g} to {largest:g}: give two in ascending order, within '
            f'{MIN_SIDE:g}..{MAX_SIDE:g} pixels'
        )
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(count):
        side = float(smallest * (largest / smallest) ** generator.uniform())
        left, top = (float(generator.uniform(0, n - side)) for n in (WIDTH, HEIGHT))
        drawn.append(Placement(side, left, top))
    return drawn


def make_scene(crop: NDArray[np.uint8], placement: Placement) -> NDArray[np.uint8]:
    """Paint a scene round a crop, without any edge where the crop ends.

    Outside, the crop's border pixels go on and fade into their mean. (Mirrored, the crop would
    make faces of its own, and detectors do find them.)

    Parameters
    ----------
    crop
        uint8 [48, 48], grey.
    placement
        Where it goes.

    Returns
    -------
    NDArray[np.uint8]
        [480, 640], grey.
    """
    border = np.concatenate([crop[0], crop[-1], crop[:, 0], crop[:, -1]])
    pixels = min(len(crop), int(np.ceil(placement.side)))
    if pixels < len(crop):  # the pixels of a camera average: nothing is skipped
        crop = np.asarray(cv2.resize(crop, (pixels, pixels), interpolation=cv2.INTER_AREA))
    # Only the crop and its surroundings are painted; the rest is even.
    margin = (0.5 + _FADE) * placement.side
    centre_x, centre_y = placement.box.center
    columns, rows = (
        np.arange(max(0, int(centre - margin)), min(length, int(centre + margin) + 1))
        for centre, length in ((centre_x, WIDTH), (centre_y, HEIGHT))
    )
    # Pixel i covers [i, i + 1): its centre is at i + 0.5.
    step = pixels / placement.side
    to_crop = np.array(
        [
            [step, 0.0, (columns[0] + 0.5 - placement.left) * step - 0.5],
            [0.0, step, (rows[0] + 0.5 - placement.top) * step - 0.5],
        ]
    )
    painted = cv2.warpAffine(
        crop,
        to_crop,
        (len(columns), len(rows)),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float32)
    beyond_x, beyond_y = (
        np.maximum(np.abs(pixel + 0.5 - centre) - placement.side / 2, 0)
        for pixel, centre in ((columns, centre_x), (rows, centre_y))
    )
    distance = np.hypot(beyond_x[None, :], beyond_y[:, None])
    share = np.clip(distance / (_FADE * placement.side), 0, 1).astype(np.float32)
    share *= share * (3 - 2 * share)
    painted += share * (np.float32(border.mean()) - painted)
    scene = np.full((HEIGHT, WIDTH), np.rint(border.mean()), np.uint8)
    scene[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = np.rint(painted)
    return scene


def look(
    crops: Iterable[NDArray[np.uint8]], places: Iterable[Placement], detector: Detector
) -> Iterator[Sighting]:
    """Put each crop into a scene, decode it as a camera's grey image and run the detector."""
    for crop, placement in zip(crops, places, strict=True):
        scene = make_scene(crop, placement)
        frame = decode(RawImage(WIDTH, HEIGHT, 'mono8', WIDTH, False, scene))
        boxes = [detection.box for detection in detector.detect(frame)]
        inside = [box for box in boxes if _centre_inside(box, placement)]
        yield Sighting(frame, placement, inside[0] if inside else None, len(boxes) - len(inside))


def cut(sighting: Sighting, box: Box, side_over_box: float, shift_y: float) -> NDArray[np.uint8]:
    """Cut the crop out of a scene as the node does; uint8 [48, 48]."""
    return np.asarray(
        face_crop(
            sighting.frame, box, side_over_box=side_over_box, shift_y=shift_y, size=CROP_SIZE
        )
    )


def _centre_inside(box: Box, placement: Placement) -> bool:
    x, y = box.center
    return (
        0 <= x - placement.left < placement.side
        and 0 <= y - placement.top < placement.side
        and box.area > 0
    )
