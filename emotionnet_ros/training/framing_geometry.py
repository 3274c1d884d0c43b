# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the ready-made crops lie relative to a detector's boxes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from emotionnet_ros.training.ferplus import DataError
from emotionnet_ros.training.scenes import Sighting

PERCENTILES = (5, 10, 25, 50, 75, 90, 95)


@dataclass(frozen=True)
class Framing:
    """How N found faces lie in their boxes, of ``count`` scenes that there were.

    ``side_over_box``, float64 [N], is the side of the ready-made crop over the longer side of the
    box; ``shift_x`` and ``shift_y``, float64 [N], are how far the crop's centre lies to the right
    of and below the box's, in sides of the crop. ``face``, int64 [N], tells which of them are one
    face at several places. ``elsewhere`` counts detections where nobody is.
    """

    count: int
    face: NDArray[np.int64]
    side_over_box: NDArray[np.float64]
    shift_x: NDArray[np.float64]
    shift_y: NDArray[np.float64]
    elsewhere: int

    def crop_numbers(self) -> tuple[float, float]:
        """Side over box and shift downwards that frame the median face as in training."""
        return float(np.median(self.side_over_box)), float(np.median(self.shift_y))

    def unrest(self) -> dict[str, float] | None:
        """Give the standard deviations over the places of one face: the detector's own part.

        Of the side in ratio and of the shifts in sides; None without a face found twice.
        """
        _, face, seen = np.unique(self.face, return_inverse=True, return_counts=True)
        freedom = len(face) - len(seen)
        if not freedom:
            return None

        def within(values: NDArray[np.float64]) -> float:
            means = np.bincount(face, weights=values) / seen
            return float(np.sqrt(np.sum((values - means[face]) ** 2) / freedom))

        return {
            'side_over_box': float(np.expm1(within(np.log(self.side_over_box)))),
            'shift_x': within(self.shift_x),
            'shift_y': within(self.shift_y),
        }

    def remaining(self, side_over_box: float, shift_y: float) -> Remaining:
        """Say how the node's crops, cut with these numbers, still differ from the ready-made."""
        scale = side_over_box / self.side_over_box
        return Remaining(scale, -self.shift_x, shift_y * scale - self.shift_y)


@dataclass(frozen=True)
class Remaining:
    """The node's crops against the ready-made ones, float64 [N] each.

    ``scale`` is the ratio of their sides; ``x`` and ``y`` say how far the node's crop lies to the
    right and below, in sides of the ready-made crop.
    """

    scale: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]

    def covered(self, jitter: Jitter) -> dict[str, float]:
        """Share of the faces, 0..1, that each bound of a jitter covers, and all of them."""
        within = {
            'scale': np.abs(np.log(self.scale)) <= np.log1p(jitter.scale),
            'x': np.abs(self.x) <= jitter.shift,
            'y': np.abs(self.y) <= jitter.shift,
        }
        shares = {name: float(inside.mean()) for name, inside in within.items()}
        return shares | {'all': float(np.all(list(within.values()), axis=0).mean())}

    def bounds(self, share: float) -> Jitter:
        """Bounds that cover this share of the faces, each for itself; of x and y the larger."""
        scale = np.quantile(np.abs(np.log(self.scale)), share)
        shift = max(np.quantile(np.abs(values), share) for values in (self.x, self.y))
        return Jitter(float(shift), float(np.expm1(scale)))


@dataclass(frozen=True)
class Jitter:
    """The bounds of training's jitter that framing is about; see ``augmentation.Geometry``."""

    shift: float
    scale: float


def measure(sightings: Iterable[Sighting], places: int = 1) -> Framing:
    """Compare the detector's boxes with the ready-made crops.

    Parameters
    ----------
    sightings
        In the order of the faces.
    places
        So many of them, one after the other, show the same face.

    Raises
    ------
    DataError
        If the detector found no face at all.
    """
    faces: list[int] = []
    rows: list[tuple[float, float, float]] = []
    count = elsewhere = 0
    for sighting in sightings:
        count += 1
        elsewhere += sighting.elsewhere
        if sighting.box is None:
            continue
        place, box = sighting.placement, sighting.box
        faces.append((count - 1) // places)
        (x, y), (box_x, box_y) = place.box.center, box.center
        rows.append(
            (
                place.side / max(box.width, box.height),
                (x - box_x) / place.side,
                (y - box_y) / place.side,
            )
        )
    if not rows:
        raise DataError(f'the detector found none of {count} faces: there is nothing to measure')
    side_over_box, shift_x, shift_y = np.array(rows, dtype=np.float64).T
    return Framing(count, np.array(faces, np.int64), side_over_box, shift_x, shift_y, elsewhere)


def read_jitter(path: Path) -> Jitter:
    """Read the bounds of the jitter from a training configuration; needs no torch.

    Raises
    ------
    DataError
        If the file cannot be read or has no such bounds.
    """
    try:
        geometry = yaml.safe_load(path.read_text(encoding='utf-8'))['geometry']
        return Jitter(float(geometry['shift']), float(geometry['scale']))
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f'{path}: cannot read geometry.shift and geometry.scale: {error}'
        ) from error


def as_dict(
    framing: Framing, present: tuple[float, float], jitters: dict[str, Jitter]
) -> dict[str, Any]:
    """Everything measured, ready for JSON; ``present`` are the detector's own crop numbers."""
    measured = framing.crop_numbers()
    remaining = framing.remaining(*present)
    needed = remaining.bounds(0.9)
    unrest = framing.unrest()
    return {
        'scenes': framing.count,
        'found': len(framing.side_over_box),
        'detections_elsewhere': framing.elsewhere,
        'measured': _numbers(measured),
        'present': _numbers(present),
        'box': {
            name: _percentiles(getattr(framing, name))
            for name in ('side_over_box', 'shift_x', 'shift_y')
        },
        'remaining': {
            name: _percentiles(getattr(remaining, name)) for name in ('scale', 'x', 'y')
        },
        'unrest': unrest and {name: round(value, 4) for name, value in unrest.items()},
        'bounds_for_90_percent': {
            'shift': round(needed.shift, 4),
            'scale': round(needed.scale, 4),
        },
        'jitter': {
            name: {
                'shift': jitter.shift,
                'scale': jitter.scale,
                'covered': {k: round(v, 4) for k, v in remaining.covered(jitter).items()},
            }
            for name, jitter in jitters.items()
        },
    }


def _numbers(numbers: tuple[float, float]) -> dict[str, float]:
    return {'side_over_box': round(numbers[0], 4), 'shift_y': round(numbers[1], 4)}


def _percentiles(values: NDArray[np.float64]) -> dict[str, float]:
    points = np.percentile(values, PERCENTILES)
    return {str(p): round(float(v), 4) for p, v in zip(PERCENTILES, points, strict=True)}


def table(result: dict[str, Any]) -> str:
    """Summarise the measurement in Markdown."""
    share = result['found'] / result['scenes']
    lines = [
        f'{result["detector"]}: {result["found"]} of {result["scenes"]} faces found '
        f'({share:.1%}), {result["detections_elsewhere"]} detections where nobody is',
        '',
        '| | ' + ' | '.join(f'{p} %' for p in PERCENTILES) + ' |',
        '|' + '---|' * (len(PERCENTILES) + 1),
    ]
    rows = {
        'ready-made crop: side over box': result['box']['side_over_box'],
        'shift to the right': result['box']['shift_x'],
        'shift downwards': result['box']['shift_y'],
        "node's crop: side over ready-made": result['remaining']['scale'],
        'too far right': result['remaining']['x'],
        'too far down': result['remaining']['y'],
    }
    for name, points in rows.items():
        lines.append(f'| {name} | ' + ' | '.join(f'{v:.3f}' for v in points.values()) + ' |')
    measured, present = result['measured'], result['present']
    needed = result['bounds_for_90_percent']
    lines += [
        '',
        f'crop_side_over_box: measured {measured["side_over_box"]:.3f}, the detector has '
        f'{present["side_over_box"]:g}; crop_shift_y: measured {measured["shift_y"]:.3f}, '
        f'the detector has {present["shift_y"]:g}',
        f'bounds that cover 90 % each: shift {needed["shift"]:.3f}, scale {needed["scale"]:.3f}',
    ]
    if unrest := result['unrest']:
        lines.append(
            'of this, one face from place to place (standard deviation): side '
            f'{unrest["side_over_box"]:.1%}, shift {unrest["shift_x"]:.3f} to the right, '
            f'{unrest["shift_y"]:.3f} downwards'
        )
    if result['jitter']:
        lines += ['', '| jitter | shift | scale | covers x | y | scale | all |', '|' + '---|' * 7]
    for name, jitter in result['jitter'].items():
        shares = (f'{jitter["covered"][key]:.1%}' for key in ('x', 'y', 'scale', 'all'))
        lines.append(
            f'| {name} | {jitter["shift"]:g} | {jitter["scale"]:g} | ' + ' | '.join(shares) + ' |'
        )
    return '\n'.join(lines)
