# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where pictures come from without a robot: files, folders, webcams, a built-in face."""

from __future__ import annotations

import importlib.util
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

BUILT_IN = 'builtin'
BUILT_IN_SIZE = (640, 480)
BACKGROUND = (96, 96, 96)
PICTURE_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.pgm', '.png', '.ppm', '.tif', '.tiff', '.webp')


class SourceError(RuntimeError):
    """A source of pictures cannot be opened or read: which one, why, what to do."""


@dataclass(frozen=True, slots=True)
class PictureSource:
    """Pictures in order: one pass, which for a device or the built-in picture never ends.

    Parameters
    ----------
    name
        What to call it in messages.
    rate_hz
        Pictures a second that the source was recorded at; 0 where it does not say.
    pictures
        uint8 [height, width, 3], blue, green, red.
    count
        How many pictures there are, as the file says; 0 where that is not known.
    """

    name: str
    rate_hz: float
    pictures: Iterator[NDArray[np.uint8]]
    count: int = 0


def open_source(source: str = '') -> PictureSource:
    """Open a video file, a folder of pictures, one picture, a webcam or the built-in face.

    Parameters
    ----------
    source
        A path, a device (``/dev/video0`` or ``0``), or a stream's address; empty or ``builtin``
        for a photograph of a face that moves about a 640x480 picture.

    Raises
    ------
    SourceError
        It is not there or cannot be read.
    """
    if source in ('', BUILT_IN):
        return PictureSource('the built-in picture', 0.0, moving_face())
    if source.isdigit() or source.startswith('/dev/') or '://' in source:
        return _open_video(source)
    path = Path(source).expanduser()
    if not path.exists():
        raise SourceError(f'{source}: there is no such file, folder or device')
    if path.is_dir():
        return _open_folder(path)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return PictureSource(source, 0.0, iter([read_picture(path)]), 1)
    return _open_video(str(path))


def moving_face(frames_per_cycle: int = 120) -> Iterator[NDArray[np.uint8]]:
    """Move a photograph of a face about and to and fro for ever; see ``open_source``."""
    face = photograph()
    width, height = BUILT_IN_SIZE
    for index in itertools.count():
        phase = 2 * math.pi * index / frames_per_cycle
        scale = 1.0 + 0.25 * math.sin(phase)
        # The face of the photograph is round (225, 115).
        x = width * (0.5 + 0.15 * math.sin(phase / 2))
        y = height * (0.42 + 0.06 * math.cos(phase))
        matrix = np.array([[scale, 0, x - 225 * scale], [0, scale, y - 115 * scale]])
        yield cv2.warpAffine(face, matrix, (width, height), borderValue=BACKGROUND)


def photograph() -> NDArray[np.uint8]:
    """Read scikit-image's portrait of Eileen Collins (NASA, public domain).

    Returns
    -------
    NDArray
        uint8 [512, 512, 3], blue, green, red.

    Raises
    ------
    SourceError
        The package is not installed.
    """
    package = importlib.util.find_spec('skimage')
    for folder in package.submodule_search_locations or () if package else ():
        path = Path(folder) / 'data' / 'astronaut.png'
        if path.is_file():
            data = _without_colour_profile(path.read_bytes())
            picture: NDArray[np.uint8] = cv2.imdecode(data, cv2.IMREAD_COLOR)
            return picture
    raise SourceError(
        'The built-in picture is in the package scikit-image, which is not here: '
        'pip install --no-deps scikit-image, or name a video, a folder or a device'
    )


def _without_colour_profile(png: bytes) -> NDArray[np.uint8]:
    """Cut the iCCP chunk out of a PNG file; libpng prints a warning about this picture's."""
    start = png.find(b'iCCP') - 4
    if start > 0:
        length = int.from_bytes(png[start : start + 4], 'big')
        png = png[:start] + png[start + length + 12 :]
    return np.frombuffer(png, np.uint8)


def _open_folder(folder: Path) -> PictureSource:
    paths = pictures_in(folder)
    return PictureSource(str(folder), 0.0, map(read_picture, paths), len(paths))


def pictures_in(folder: Path) -> list[Path]:
    """List the pictures of a folder by name; raises SourceError where there are none."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        raise SourceError(f'{folder}: no pictures in it ({", ".join(PICTURE_SUFFIXES)})')
    return paths


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture file.

    Returns
    -------
    NDArray
        uint8 [height, width, 3], blue, green, red.

    Raises
    ------
    SourceError
        It is not there or no picture.
    """
    if not path.is_file():
        raise SourceError(f'{path}: there is no such file')
    picture: NDArray[np.uint8] | None = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise SourceError(f'{path}: OpenCV cannot read it as a picture')
    return picture


def _open_video(source: str) -> PictureSource:
    capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
    first = capture.read()[1] if capture.isOpened() else None
    if first is None:
        capture.release()
        raise SourceError(
            f'{source}: OpenCV cannot read a picture from it; is it a video or a free camera, '
            'and may this user read it?'
        )
    rate_hz = capture.get(cv2.CAP_PROP_FPS)
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)  # of a stream or device, or damaged, anything
    return PictureSource(
        source,
        rate_hz if 0 < rate_hz < 1000 else 0.0,
        _read_video(capture, first),
        int(count) if 0 < count < 1e9 else 0,
    )


def _read_video(
    capture: cv2.VideoCapture, first: NDArray[np.uint8]
) -> Iterator[NDArray[np.uint8]]:
    picture: NDArray[np.uint8] | None = first
    try:
        while picture is not None:
            yield picture
            picture = capture.read()[1]
    finally:
        capture.release()
