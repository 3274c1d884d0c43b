# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure the crop: does the network see in the robot what it saw in training.

Ready-made crops are put into scenes of 640x480; the node's own detector and crop go over them.

``python -m emotionnet_ros.training.framing geometry --data DIR`` says where the ready-made crops
lie relative to the detector's boxes: the numbers that each detector carries, and what training's
jitter has to cover. ``... framing accuracy WEIGHTS --data DIR`` says what networks get right
through the detector. Choose on ``train`` and ``valid``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from emotionnet_ros.faces import DETECTORS, Detector, DetectorError, open_detector
from emotionnet_ros.inference.classifier import Classifier, ModelError
from emotionnet_ros.training import framing_accuracy, framing_geometry, framing_pictures
from emotionnet_ros.training.ferplus import SPLITS, DataError
from emotionnet_ros.training.labelled import LabelledImages, read_ferplus
from emotionnet_ros.training.scenes import Sighting, look, placements


def geometry(
    data: LabelledImages,
    detector: Detector,
    sides: tuple[float, float],
    seed: int,
    places_each: int = 1,
    sheet: framing_pictures.Sheet | None = None,
) -> framing_geometry.Framing:
    """Measure the detector's boxes on every image, each at so many places and sides (pixels)."""
    images = data.images.repeat(places_each, axis=0)
    places = placements(len(images), sides, seed)

    def sightings() -> Iterator[Sighting]:
        seen = look(images, places, detector)
        for crop, sighting in zip(images, _progress(seen, len(places), 'scenes'), strict=True):
            if sheet:
                sheet.add(crop, sighting)
            yield sighting

    return framing_geometry.measure(sightings(), places_each)


def accuracy(
    weights: list[Path],
    data: LabelledImages,
    detector: Detector,
    sides: list[float],
    crop: tuple[float, float],
    seed: int,
    threads: int = 1,
) -> dict[str, Any]:
    """Score networks through a detector; see ``framing_accuracy.compare`` for the figures.

    ``crop`` is the side over the box and the shift downwards; ``sides`` are those of the faces in
    the scenes, in pixels.

    Raises
    ------
    ModelError
        If weights cannot be used.
    """
    networks = {path.stem: Classifier(str(path), threads) for path in weights}
    ready_made = {
        name: framing_accuracy.probabilities(network, data.images)
        for name, network in networks.items()
    }
    figures: dict[str, dict[str, Any]] = {name: {} for name in networks}
    for number, side in enumerate(sides):
        places = placements(len(data.images), (side, side), seed + number)
        seen = _progress(look(data.images, places, detector), len(places), f'{side:g} pixels')
        crops = framing_accuracy.cut_crops(seen, *crop)
        for name, network in networks.items():
            figures[name][f'{side:g}'] = framing_accuracy.compare(
                ready_made[name], network, crops, data.labels
            )
    return {
        'detector': detector.name,
        'crop': {'side_over_box': crop[0], 'shift_y': crop[1]},
        'protocol': data.protocol,
        'count': len(data.images),
        'networks': {
            path.stem: {
                'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
                'sides': figures[path.stem],
            }
            for path in weights
        },
    }


def subset(data: LabelledImages, count: int, seed: int) -> LabelledImages:
    """Draw ``count`` images at random, in the order of the data; 0 or too many: all."""
    total = len(data.images)
    if not 0 < count < total:
        return data
    rows: NDArray[np.int64] = np.sort(np.random.default_rng(seed).permutation(total)[:count])
    return LabelledImages(
        data.images[rows],
        data.labels[rows],
        tuple(data.subjects[i] for i in rows),
        f'{count} drawn from: {data.protocol}',
    )


def _progress(seen: Iterator[Sighting], total: int, what: str) -> Iterator[Sighting]:
    return iter(tqdm(seen, total=total, desc=what, unit='face', leave=False))


def _run_geometry(options: argparse.Namespace, data: LabelledImages, detector: Detector) -> str:
    present = detector.crop_side_over_box, detector.crop_shift_y
    if options.places < 1:
        raise ValueError(f'--places is {options.places}, it must be at least 1')
    sheet = framing_pictures.Sheet(*present) if options.sheet else None
    jitters = {path.name: framing_geometry.read_jitter(path) for path in options.config}
    framing = geometry(data, detector, tuple(options.sides), options.seed, options.places, sheet)
    result = {
        'detector': detector.name,
        'protocol': data.protocol,
        'sides': options.sides,
        **framing_geometry.as_dict(framing, present, jitters),
    }
    if options.picture:
        framing_pictures.draw(framing, present, jitters, options.picture)
    if sheet:
        sheet.write(options.sheet)
    _write_json(result, options.json)
    return framing_geometry.table(result)


def _run_accuracy(options: argparse.Namespace, data: LabelledImages, detector: Detector) -> str:
    given = options.side_over_box, options.shift_y
    own = detector.crop_side_over_box, detector.crop_shift_y
    crop = (
        own[0] if given[0] is None else given[0],
        own[1] if given[1] is None else given[1],
    )
    result = accuracy(
        options.weights, data, detector, options.sides, crop, options.seed, options.threads
    )
    _write_json(result, options.json)
    return framing_accuracy.table(result)


def _write_json(result: dict[str, Any], path: Path | None) -> None:
    if path:
        path.write_text(json.dumps(result, indent=1) + '\n', encoding='utf-8')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n\n')[0])
    commands = parser.add_subparsers(required=True)
    where = commands.add_parser('geometry', help="the detector's boxes and the crop's numbers")
    right = commands.add_parser('accuracy', help='networks through the detector')
    for command, split, count, sides in (
        (where, 'train', 2000, [120.0, 200.0]),
        (right, 'valid', 0, [48.0, 80.0, 120.0, 200.0]),
    ):
        command.add_argument('--data', type=Path, required=True, help='folder with FER+')
        command.add_argument('--split', choices=SPLITS, default=split)
        command.add_argument('--count', type=int, default=count, help='at most so many; 0: all')
        command.add_argument('--detector', choices=DETECTORS, default='blazeface')
        command.add_argument('--detector-model', default='', help='model file of the detector')
        command.add_argument('--input-size', type=int, default=0, help='0: as the detector has it')
        command.add_argument('--seed', type=int, default=1)
        command.add_argument('--threads', type=int, default=1)
        command.add_argument('--json', type=Path, help='write the result to this file')
        kinds = 'smallest and largest' if command is where else 'every one'
        command.add_argument(
            '--sides',
            type=float,
            nargs=2 if command is where else '+',
            default=sides,
            help=f'side of the crop in the scene, in pixels: {kinds}',
        )
    where.add_argument(
        '--config',
        type=Path,
        nargs='*',
        default=sorted(Path(__file__).parent.glob('nano_*.yaml')),
        help='training configurations whose jitter to compare with',
    )
    where.add_argument('--places', type=int, default=1, help='places of each face, at least 1')
    where.add_argument('--picture', type=Path, help='draw the distributions to this file')
    where.add_argument('--sheet', type=Path, help='draw ready-made and own crops to this file')
    where.set_defaults(run=_run_geometry)
    right.add_argument('weights', type=Path, nargs='+', help='ONNX weight files')
    right.add_argument('--side-over-box', type=float, help="instead of the detector's own")
    right.add_argument('--shift-y', type=float, help="instead of the detector's own")
    right.set_defaults(run=_run_accuracy)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status."""
    options = _parser().parse_args(arguments)
    cv2.setNumThreads(options.threads)
    try:
        detector = open_detector(
            options.detector, model_path=options.detector_model, input_size=options.input_size
        )
        data = subset(read_ferplus(options.data, options.split), options.count, options.seed)
        print(options.run(options, data, detector))
    except (DataError, DetectorError, ModelError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
