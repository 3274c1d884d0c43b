# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Draws what was found into a picture: boxes, ids, expressions, and how the node is working."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.expressions import EXPRESSION_NAMES, UNKNOWN, Box, FaceExpression

# Red, green, blue. The colours of M. Okabe and K. Ito, "Color Universal Design" (2008), which
# people with any kind of colour vision tell apart; white stands for their black, as plates are
# dark, and the grey is lighter than what fear is to those who do not see red.
COLOURS_RGB: Mapping[str, tuple[int, int, int]] = {
    'neutral': (255, 255, 255),
    'happiness': (240, 228, 66),
    'surprise': (230, 159, 0),
    'sadness': (0, 114, 178),
    'anger': (213, 94, 0),
    'disgust': (0, 158, 115),
    'fear': (204, 121, 167),
    'contempt': (86, 180, 233),
    'unknown': (190, 190, 190),
}
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_PLATE = (24, 24, 24)
_TRACK = (70, 70, 70)
_TEXT = (255, 255, 255)
# Below 0.4 the strokes of the font run together.
_SMALLEST_FONT = 0.4


@dataclass(frozen=True, slots=True)
class Status:
    """What is said of the picture as a whole; None and '' leave a thing out.

    Parameters
    ----------
    age
        Seconds since the picture was taken; NaN where that is not known.
    operating_point
        Name of the present way of working.
    watts, budget_watts
        What the computer draws, and what it may draw.
    """

    age: float | None = None
    operating_point: str = ''
    watts: float | None = None
    budget_watts: float | None = None

    def parts(self) -> list[str]:
        """Give what there is to say, a phrase each."""
        texts = []
        if self.age is not None:
            texts.append(f'age {self.age * 1e3:.0f} ms' if np.isfinite(self.age) else 'age ?')
        if self.operating_point:
            texts.append(_ascii(self.operating_point))
        if self.watts is not None:
            of_budget = f' of {self.budget_watts:.1f}' if self.budget_watts else ''
            texts.append(f'{self.watts:.1f}{of_budget} W')
        return texts


@dataclass(frozen=True, slots=True)
class Plate:
    """A dark rectangle with a line of text, in whole pixels of the picture; see ``layout``.

    ``bar`` is how far the bar below the text is filled, 0..1; None where there is no bar.
    """

    x: int
    y: int
    width: int
    height: int
    text: str
    text_x: int
    baseline_y: int
    colour: tuple[int, int, int] = _TEXT
    bar: float | None = None


@dataclass(frozen=True, slots=True)
class Style:
    """Sizes that grow with the picture: of the font, of strokes and margins in pixels."""

    font_scale: float
    stroke: int
    margin: int

    @classmethod
    def of(cls, width: int, height: int) -> Style:
        """Choose the sizes for a picture of so many pixels."""
        # Less than in proportion: a small picture is looked at from nearer, or enlarged.
        font_scale = max(_SMALLEST_FONT, 0.24 + max(width, height) / 2000)
        stroke = max(1, round(font_scale * 2))
        return cls(font_scale, stroke, max(2, round(font_scale * 7)))

    def text_size(self, text: str) -> tuple[int, int, int]:
        """Give width, height above and height below the base line, in pixels."""
        (width, ascent), descent = cv2.getTextSize(text, _FONT, self.font_scale, self.stroke)
        return width, ascent, descent


def annotate(
    picture: NDArray[np.uint8],
    faces: Sequence[FaceExpression],
    status: Status | None = None,
    *,
    in_place: bool = False,
) -> NDArray[np.uint8]:
    """Draw faces, and a line about the picture as a whole.

    Each expression has its colour and its name in letters. An unknown one is a grey, dashed box
    with a question mark. What does not fit into the picture is shortened, then left out.

    Parameters
    ----------
    picture
        uint8 [height, width, 3], blue, green, red.
    faces
        Boxes in pixels of this picture; they may reach beyond it.
    status
        Drawn in the lower left corner.
    in_place
        Draw into ``picture`` itself, not into a copy.

    Returns
    -------
    NDArray
        uint8 [height, width, 3], the picture drawn into.

    Raises
    ------
    ValueError
        ``picture`` is no such array.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(
            f'a picture to draw into is uint8 [height, width, 3], not {picture.dtype} '
            f'{list(picture.shape)}'
        )
    # OpenCV draws only into rows that lie one after another.
    drawn = picture if in_place and picture.flags.c_contiguous else picture.copy(order='C')
    height, width = drawn.shape[:2]
    style = Style.of(width, height)
    for face in reversed(faces):  # the nearest last, on top
        _draw_box(drawn, face, style)
    for plate in layout(width, height, faces, status):
        _draw_plate(drawn, plate, style)
    if in_place and drawn is not picture:
        picture[:] = drawn
        return picture
    return drawn


def layout(
    width: int, height: int, faces: Sequence[FaceExpression], status: Status | None = None
) -> list[Plate]:
    """Say where the texts go in a picture of so many pixels: all inside, none on another.

    A face's text stands above its box, else below, else in it, and not on another face; where
    there is no room it is shortened, then stands on another face, and at last is left out.
    """
    style = Style.of(width, height)
    plates: list[Plate] = []
    for line in _lines(status.parts(), width, style) if status else []:
        bottom = min((plate.y for plate in plates), default=height)
        plate = _plate(line, style, 0, 0)
        if plate.width <= width and plate.height <= bottom:
            plates.append(_plate(line, style, 0, bottom - plate.height))
    for face in faces:
        places = list(_places(width, height, face, style, plates))
        others = [other.roi for other in faces if other is not face]
        clear = [place for place in places if not any(_on(place, box) for box in others)]
        plates += (clear or places)[:1]
    return plates


def _places(
    width: int, height: int, face: FaceExpression, style: Style, taken: Sequence[Plate]
) -> Iterator[Plate]:
    """Give the free places for a face's text, the best first."""
    left, top, right, bottom = _corners(face.roi)
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return
    colour = _bgr(face.expression)
    bar = None if face.expression == UNKNOWN else face.confidence
    for text in _texts(face):
        size = _plate(text, style, 0, 0, colour, bar)
        if size.width > width or size.height > height:
            continue
        # Above, below, in the box's top, in its bottom; from its left edge, up to its right edge.
        for y in (top - size.height, bottom + 1, top, bottom + 1 - size.height):
            for x in (left, right + 1 - size.width):
                x_inside = min(max(x, 0), width - size.width)
                plate = _plate(text, style, x_inside, y, colour, bar)
                inside = 0 <= y <= height - size.height
                if inside and not any(_on(plate, other) for other in taken):
                    yield plate


def _texts(face: FaceExpression) -> Iterator[str]:
    """Give what to say of a face, ever shorter."""
    name = EXPRESSION_NAMES[face.expression]
    # The confidence of an unknown face is that of a class which it does not have.
    if face.expression == UNKNOWN:
        yield f'{_ascii(face.face_id)} ? {name}'
        yield f'? {name}'
        yield '?'
    else:
        yield f'{_ascii(face.face_id)} {name} {face.confidence:.0%}'
        yield f'{_ascii(face.face_id)} {name}'
        yield name
        yield f'{name[:3]}.'


def _lines(parts: Sequence[str], width: int, style: Style) -> list[str]:
    """Break phrases into lines that fit, the last line first."""
    lines: list[str] = []
    for part in parts:
        longer = f'{lines[-1]} | {part}' if lines else part
        if lines and _plate(longer, style, 0, 0).width <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines[::-1]


def _plate(
    text: str,
    style: Style,
    x: int,
    y: int,
    colour: tuple[int, int, int] = _TEXT,
    bar: float | None = None,
) -> Plate:
    text_width, ascent, descent = style.text_size(text)
    bar_height = _bar_height(style) + style.margin if bar is not None else 0
    return Plate(
        x,
        y,
        text_width + 2 * style.margin,
        ascent + descent + 2 * style.margin + bar_height,
        text,
        x + style.margin,
        y + style.margin + ascent,
        colour,
        bar,
    )


def _bar_height(style: Style) -> int:
    return max(2, 3 * style.stroke)


def _on(plate: Plate, other: Plate | Box) -> bool:
    return bool(
        plate.x < other.x + other.width
        and other.x < plate.x + plate.width
        and plate.y < other.y + other.height
        and other.y < plate.y + plate.height
    )


def _draw_plate(picture: NDArray[np.uint8], plate: Plate, style: Style) -> None:
    x, y, width, height = plate.x, plate.y, plate.width, plate.height
    picture[y : y + height, x : x + width] = _PLATE
    origin = (plate.text_x, plate.baseline_y)
    cv2.putText(
        picture, plate.text, origin, _FONT, style.font_scale, _TEXT, style.stroke, cv2.LINE_AA
    )
    if plate.bar is None:
        return
    bottom = y + height - style.margin
    rows = slice(bottom - _bar_height(style), bottom)
    left, length = x + style.margin, width - 2 * style.margin
    filled = round(min(max(plate.bar, 0.0), 1.0) * length)
    picture[rows, left : left + length] = _TRACK
    picture[rows, left : left + filled] = plate.colour


def _draw_box(picture: NDArray[np.uint8], face: FaceExpression, style: Style) -> None:
    """Draw a box with dark rims, so that it shows on any ground; dashed for an unknown face."""
    left, top, right, bottom = _corners(face.roi)
    height, width = picture.shape[:2]
    if right < 0 or bottom < 0 or left >= width or top >= height:
        return
    # Sides that lie outside are drawn far enough off; OpenCV's coordinates have limits.
    left, right = max(left, -width), min(right, 2 * width)
    top, bottom = max(top, -height), min(bottom, 2 * height)
    thickness = 2 * style.stroke
    rim = thickness + 2 * max(1, style.stroke // 2)
    cv2.rectangle(picture, (left, top), (right, bottom), _PLATE, rim)
    colour = _bgr(face.expression)
    if face.expression != UNKNOWN:
        cv2.rectangle(picture, (left, top), (right, bottom), colour, thickness)
        return
    dash = max(4 * thickness, 6)
    for x in range(left, right, 2 * dash):
        for y in (top, bottom):
            cv2.line(picture, (x, y), (min(x + dash, right), y), colour, thickness)
    for y in range(top, bottom, 2 * dash):
        for x in (left, right):
            cv2.line(picture, (x, y), (x, min(y + dash, bottom)), colour, thickness)


def _corners(box: Box) -> tuple[int, int, int, int]:
    edges = box.x, box.y, box.x + box.width, box.y + box.height
    left, top, right, bottom = (round(min(max(edge, -1e6), 1e6)) for edge in edges)
    return left, top, right, bottom


def _bgr(expression: int) -> tuple[int, int, int]:
    red, green, blue = COLOURS_RGB[EXPRESSION_NAMES[expression]]
    return blue, green, red


def _ascii(text: str) -> str:
    """Replace what OpenCV's font does not have."""
    return ''.join(c if ' ' <= c <= '~' else '?' for c in text)
