# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Face images with one expression each, and the picture files that they are read from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.imaging import Frame, ImageError, decode_compressed
from emotionnet_ros.networks.tables import IMAGE_SIZE
from emotionnet_ros.training.ferplus import DataError

PICTURE_SUFFIXES = ('.png', '.jpg', '.jpeg')


@dataclass(frozen=True)
class LabelledImages:
    """N face crops, each with one expression.

    ``images`` is uint8 [N, 48, 48], grey; ``labels`` int64 [N], indices of EXPRESSIONS;
    ``subjects`` names whom each picture shows, N strings, empty where unknown. ``protocol`` says
    in words which images these are and what their labels mean.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    subjects: tuple[str, ...]
    protocol: str

    def __len__(self) -> int:
        """Count of images."""
        return len(self.labels)


def folders_of(path: Path) -> list[Path]:
    """Folders in a folder, by name; hidden ones left out.

    Raises
    ------
    DataError
        If the folder cannot be listed.
    """
    return [entry for entry in _entries(path) if entry.is_dir()]


def pictures_of(path: Path) -> list[Path]:
    """PNG and JPEG files in a folder, by name; hidden ones left out.

    Raises
    ------
    DataError
        If the folder cannot be listed.
    """
    return [entry for entry in _entries(path) if entry.suffix.lower() in PICTURE_SUFFIXES]


def _entries(path: Path) -> list[Path]:
    try:
        return sorted(entry for entry in path.iterdir() if not entry.name.startswith('.'))
    except OSError as error:
        raise DataError(f'{path}: {error.strerror}') from error


def read_bytes(path: Path) -> bytes:
    """Content of a file.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f'{path}: {error.strerror}') from error


def read_picture(path: Path) -> Frame:
    """Open a PNG or JPEG file of any size as the node opens a compressed image.

    Raises
    ------
    DataError
        If it cannot be read or decoded.
    """
    try:
        frame = decode_compressed(read_bytes(path))
        frame.luma()  # a JPEG shows only now whether it can be decoded
    except ImageError as error:
        raise DataError(f'{path} cannot be used: {error}') from error
    return frame


def network_input(frame: Frame) -> NDArray[np.uint8]:
    """Turn a whole picture into the networks' input, uint8 [48, 48], grey.

    Every pixel counts where it shrinks; growing is bilinear. A picture that is not square is
    squeezed into a square.
    """
    luma = frame.luma()
    shrinks = min(luma.shape) >= IMAGE_SIZE
    resized: NDArray[np.uint8] = cv2.resize(
        luma,
        (IMAGE_SIZE, IMAGE_SIZE),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )
    return resized
