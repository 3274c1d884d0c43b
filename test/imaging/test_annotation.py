# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is drawn into a picture, and that it fits there."""

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionnet_ros.expressions import EXPRESSION_NAMES, EXPRESSIONS, UNKNOWN, Box, FaceExpression
from emotionnet_ros.imaging.annotation import COLOURS_RGB, Status, Style, annotate, layout

SIZES = [(320, 240), (1920, 1080)]
STATUS = Status(age=0.023, operating_point='b2', watts=5.21, budget_watts=6.0)


def face(roi, expression=1, confidence=0.93, face_id='f1'):
    probabilities = np.full(8, 0.125, np.float32)
    return FaceExpression(
        face_id, roi, 0.9, expression, confidence, probabilities, expression, confidence, 1.0
    )


@pytest.fixture(params=SIZES, ids=['320', '1920'])
def picture(request, face_picture):
    return cv2.resize(face_picture, request.param)


def box_in(picture):
    height, width = picture.shape[:2]
    return Box(0.4 * width, 0.25 * height, 0.2 * width, 0.4 * height)


def inside(plate, width, height):
    return (
        plate.x >= 0
        and plate.x + plate.width <= width
        and plate.y >= 0
        and plate.y + plate.height <= height
    )


def apart(one, other):
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


def text_fits(plate, style):
    width, ascent, descent = style.text_size(plate.text)
    return (
        plate.x <= plate.text_x
        and plate.text_x + width <= plate.x + plate.width
        and plate.y <= plate.baseline_y - ascent
        and plate.baseline_y + descent <= plate.y + plate.height
    )


def test_box_and_text_are_drawn_and_the_rest_stays(picture):
    height, width = picture.shape[:2]
    box = box_in(picture)
    drawn = annotate(picture, [face(box)], STATUS)
    style = Style.of(width, height)
    changed = (drawn != picture).any(axis=2)

    left, top = round(box.x), round(box.y)
    right, bottom = round(box.x + box.width), round(box.y + box.height)
    yellow = COLOURS_RGB['happiness'][::-1]
    assert (drawn[top, left + 9 : right - 9] == yellow).all()
    assert (drawn[bottom, left + 9 : right - 9] == yellow).all()
    assert (drawn[top + 9 : bottom - 9, left] == yellow).all()
    assert (drawn[top + 9 : bottom - 9, right] == yellow).all()

    allowed = np.zeros((height, width), bool)
    reach = 2 * style.stroke + 2
    allowed[top - reach : bottom + reach + 1, left - reach : right + reach + 1] = True
    allowed[top + reach : bottom - reach, left + reach : right - reach] = False
    plates = layout(width, height, [face(box)], STATUS)
    assert [plate.text for plate in plates] == [
        'age 23 ms | b2 | 5.2 of 6.0 W',
        'f1 happiness 93%',
    ]
    for plate in plates:
        area = (
            slice(plate.y, plate.y + plate.height),
            slice(plate.x, plate.x + plate.width),
        )
        allowed[area] = True
        assert (drawn[area] > 200).all(axis=2).any(), 'there are letters on the plate'
    assert not (changed & ~allowed).any()


def test_the_text_grows_with_the_picture_and_stays_readable():
    heights = [Style.of(width, height).text_size('f1')[1] for width, height in SIZES]
    assert heights[0] >= 8
    assert heights[1] > 2 * heights[0]


def test_the_original_stays_unless_asked(picture):
    original = picture.copy()
    drawn = annotate(picture, [face(box_in(picture))])
    assert (picture == original).all()
    assert annotate(picture, [face(box_in(picture))], in_place=True) is picture
    assert (picture == drawn).all()


def test_a_view_of_other_memory_order_is_drawn_into_as_well(picture):
    expected = annotate(picture[:, ::-1], [face(box_in(picture))])
    view = picture[:, ::-1]
    assert annotate(view, [face(box_in(picture))], in_place=True) is view
    assert (picture[:, ::-1] == expected).all()


def test_nothing_to_draw_changes_nothing(picture):
    assert (annotate(picture, []) == picture).all()
    assert (annotate(picture, [], Status()) == picture).all()


def test_the_bar_is_as_long_as_the_confidence(picture):
    height, width = picture.shape[:2]
    orange = np.array(COLOURS_RGB['surprise'][::-1])
    lengths = []
    for confidence in (0.25, 0.5, 1.0):
        found = face(box_in(picture), 2, confidence, 'f')
        (plate,) = layout(width, height, [found])
        rows = annotate(picture, [found])[plate.y : plate.y + plate.height]
        bar = (rows[:, plate.x : plate.x + plate.width] == orange).all(axis=2).sum(axis=1)
        lengths.append(bar[: -2 * Style.of(width, height).stroke].max())
    assert lengths[0] * 2 == pytest.approx(lengths[1], rel=0.1)
    assert lengths[1] * 2 == pytest.approx(lengths[2], rel=0.15)


def test_an_unknown_face_is_grey_and_says_that_it_is_unknown(picture):
    height, width = picture.shape[:2]
    unknown = face(box_in(picture), UNKNOWN, 0.31)
    (plate,) = layout(width, height, [unknown])
    assert plate.text == 'f1 ? unknown'
    assert plate.bar is None, 'its confidence is that of a class which it does not have'
    top = round(unknown.roi.y)
    row = annotate(picture, [unknown])[top, round(unknown.roi.x) : round(unknown.roi.x + 60)]
    grey = (row == COLOURS_RGB['unknown'][0]).all(axis=1)
    assert grey.any()
    assert not grey.all(), 'the box is dashed'


def test_every_expression_has_a_colour_of_its_own():
    assert set(COLOURS_RGB) == set(EXPRESSION_NAMES)
    assert len(set(COLOURS_RGB.values())) == len(EXPRESSION_NAMES)


def test_no_two_colours_are_alike_to_people_who_see_two_cone_types():
    # F. Viénot, H. Brettel and J. D. Mollon, "Digital video colourmaps for checking the legibility
    # of displays by dichromats", Color Research and Application 24 (1999).
    cones = np.array(
        [
            [17.8824, 43.5161, 4.11935],
            [3.45565, 27.1554, 3.86714],
            [0.0299566, 0.184309, 1.46709],
        ]
    )
    blindness = {
        'protanopia': [[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]],
        'deuteranopia': [[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]],
    }
    names = [*EXPRESSIONS, 'unknown']
    linear = np.array([[(c / 255) ** 2.2 for c in COLOURS_RGB[name]] for name in names])
    for matrix in blindness.values():
        seen = linear @ cones.T @ np.array(matrix).T @ np.linalg.inv(cones).T
        encoded = 255 * np.clip(seen, 0, 1) ** (1 / 2.2)
        for (i, one), (j, other) in itertools.combinations(enumerate(encoded), 2):
            assert np.abs(one - other).max() > 20, (names[i], names[j])


def test_texts_of_neighbours_do_not_cover_each_other_or_their_faces(picture):
    height, width = picture.shape[:2]
    side = width / 5
    faces = [
        face(Box(x * width, height * 0.4, side, side), face_id=f'f{x}') for x in (0.1, 0.4, 0.7)
    ]
    plates = layout(width, height, faces, STATUS)
    assert len(plates) == 4
    assert all(apart(one, other) for one, other in itertools.combinations(plates, 2))
    assert all(
        apart(plate, found.roi)
        for plate, found in itertools.product(plates, faces)
        if not plate.text.startswith(found.face_id)
    )


coordinates = st.floats(-3000, 3000) | st.floats(-1e9, 1e9)
lengths = st.floats(0, 3000)
faces = st.lists(
    st.builds(
        face,
        st.builds(Box, coordinates, coordinates, lengths, lengths),
        st.integers(0, UNKNOWN),
        st.floats(0, 1),
        st.text(max_size=12),
    ),
    max_size=5,
)


@settings(max_examples=60)
@given(
    st.integers(1, 700),
    st.integers(1, 500),
    faces,
    st.builds(Status, st.none() | st.floats(), st.text(max_size=60), st.none() | st.floats(0, 99)),
)
def test_whatever_is_drawn_fits(width, height, found, status):
    style = Style.of(width, height)
    plates = layout(width, height, found, status)
    assert all(inside(plate, width, height) and text_fits(plate, style) for plate in plates)
    assert all(apart(one, other) for one, other in itertools.combinations(plates, 2))
    drawn = annotate(np.zeros((height, width, 3), np.uint8), found, status)
    assert drawn.shape == (height, width, 3)


def test_a_face_out_of_the_picture_gets_no_text():
    assert layout(640, 480, [face(Box(700, 100, 50, 50)), face(Box(100, -60, 50, 50))]) == []


@pytest.mark.parametrize(
    'picture',
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)],
)
def test_what_is_no_colour_picture_is_refused(picture):
    with pytest.raises(ValueError, match='a picture to draw into is uint8'):
        annotate(picture, [])
