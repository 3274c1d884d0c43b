# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Say what the faces of a video express, over time.

FILE is a video, a folder of pictures in the order of their names, a webcam (/dev/video0) or the
address of a stream. A camera goes on until Ctrl-C; what was found till then is kept.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.commands import answers, looking
from emotionnet_ros.commands.progress import with_progress
from emotionnet_ros.expressions import FrameResult
from emotionnet_ros.faces.detection import DetectorError
from emotionnet_ros.imaging import ImageError
from emotionnet_ros.imaging.annotation import annotate
from emotionnet_ros.imaging.sources import PictureSource, SourceError, open_source
from emotionnet_ros.inference.classifier import ModelError
from emotionnet_ros.timeline import FaceMoment, Moment, draw, shares

EXAMPLES = """\
examples:
  emotionnet video talk.mp4
  emotionnet video talk.mp4 --csv talk.csv --annotated talk_annotated.mp4 --timeline talk.png
  emotionnet video talk.mp4 --every 5 --json | jq -c '[.time, .faces[].expression]'
  emotionnet video /dev/video0 --seconds 30 --timeline me.png
"""
DEFAULT_RATE_HZ = 15.0
# The codec that OpenCV's own builds have for each kind of file.
CODECS = {'.mp4': 'mp4v', '.avi': 'MJPG', '.mkv': 'mp4v'}


@dataclass(slots=True)
class Course:
    """What has happened in a video so far."""

    moments: list[Moment] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, stamp: float, result: FrameResult) -> None:
        """Keep what the timeline and the summary need of one answer."""
        faces = tuple(FaceMoment(f.face_id, f.expression, f.confidence) for f in result.faces)
        self.moments.append(Moment(stamp, faces))
        self.seconds += result.times.total

    def summary(self) -> str:
        """Say in one sentence what there was."""
        faces = [face for moment in self.moments for face in moment.faces or ()]
        number = len(self.moments)
        each = f', {self.seconds / number * 1e3:.1f} ms each' if number else ''
        text = f'{number} pictures{each}; faces: {len({f.face_id for f in faces})}'
        return f'{text}; {shares(faces)}' if faces else text


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status, as ``emotionnet --help`` lists them."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.every < 1:
        parser.error(f'--every {options.every}: it must be at least 1')
    if options.seconds < 0 or not 0 <= options.rate <= 1000:
        parser.error('--seconds and --rate: they must be 0 or more, --rate at most 1000')
    if options.timeline and importlib.util.find_spec('matplotlib') is None:
        print(
            'emotionnet video: --timeline needs matplotlib: pip install matplotlib',
            file=sys.stderr,
        )
        return 3
    course = Course()
    status = 0
    try:
        _check_targets(options)
        pipeline = looking.open_pipeline(options)
        source = open_source(options.source)
        rate_hz = source.rate_hz or options.rate or DEFAULT_RATE_HZ
        with ExitStack() as stack:
            write = stack.enter_context(answers.open_output(options))
            copy = stack.enter_context(Copy(options.annotated, rate_hz / options.every))
            try:
                for stamp, picture in _stamped(source, rate_hz, options):
                    result = pipeline.process(picture, stamp)
                    course.add(stamp, result)
                    write(answers.Answer(options.source, stamp, result))
                    copy.add(picture, result)
            except KeyboardInterrupt:
                status = 130
        if options.timeline and course.moments:
            draw(course.moments, options.timeline, Path(options.source).name)
    except (SourceError, DetectorError, ModelError, ImageError, ValueError) as error:
        print(f'emotionnet video: {error}', file=sys.stderr)
        return 1
    print(course.summary(), file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='emotionnet video',
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('source', metavar='FILE')
    answers.add_options(parser)
    parser.add_argument(
        '--annotated',
        type=Path,
        metavar='FILE',
        help=f'write an annotated copy, without sound ({", ".join(CODECS)})',
    )
    parser.add_argument(
        '--timeline', type=Path, metavar='FILE', help='draw expressions over time (.png, .svg)'
    )
    parser.add_argument(
        '--every', type=int, default=1, metavar='N', help='look at every n-th picture only (1)'
    )
    parser.add_argument(
        '--seconds', type=float, default=0.0, help='end after so much of it (0: all of it)'
    )
    parser.add_argument(
        '--rate',
        type=float,
        default=0.0,
        metavar='HZ',
        help=f'pictures a second, where the source does not say ({DEFAULT_RATE_HZ:g})',
    )
    looking.add_options(parser)
    return parser


def _check_targets(options: argparse.Namespace) -> None:
    """Refuse what could not be written, before the work and not after it."""
    for name in ('annotated', 'timeline'):
        path: Path | None = getattr(options, name)
        if path and not path.absolute().parent.is_dir():
            raise SourceError(f'--{name} {path}: there is no folder {path.parent}')
        exist = path and path.exists() and Path(options.source).exists()
        if path and exist and path.samefile(options.source):
            raise SourceError(f'--{name} {path} is the video itself; name another file')
    if options.annotated and options.annotated.suffix.lower() not in CODECS:
        raise SourceError(f'--annotated {options.annotated}: it must end with {", ".join(CODECS)}')


def _stamped(
    source: PictureSource, rate_hz: float, options: argparse.Namespace
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Give the pictures to look at, each with its second."""
    live = options.source.isdigit() or options.source.startswith('/dev/')
    started = time.monotonic()
    # A table that is printed on the terminal would be torn up by a moving counter.
    table_on_terminal = sys.stdout.isatty() and not (options.csv and options.csv != '-')
    pictures = itertools.islice(source.pictures, 0, None, options.every)
    counts = [source.count] if source.count else []
    if options.seconds and not live:
        counts.append(math.ceil(options.seconds * rate_hz))
    total = math.ceil(min(counts, default=0) / options.every)
    shown = with_progress(pictures, total, 'pictures', not table_on_terminal)
    for index, picture in enumerate(shown):
        stamp = time.monotonic() - started if live else index * options.every / rate_hz
        if options.seconds and stamp >= options.seconds:
            return
        yield stamp, picture


class Copy:
    """The annotated video; without a path, nothing."""

    def __init__(self, path: Path | None, rate_hz: float) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def __enter__(self) -> Copy:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.release()

    def add(self, picture: NDArray[np.uint8], result: FrameResult) -> None:
        """Draw the answer into a copy of its picture and write it.

        Raises
        ------
        SourceError
            The video cannot be written: why and what to do.
        """
        if not self._path:
            return
        size = picture.shape[1], picture.shape[0]
        if not self._writer:
            self._size = size
            self._writer = self._open(self._path)
        if size != self._size:
            raise SourceError(
                f'--annotated {self._path}: a picture has {size[0]}x{size[1]} pixels and the '
                f'first had {self._size[0]}x{self._size[1]}; a video has pictures of one size'
            )
        self._writer.write(annotate(picture, result.faces))

    def _open(self, path: Path) -> cv2.VideoWriter:
        codec = CODECS[path.suffix.lower()]
        writer = cv2.VideoWriter(
            str(path), cv2.VideoWriter.fourcc(*codec), self._rate_hz, self._size
        )
        if not writer.isOpened():
            raise SourceError(
                f'--annotated {path}: OpenCV cannot write it; either this user may not write '
                f'there, or this OpenCV lacks the codec {codec} (a file ending with .avi needs '
                'none but its own)'
            )
        return writer
