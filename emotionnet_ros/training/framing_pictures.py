# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a detector's framing: its distributions, and a contact sheet of faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.training.ferplus import DataError
from emotionnet_ros.training.framing_geometry import Framing, Jitter
from emotionnet_ros.training.scenes import CROP_SIZE, Sighting, cut

_SHEET_PAIRS, _SHEET_COLUMNS = 24, 6


def draw(
    framing: Framing, present: tuple[float, float], jitters: dict[str, Jitter], path: Path
) -> None:
    """Draw histograms of the boxes and the scatter that remains, with the jitter's bounds."""
    # The class for pictures without a window: pyplot would look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.6), layout='constrained')
    FigureCanvasAgg(figure)
    side, shift, place, size = figure.subplots(1, 4)
    side.hist(framing.side_over_box, bins=np.linspace(0.5, 2, 46).tolist())
    side.axvline(present[0], color='black')
    side.set(title='side of the crop over the box', xlabel="line: the detector's number")
    for name, values in (('right', framing.shift_x), ('down', framing.shift_y)):
        shift.hist(values, bins=np.linspace(-0.3, 0.3, 41).tolist(), histtype='step', label=name)
    shift.axvline(present[1], color='black')
    shift.set(title='shift of the crop, in sides', xlabel="line: the detector's number, down")
    shift.legend(fontsize='small')
    remaining = framing.remaining(*present)
    place.scatter(remaining.x, remaining.y, s=3, alpha=0.4)
    place.set(title="node's crop: centre", xlabel='right, in sides', ylabel='down')
    place.set(xlim=(-0.3, 0.3), ylim=(0.3, -0.3), aspect='equal')
    size.hist(remaining.scale, bins=np.linspace(0.5, 1.6, 45).tolist())
    size.set(title="node's crop: side", xlabel='over that of the ready-made crop')
    styles = ('--', ':', '-.')
    for s, style in zip(
        sorted({jitter.shift for jitter in jitters.values()}), styles, strict=False
    ):
        edges = [-s, s, s, -s, -s], [-s, -s, s, s, -s]
        place.plot(*edges, color='black', linestyle=style, label=f'jitter {s:g}')
    for s, style in zip(
        sorted({jitter.scale for jitter in jitters.values()}), styles, strict=False
    ):
        size.axvline(1 + s, color='black', linestyle=style, label=f'jitter {s:g}')
        size.axvline(1 / (1 + s), color='black', linestyle=style)
    if jitters:
        place.legend(fontsize='small')
        size.legend(fontsize='small')
    figure.savefig(path, dpi=80)


class Sheet:
    """A contact sheet: the ready-made crop and, at its right, the node's, of the first faces."""

    def __init__(self, side_over_box: float, shift_y: float) -> None:
        self._numbers = side_over_box, shift_y
        self._pairs: list[NDArray[np.uint8]] = []

    def add(self, crop: NDArray[np.uint8], sighting: Sighting) -> None:
        """Take a face in if it was found and there is room."""
        if sighting.box is not None and len(self._pairs) < _SHEET_PAIRS:
            self._pairs.append(np.hstack([crop, cut(sighting, sighting.box, *self._numbers)]))

    def write(self, path: Path) -> None:
        """Write the sheet as a picture.

        Raises
        ------
        DataError
            If the file cannot be written.
        """
        rows = -(-len(self._pairs) // _SHEET_COLUMNS)
        size, gap = 2 * CROP_SIZE, 8
        sheet = np.full((rows * (size + gap), _SHEET_COLUMNS * (2 * size + gap)), 255, np.uint8)
        for number, pair in enumerate(self._pairs):
            row, column = divmod(number, _SHEET_COLUMNS)
            y, x = row * (size + gap), column * (2 * size + gap)
            sheet[y : y + size, x : x + 2 * size] = pair.repeat(2, axis=0).repeat(2, axis=1)
        encoded, content = cv2.imencode('.png', sheet)
        if not encoded:
            raise DataError(f'{path}: the contact sheet is empty')
        path.write_bytes(content.tobytes())
