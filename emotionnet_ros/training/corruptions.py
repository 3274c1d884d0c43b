# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between a face and the network, at three strengths, to evaluate under.

The same kinds of trouble as in ``augmentation``, but each alone, at a fixed strength, with the
real JPEG encoder, and without torch. All is drawn from a seed; the strengths of a corruption share
their draws (directions, places, grains), so that they differ in nothing but strength.

``python -m emotionnet_ros.training.corruptions`` prints the table in Markdown.
"""

from __future__ import annotations

import math
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Images: TypeAlias = 'NDArray[np.uint8]'
# Takes images, uint8 [N, side, side], an amount and a source of randomness.
Effect: TypeAlias = 'Callable[[Images, float, np.random.Generator], Images]'

STRENGTHS = ('mild', 'middle', 'strong')
# Sensor noise that stays when the light goes, in grey levels.
DIM_NOISE = 1.5


def _grey_levels(values: NDArray[np.floating]) -> Images:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


def _each(images: Images, change: Callable[[Images, int], Images]) -> Images:
    """Apply ``change`` to every image and its index."""
    result = np.empty_like(images)
    for i, image in enumerate(images):
        result[i] = change(image, i)
    return result


def _signs(count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    return np.where(generator.random(count) < 0.5, -1.0, 1.0)


def _angles(count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    return generator.uniform(0, 2 * math.pi, count)


def _warp(image: Images, zoom: float, turn_deg: float, move: tuple[float, float]) -> Images:
    """Zoom and turn about the centre, then move; what comes from outside is mirrored in."""
    height, width = image.shape
    centre = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, turn_deg, zoom)
    matrix[:, 2] += move
    # Bicubic: bilinear would blur as well, as a crop from a larger picture does not.
    return np.asarray(
        cv2.warpAffine(
            image,
            matrix,
            (width, height),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT,
        ),
        dtype=np.uint8,
    )


def shift(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Move the face out of the middle, in any direction."""
    angles = _angles(len(images), generator)
    distance = amount * images.shape[-1]
    moves = np.stack([np.cos(angles), np.sin(angles)], axis=1) * distance
    return _each(images, lambda image, i: _warp(image, 1.0, 0.0, (moves[i, 0], moves[i, 1])))


def zoom(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Magnify the face: a box that is too tight, or below 1 too wide."""
    _ = generator
    return _each(images, lambda image, _: _warp(image, amount, 0.0, (0.0, 0.0)))


def rotation(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Tilt the head to one side or the other."""
    turns = amount * _signs(len(images), generator)
    return _each(images, lambda image, i: _warp(image, 1.0, float(turns[i]), (0.0, 0.0)))


def dim_light(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Take light away; the sensor's noise and the rounding to whole grey levels stay."""
    grain = DIM_NOISE * generator.standard_normal(images.shape)
    return _grey_levels(images * amount + grain)


def uneven_light(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Light from one side: the bright edge as it is, the dark edge with ``amount`` of the light.

    The gain falls off exponentially along the direction.
    """
    angles = _angles(len(images), generator)[:, None, None]
    side = images.shape[-1]
    axis = (np.arange(side) + 0.5) / side - 0.5
    along = np.cos(angles) * axis[None, None, :] + np.sin(angles) * axis[None, :, None]
    reach = (np.abs(np.cos(angles)) + np.abs(np.sin(angles))) / 2  # of the farthest corner
    return _grey_levels(images * amount ** (0.5 * along / reach + 0.5))


def blur(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Put the face out of focus: a Gaussian of standard deviation ``amount``."""
    _ = generator
    return _each(
        images,
        lambda image, _: np.asarray(cv2.GaussianBlur(image, (0, 0), amount), dtype=np.uint8),
    )


def motion_kernel(length: float, angle: float) -> NDArray[np.float64]:
    """Path of a point that moves evenly over ``length`` pixels, as a kernel that sums to 1."""
    half = math.ceil(length / 2)
    axis = np.arange(-half, half + 1)
    # Bilinear shares of the pixels about each of many places on the path.
    path = np.linspace(-length / 2, length / 2, 16 * half + 1)[:, None]
    across = np.maximum(0, 1 - np.abs(axis - path * math.cos(angle)))
    down = np.maximum(0, 1 - np.abs(axis - path * math.sin(angle)))
    kernel = np.einsum('py,px->yx', down, across)
    return np.asarray(kernel / kernel.sum())


def motion_blur(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Move the head or the camera during the exposure, in any direction."""
    angles = _angles(len(images), generator)
    return _each(
        images,
        lambda image, i: np.asarray(
            cv2.filter2D(image, -1, motion_kernel(amount, float(angles[i]))), dtype=np.uint8
        ),
    )


def noise(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Add the noise of a sensor with its gain up."""
    return _grey_levels(images + amount * generator.standard_normal(images.shape))


def jpeg(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Compress a face of just this size with OpenCV's encoder, and decode it again."""
    _ = generator

    def round_trip(image: Images, _: int) -> Images:
        encoded = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, round(amount)])[1]
        return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)

    return _each(images, round_trip)


def low_resolution(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Enlarge a distant face of ``amount`` pixels, bilinearly as the node does."""
    _ = generator
    small, side = round(amount), images.shape[-1]

    def enlarge(image: Images, _: int) -> Images:
        reduced = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        enlarged = cv2.resize(reduced, (side, side), interpolation=cv2.INTER_LINEAR)
        return np.asarray(enlarged, dtype=np.uint8)

    return _each(images, enlarge)


def occlusion(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Hold something flat and square before the face, anywhere within the crop."""
    side = images.shape[-1]
    size = round(amount * side)
    places = generator.random((len(images), 2))
    greys = generator.integers(0, 256, len(images))
    result = images.copy()
    for image, place, grey in zip(result, places, greys, strict=True):
        top, left = np.rint(place * (side - size)).astype(int)
        image[top : top + size, left : left + size] = grey
    return result


def mirror(images: Images, amount: float, generator: np.random.Generator) -> Images:
    """Swap left and right."""
    _ = amount, generator
    return np.ascontiguousarray(images[:, :, ::-1])


@dataclass(frozen=True)
class Corruption:
    """One kind of trouble: what it does, how much at each strength, and what the amount is."""

    effect: Effect
    amounts: Mapping[str, float]
    unit: str


def _row(effect: Effect, mild: float, middle: float, strong: float, unit: str) -> Corruption:
    return Corruption(effect, dict(zip(STRENGTHS, (mild, middle, strong), strict=True)), unit)


# Pixels and sizes are those of a crop of 48x48 pixels. The middle is what a robot meets every day;
# training draws from about the same range (bounds in augmentation.py), strong lies at its end or
# beyond.
CORRUPTIONS: Mapping[str, Corruption] = {
    # A detector's box is off by a few percent of its side from frame to frame.
    'shift': _row(shift, 0.04, 0.08, 0.12, 'of the side'),
    'magnified': _row(zoom, 1.1, 1.15, 1.3, 'times as large'),
    'reduced': _row(zoom, 0.9, 0.85, 0.75, 'times as large'),
    'rotation': _row(rotation, 7, 15, 25, 'degrees'),
    # Evening indoors at a fixed exposure; a tenth leaves a face some 15 grey levels.
    'dim_light': _row(dim_light, 0.5, 0.25, 0.1, 'of the light'),
    'uneven_light': _row(uneven_light, 0.5, 0.25, 0.125, 'of the light on the dark edge'),
    'blur': _row(blur, 0.8, 1.2, 1.8, 'pixels, standard deviation'),
    # A face of 48 pixels that crosses a VGA picture in 4 s moves 5 pixels in 1/30 s.
    'motion_blur': _row(motion_blur, 3, 5, 7, 'pixels in the exposure'),
    'noise': _row(noise, 6, 12, 20, 'grey levels, standard deviation'),
    'jpeg': _row(jpeg, 50, 25, 12, 'JPEG quality'),
    'low_resolution': _row(low_resolution, 32, 24, 16, 'pixels a side'),
    'occlusion': _row(occlusion, 0.2, 0.3, 0.4, 'of the side'),
    # There is no more or less of it.
    'mirror': Corruption(mirror, {'middle': 1.0}, ''),
}


def corrupt(images: Images, name: str, strength: str, seed: int = 0) -> Images:
    """Corrupt every image; the same images, names and seed give the same result.

    Parameters
    ----------
    images
        uint8 [N, side, side], grey; left as it is.
    name
        A key of CORRUPTIONS.
    strength
        One of STRENGTHS, a key of the corruption's amounts.
    seed
        Decides directions, places and grains.

    Returns
    -------
    NDArray[np.uint8]
        [N, side, side].
    """
    corruption = CORRUPTIONS[name]
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return corruption.effect(images, corruption.amounts[strength], generator)


def title(name: str) -> str:
    """Name of a corruption as people write it."""
    return name.replace('_', ' ')


def markdown() -> str:
    """Render the table for documents."""
    lines = ['| corruption | mild | middle | strong | the amount |', '|' + '---|' * 5]
    for name, corruption in CORRUPTIONS.items():
        has_strengths = len(corruption.amounts) > 1
        cells = [
            f'{corruption.amounts[s]:g}' if has_strengths and s in corruption.amounts else ''
            for s in STRENGTHS
        ]
        lines.append('| ' + ' | '.join([title(name), *cells, corruption.unit]) + ' |')
    return '\n'.join(lines) + '\n'


if __name__ == '__main__':
    sys.stdout.write(markdown())
