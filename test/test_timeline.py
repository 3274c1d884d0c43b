# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs of one expression, and the picture of them."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.expressions import UNKNOWN
from emotionnet_ros.timeline import FaceMoment, Moment, Run, draw, runs_of_faces


def moments(*shown, face_id='f1', period=0.1):
    """One face; each of its expressions for one picture, None where it is not there."""
    return [
        Moment(
            index * period,
            () if shows is None else (FaceMoment(face_id, shows, 0.5 + shows / 20),),
        )
        for index, shows in enumerate(shown)
    ]


def test_a_run_ends_where_the_next_expression_begins():
    assert runs_of_faces(moments(1, 1, 0, UNKNOWN)) == {
        'f1': [
            Run(1, (0.0, pytest.approx(0.1), pytest.approx(0.2)), (0.55, 0.55)),
            Run(0, (pytest.approx(0.2), pytest.approx(0.3)), (0.5,)),
            Run(UNKNOWN, (pytest.approx(0.3), pytest.approx(0.4)), (0.9,)),
        ]
    }


def test_a_face_that_was_away_has_a_gap():
    first, second = runs_of_faces(moments(1, 1, *[None] * 10, 1, 1))['f1']
    assert first.times[-1] == pytest.approx(0.2)
    assert second.times[0] == pytest.approx(1.2)


def test_one_missed_picture_is_no_gap():
    assert len(runs_of_faces(moments(1, 1, None, 1, 1))['f1']) == 1


def test_a_time_without_an_answer_ends_nothing():
    faces = moments(1, 1, 1)
    faces.insert(2, Moment(0.15, None, watts=5.0))
    assert len(runs_of_faces(faces)['f1']) == 1


@given(st.lists(st.none() | st.integers(0, UNKNOWN), min_size=1, max_size=60))
def test_runs_hold_every_answer_once_and_do_not_overlap(shown):
    runs = runs_of_faces(moments(*shown)).get('f1', [])
    held = [(run.expression, time) for run in runs for time in run.times[:-1]]
    expected = [(s, i * 0.1) for i, s in enumerate(shown) if s is not None]
    assert held == expected
    assert all(len(run.times) == len(run.confidences) + 1 for run in runs)
    ends = [(run.times[0], run.times[-1]) for run in runs]
    assert all(one[1] <= other[0] + 1e-9 for one, other in pairwise(ends))


class TestPicture:
    """What is drawn; left out where there is no matplotlib."""

    @pytest.fixture(autouse=True)
    def matplotlib(self):
        pytest.importorskip('matplotlib', reason='draws with matplotlib')

    @staticmethod
    def drawn(path, given, title=''):
        draw(given, path, title)
        return cv2.imread(str(path))

    def test_expressions_have_their_colours(self, tmp_path):
        picture = self.drawn(tmp_path / 'a.png', moments(*[1] * 20, *[4] * 20))
        for red, green, blue in ((240, 228, 66), (213, 94, 0)):
            assert (picture == (blue, green, red)).all(axis=2).sum() > 1000

    def test_age_and_watts_get_a_panel_where_they_are_known(self, tmp_path):
        faces = moments(1, 1, 1, 0)
        known = [Moment(m.time, m.faces, 0.02, 5.0) for m in faces]
        unknown = [Moment(m.time, m.faces, float('nan')) for m in faces]
        heights = [
            len(self.drawn(tmp_path / f'{index}.png', given))
            for index, given in enumerate((faces, unknown, known))
        ]
        assert heights[0] == heights[1] < heights[2]

    def test_nobody_there_is_a_picture_as_well(self, tmp_path):
        assert np.ptp(self.drawn(tmp_path / 'a.png', [Moment(0.0)])) > 0

    def test_a_crowd_does_not_make_an_endless_picture(self, tmp_path):
        crowd = [
            Moment(i * 0.1, tuple(FaceMoment(f'f{j}', 1, 0.9) for j in range(i, i + 3)))
            for i in range(60)
        ]
        assert len(self.drawn(tmp_path / 'a.png', crowd)) < 1000

    def test_what_cannot_be_drawn_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match='nothing to draw'):
            draw([], tmp_path / 'a.png')
        with pytest.raises(ValueError, match='xyz'):
            draw([Moment(0.0)], tmp_path / 'a.xyz')
