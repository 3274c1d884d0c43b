# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a network gets right through a detector, beside what it gets right on ready-made crops."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.inference.classifier import Classifier
from emotionnet_ros.training.metrics import score
from emotionnet_ros.training.scenes import CROP_SIZE, Sighting, cut

# The three ways to a crop of one and the same image.
WAYS = {
    'ready_made': 'ready-made crop',
    'exact': 'scene, exact box',
    'detector': 'scene, detector',
}
_BATCH = 256


@dataclass(frozen=True)
class Crops:
    """N faces in scenes, cut in two ways.

    ``found`` is bool [N]; ``detector``, uint8 [N, 48, 48], are the node's crops, black where the
    face was not found; ``exact``, uint8 [N, 48, 48], are cut where the face was put: they show
    what the scene's resolution alone costs. ``elsewhere`` counts detections where nobody is.
    """

    found: NDArray[np.bool_]
    detector: NDArray[np.uint8]
    exact: NDArray[np.uint8]
    elsewhere: int


def cut_crops(sightings: Iterable[Sighting], side_over_box: float, shift_y: float) -> Crops:
    """Cut the face out of every scene, by the detector's box and by the exact one."""
    nothing = np.zeros((CROP_SIZE, CROP_SIZE), np.uint8)
    found, detector, exact = [], [], []
    elsewhere = 0
    for sighting in sightings:
        box = sighting.box
        found.append(box is not None)
        detector.append(nothing if box is None else cut(sighting, box, side_over_box, shift_y))
        exact.append(cut(sighting, sighting.placement.box, 1.0, 0.0))
        elsewhere += sighting.elsewhere
    return Crops(np.array(found), np.stack(detector), np.stack(exact), elsewhere)


def probabilities(network: Classifier, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Probabilities, float32 [N, 8], of crops, uint8 [N, 48, 48]."""
    starts = range(0, len(crops), _BATCH)
    return np.concatenate([network.classify(crops[i : i + _BATCH]) for i in starts])


def compare(
    ready_made: NDArray[np.float32],
    network: Classifier,
    crops: Crops,
    labels: NDArray[np.int64],
) -> dict[str, Any]:
    """Score one network on scenes of one size.

    Parameters
    ----------
    ready_made
        The network's probabilities on the ready-made crops, float32 [N, 8].
    network
        The network.
    crops
        The same N faces, cut out of scenes.
    labels
        Int64 [N].

    Returns
    -------
    dict[str, Any]
        Ready for JSON: ``found`` counts the faces found, for each class too; ``among_found`` has,
        for each of WAYS, the scores on the found faces, None where there are none; ``over_all``
        has accuracy, balanced accuracy and recall over all faces, those not found being wrong
        through the detector.
    """
    answers = {
        'ready_made': ready_made,
        'exact': probabilities(network, crops.exact),
        'detector': probabilities(network, crops.detector),
    }
    found, classes = crops.found, len(EXPRESSIONS)
    among_found = {
        way: score(values[found], labels[found]).as_dict() if found.any() else None
        for way, values in answers.items()
    }
    right = {way: values.argmax(axis=1) == labels for way, values in answers.items()}
    right['detector'] &= found
    return {
        'count': len(labels),
        'found': int(found.sum()),
        'found_by_class': dict(
            zip(EXPRESSIONS, np.bincount(labels[found], minlength=classes).tolist(), strict=True)
        ),
        'detections_elsewhere': crops.elsewhere,
        'among_found': among_found,
        'over_all': {way: _over_all(values, labels) for way, values in right.items()},
    }


def _over_all(right: NDArray[np.bool_], labels: NDArray[np.int64]) -> dict[str, Any]:
    recall = {
        name: round(float(right[labels == number].mean()), 4) if (labels == number).any() else None
        for number, name in enumerate(EXPRESSIONS)
    }
    present = [float(right[labels == number].mean()) for number in np.unique(labels)]
    return {
        'accuracy': round(float(right.mean()), 4),
        'balanced_accuracy': round(float(np.mean(present)), 4),
        'recall': recall,
    }


def table(result: dict[str, Any]) -> str:
    """Summarise in Markdown: a row for each network, size and way to the crop."""
    heads = ('network', 'side', 'found', 'crop', 'accuracy', 'balanced', *EXPRESSIONS)
    over_all = ('accuracy over all', 'balanced over all')
    crop = result['crop']
    lines = [
        f'{result["detector"]}, crop {crop["side_over_box"]:g} times the box, shifted by '
        f'{crop["shift_y"]:g}; {result["protocol"]}, {result["count"]} faces; among the found:',
        '',
        '| ' + ' | '.join((*heads[:6], *over_all, *heads[6:])) + ' |',
        '|' + '---|' * (len(heads) + len(over_all)),
    ]
    for name, network in result['networks'].items():
        for side, figures in network['sides'].items():
            found = figures['found'] / figures['count']
            for way, words in WAYS.items():
                among, everyone = figures['among_found'][way], figures['over_all'][way]
                cells = [name, side, f'{found:.1%}', words]
                values = [
                    among[key] if among else None for key in ('accuracy', 'balanced_accuracy')
                ]
                values += [everyone['accuracy'], everyone['balanced_accuracy']]
                values += [among['recall'][c] if among else None for c in EXPRESSIONS]
                lines.append('| ' + ' | '.join(cells + [_share(v) for v in values]) + ' |')
    return '\n'.join(lines)


def _share(value: float | None) -> str:
    return '-' if value is None else f'{value:.1%}'
