# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Say what the faces of pictures express."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.commands import answers, looking
from emotionnet_ros.expressions import FrameResult
from emotionnet_ros.faces.detection import DetectorError
from emotionnet_ros.imaging import ImageError
from emotionnet_ros.imaging.annotation import annotate
from emotionnet_ros.imaging.sources import (
    PICTURE_SUFFIXES,
    SourceError,
    pictures_in,
    read_picture,
)
from emotionnet_ros.inference.classifier import ModelError
from emotionnet_ros.pipeline import Pipeline

EXAMPLES = """\
examples:
  emotionnet image people.jpg
  emotionnet image people.jpg --annotated people_annotated.jpg
  emotionnet image holiday/ --csv faces.csv --annotated annotated/
  emotionnet image people.jpg --json --model nano_a | jq '.faces[].expression'
"""
# A picture is looked at as often as a doubtful face needs to be reported.
_STAMPS = (0.0, 0.1, 0.2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 done, 1 a picture or model cannot be used, 2 wrong options."""
    parser = argparse.ArgumentParser(
        prog='emotionnet image',
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'pictures', nargs='+', type=Path, metavar='FILE', help='picture, or folder of pictures'
    )
    answers.add_options(parser)
    parser.add_argument(
        '--annotated',
        type=Path,
        metavar='PATH',
        help='write annotated copies: a file for one picture, a folder for several',
    )
    looking.add_options(parser)
    options = parser.parse_args(arguments)
    try:
        pictures = _listed(options.pictures)
        targets = _targets(pictures, options.annotated)
        pipeline = looking.open_pipeline(options)
        longest = max(len(str(picture)) for picture in pictures)
        with answers.open_output(options, longest) as write:
            status = 0
            for picture, target in zip(pictures, targets, strict=True):
                try:
                    pixels = read_picture(picture)
                    result = look(pipeline, pixels)
                    write(answers.Answer(str(picture), None, result))
                    if target:
                        _save(target, annotate(pixels, result.faces))
                except (SourceError, ImageError) as error:
                    print(f'emotionnet image: {error}', file=sys.stderr)
                    status = 1
    except (SourceError, DetectorError, ModelError, ValueError) as error:
        print(f'emotionnet image: {error}', file=sys.stderr)
        return 1
    return status


def look(pipeline: Pipeline, picture: NDArray[np.uint8]) -> FrameResult:
    """Look at one picture by itself, not as the next one of a video."""
    pipeline.reset()
    for stamp in _STAMPS[:-1]:
        pipeline.process(picture, stamp)
    return pipeline.process(picture, _STAMPS[-1])


def _listed(paths: Sequence[Path]) -> list[Path]:
    return [
        picture for path in paths for picture in (pictures_in(path) if path.is_dir() else [path])
    ]


def _targets(pictures: Sequence[Path], annotated: Path | None) -> list[Path | None]:
    """Say where each annotated copy goes; raises SourceError where one cannot go there."""
    if annotated is None:
        return [None] * len(pictures)
    if len(pictures) == 1 and not annotated.is_dir():
        targets = [annotated]
        if annotated.suffix.lower() not in PICTURE_SUFFIXES:
            raise SourceError(
                f'--annotated {annotated}: a picture ends with one of '
                f'{", ".join(PICTURE_SUFFIXES)}'
            )
    else:
        annotated.mkdir(parents=True, exist_ok=True)
        targets = [annotated / picture.name for picture in pictures]
    for number, target in enumerate(targets):
        if target in targets[:number]:
            raise SourceError(
                f'--annotated {annotated}: two of the pictures are called {target.name}; '
                'give them one after the other, with a folder each'
            )
        if target.exists() and any(p.exists() and p.samefile(target) for p in pictures):
            raise SourceError(
                f'--annotated {annotated}: {target} is one of the pictures that are read; '
                'name another file or folder'
            )
    return list(targets)


def _save(path: Path, picture: NDArray[np.uint8]) -> None:
    try:
        written = cv2.imwrite(str(path), picture)
    except cv2.error as error:
        raise SourceError(f'{path}: OpenCV cannot write it ({error.err})') from None
    if not written:
        raise SourceError(
            f'{path}: it cannot be written; is there such a folder, with room, and may this user '
            'write there?'
        )
