# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionnet_ros.expressions import Box
from emotionnet_ros.faces import Detection, Tracker, TrackerSettings

PERIOD = 1 / 15


def make(**values):
    return Tracker(TrackerSettings(**values), (f'f{n}' for n in itertools.count(1)))


def face(x, y=100.0, side=50.0, confidence=0.9, landmarks=None):
    """A detection with its centre at x, y."""
    return Detection(Box(x - side / 2, y - side / 2, side, side), confidence, landmarks)


def ids(tracks):
    return [track.face_id for track in tracks]


def test_a_face_keeps_its_id_while_it_moves():
    tracker = make()
    for i in range(100):
        (track,) = tracker.update([face(100 + 20 * i)], i * PERIOD)
        assert track.face_id == 'f1'
        assert track.seen
        assert track.first_stamp == 0
        assert track.last_stamp == i * PERIOD
        assert track.confidence == 0.9


def test_ids_follow_the_faces_and_not_the_order_of_the_detections():
    tracker = make()
    left, right = face(100, side=60), face(300)
    first = tracker.update([left, right], 0.0)
    second = tracker.update([right, left], PERIOD)
    assert ids(first) == ids(second)
    assert second[0].box.center[0] == pytest.approx(100)


def test_the_largest_face_comes_first():
    tracks = make().update([face(100, side=40), face(300, side=80), face(500, side=60)], 0.0)
    assert [round(t.box.width) for t in tracks] == [80, 60, 40]


def test_faces_that_cross_keep_their_ids():
    tracker = make()
    start, end = {}, {}
    for i in range(61):
        x = 100 + 400 * i / 60
        walkers = [face(x, 100), face(600 - x, 130)]
        tracks = tracker.update(walkers[:: (-1) ** i], i * PERIOD)
        places = {t.face_id: t.box.center[0] for t in tracks}
        start, end = start or places, places
    assert len(start) == len(end) == 2
    for face_id in start:
        assert (start[face_id] < 300) == (end[face_id] > 300)


def test_faces_that_pass_behind_one_another_keep_their_ids():
    tracker = make()
    for i in range(61):
        x = 100 + 400 * i / 60
        front, back = face(x, 100, side=60), face(600 - x, 105)
        hidden = front.box.iou(back.box) > 0.3
        tracks = tracker.update([front] if hidden else [front, back], i * PERIOD)
        if i == 0:
            before = {t.face_id: t.box.center[0] for t in tracks}
    after = {t.face_id: t.box.center[0] for t in tracks}
    assert set(before) == set(after) == {'f1', 'f2'}
    for face_id in before:
        assert (before[face_id] < 300) == (after[face_id] > 300)


def test_a_face_missed_now_and_then_keeps_its_id_for_ever_and_is_absent_meanwhile():
    tracker = make(max_missed=0.5)
    for i in range(300):
        missed = i % 3 == 2  # far more misses in all than max_missed
        tracks = tracker.update([] if missed else [face(100)], i * PERIOD)
        assert ids(tracks) == ([] if missed else ['f1'])


def test_a_face_gone_for_long_comes_back_as_another():
    tracker = make(max_missed=0.5)
    tracker.update([face(100)], 0.0)
    for i in range(1, 15):
        assert tracker.update([], i * PERIOD) == []
    (track,) = tracker.update([face(100)], 1.0)
    assert track.face_id == 'f2'
    assert track.first_stamp == 1.0


def test_time_starting_at_zero_is_no_special_time():
    tracker = make(max_missed=0.5)
    tracker.update([face(100)], -0.1)
    tracker.update([], 0.0)
    tracker.update([], 0.6)
    assert ids(tracker.update([face(100)], 0.7)) == ['f2']


def test_a_slow_detector_costs_no_ids():
    tracker = make(max_missed=0.5)
    for i in range(10):
        assert ids(tracker.update([face(100 + 3 * i)], 2.0 * i)) == ['f1']


def test_a_silence_longer_than_max_gap_ends_all_faces():
    tracker = make(max_gap=5.0)
    tracker.update([face(100)], 0.0)
    assert ids(tracker.predict(5.0)) == ['f1']
    assert tracker.predict(5.1) == []
    assert ids(tracker.update([face(100)], 5.1)) == ['f2']


def test_a_fast_move_without_overlap_keeps_the_id():
    tracker = make()
    tracker.update([face(100)], 0.0)
    moved = face(138, 110)
    assert face(100).box.iou(moved.box) < 0.2
    assert ids(tracker.update([moved], PERIOD)) == ['f1']


@pytest.mark.parametrize('other', [face(200), face(135, side=20), face(139, confidence=0.6)])
def test_what_is_too_far_too_unlike_or_too_doubtful_is_not_the_same_face(other):
    tracker = make(start_confidence=0.65, confirm_detections=1)
    tracker.update([face(100)], 0.0)
    assert 'f1' not in ids(tracker.update([other], PERIOD))


def test_two_detections_of_one_face_are_one_face():
    tracker = make()
    for i in range(10):
        tracks = tracker.update([face(100), face(103, confidence=0.8)], i * PERIOD)
        assert ids(tracks) == ['f1']
        assert tracks[0].confidence == 0.9


def test_one_detection_is_never_two_faces():
    tracker = make()
    tracker.update([face(100), face(140)], 0.0)
    assert len(tracker.update([face(120)], PERIOD)) == 1


def test_a_doubtful_face_is_reported_when_seen_again_and_a_single_false_one_never():
    tracker = make(start_confidence=0.65, sure_confidence=0.8, confirm_detections=2)
    assert tracker.update([face(100, confidence=0.7)], 0.0) == []
    assert tracker.undecided
    assert tracker.predict(0.03) == []
    (track,) = tracker.update([face(100, confidence=0.7)], PERIOD)
    assert track.face_id == 'f1'
    assert track.first_stamp == 0
    assert not tracker.undecided
    tracker.update([face(100), face(400, confidence=0.7)], 2 * PERIOD)
    for i in range(3, 20):
        assert ids(tracker.update([face(100)], i * PERIOD)) == ['f1']
    assert not tracker.undecided


def test_a_followed_face_survives_a_score_that_would_not_have_started_it():
    tracker = make(start_confidence=0.65)
    assert tracker.update([face(100, confidence=0.5)], 0.0) == []
    tracker.update([face(100, confidence=0.9)], PERIOD)
    for i in range(2, 50):
        assert ids(tracker.update([face(100, confidence=0.5)], i * PERIOD)) == ['f1']


def test_no_more_than_max_faces_and_the_followed_ones_stay():
    tracker = make(max_faces=3)
    crowd = [face(100 * i, confidence=0.8) for i in range(1, 4)]
    first = ids(tracker.update(crowd, 0.0))
    later = [*crowd, face(800, confidence=0.99)]
    assert sorted(ids(tracker.update(later, PERIOD))) == sorted(first)


def test_a_missed_face_that_comes_back_does_not_break_the_limit():
    tracker = make(max_faces=1)
    tracker.update([face(100)], 0.0)
    assert ids(tracker.update([face(400)], PERIOD)) == ['f2']
    assert ids(tracker.update([face(100), face(405)], 2 * PERIOD)) == ['f2']


def test_prediction_follows_a_moving_face_better_than_standing_still():
    landmarks = np.array([[100.0, 100.0]], np.float32)
    tracker = make()
    for i in range(30):
        x = 100 + 10 * i
        moved = landmarks + np.array([10 * i, 0], np.float32)
        (track,) = tracker.update([face(x, landmarks=moved)], i * PERIOD)
    (predicted,) = tracker.predict(30 * PERIOD)
    assert predicted.face_id == track.face_id
    assert not predicted.seen
    assert predicted.last_stamp == 29 * PERIOD
    assert abs(predicted.box.center[0] - 400) < abs(track.box.center[0] - 400) / 2
    moved = predicted.box.center[0] - track.box.center[0]
    assert predicted.landmarks[0, 0] == pytest.approx(390 + moved, abs=0.01)
    assert predicted.landmarks.dtype == np.float32
    assert predicted.box.width == track.box.width


def test_prediction_reports_only_who_was_there_and_changes_nothing():
    tracker = make()
    tracker.update([face(100), face(300)], 0.0)
    tracker.update([face(100)], PERIOD)
    assert ids(tracker.predict(1.5 * PERIOD)) == ids(tracker.predict(1.5 * PERIOD)) == ['f1']
    assert sorted(ids(tracker.update([face(100), face(300)], 2 * PERIOD))) == ['f1', 'f2']


def test_nothing_is_predicted_before_anything_was_seen():
    assert make().predict(0.0) == []


def test_a_stamp_a_little_late_changes_no_id_and_breaks_no_box():
    tracker = make(max_missed=0.5)
    for i in range(20):
        stamp = (i - 3 * (i % 2)) * PERIOD  # every other image comes three periods late
        (track,) = tracker.update([face(100 + i)], stamp)
        assert track.face_id == 'f1'
        assert track.last_stamp >= track.first_stamp
        assert abs(track.box.center[0] - 100 - i) < 5
    (predicted,) = tracker.predict(0.0)
    assert predicted.box.center[0] == pytest.approx(track.box.center[0])


def test_equal_stamps_still_follow_the_face():
    tracker = make()
    for i in range(20):
        (track,) = tracker.update([face(100 + 5 * i)], 0.0)
        assert track.box.center[0] == 100 + 5 * i
    assert track.face_id == 'f1'


@pytest.mark.parametrize('jump', [-91.0, 1e6])
def test_a_jump_in_time_starts_anew(jump):
    tracker = make()
    tracker.update([face(100)], 1000.0)
    (track,) = tracker.update([face(100)], 1000.0 + jump)
    assert track.face_id == 'f2'
    assert track.first_stamp == 1000.0 + jump


def test_ids_are_never_used_again_not_after_a_reset_nor_by_another_tracker():
    one, other = Tracker(), Tracker()
    seen = [*ids(one.update([face(100)], 0.0)), *ids(other.update([face(100)], 0.0))]
    one.reset()
    assert one.predict(0.1) == []
    seen += ids(one.update([face(100)], 0.2))
    assert len(set(seen)) == 3
    assert all(i.startswith('f') and i[1:].isdigit() for i in seen)


@pytest.mark.parametrize('stamp', [math.nan, math.inf, -math.inf])
def test_a_stamp_that_is_no_time_is_refused_and_harms_nothing(stamp):
    tracker = make()
    tracker.update([face(100)], 0.0)
    with pytest.raises(ValueError, match='stamp'):
        tracker.update([face(100)], stamp)
    with pytest.raises(ValueError, match='stamp'):
        tracker.predict(stamp)
    assert ids(tracker.update([face(100)], PERIOD)) == ['f1']


@pytest.mark.parametrize(
    'box',
    [
        Box(math.nan, 0, 10, 10),
        Box(0, 0, math.inf, 10),
        Box(0, 0, 0, 10),
        Box(0, 0, 10, -10),
        Box(0, 0, 1e-200, 1e-200),
        Box(0, 0, 1e200, 1e200),
    ],
)
def test_a_box_that_is_none_is_ignored(box):
    tracker = make()
    for i in range(3):
        tracks = tracker.update([Detection(box, 0.99), face(100)], i * PERIOD)
        assert ids(tracks) == ['f1']


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('start_confidence', 1.5),
        ('min_iou', -0.1),
        ('max_missed', -1.0),
        ('max_gap', 0.0),
        ('cutoff_hz', 0.0),
        ('damping', math.nan),
        ('confirm_detections', 0),
        ('max_faces', 0),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        TrackerSettings(**{name: value})


detections = st.lists(
    st.builds(
        face,
        st.floats(0, 640),
        st.floats(0, 480),
        st.floats(1, 300),
        st.floats(0, 1),
    ),
    max_size=6,
)
steps = st.lists(
    st.tuples(detections, st.floats(-2, 7) | st.just(0.0) | st.just(PERIOD), st.booleans()),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(steps, st.integers(1, 4))
def test_whatever_comes_ids_are_unique_and_boxes_sane(steps, max_faces):
    tracker = make(max_faces=max_faces)
    stamp, newest = 0.0, 0
    present = set()
    for found, interval, detector_ran in steps:
        stamp += interval
        if not detector_ran:
            assert set(ids(tracker.predict(stamp))) <= present
            continue
        tracks = tracker.update(found, stamp)
        present = set(ids(tracks))
        assert len(present) == len(tracks) <= min(len(found), max_faces)
        # An id that was not there before is higher than any so far, unless it was only missed.
        numbers = sorted(int(i[1:]) for i in present)
        new = [n for n in numbers if n > newest]
        assert new == list(range(newest + 1, newest + 1 + len(new)))
        newest = max([newest, *numbers])
        for track in tracks:
            assert track.first_stamp <= track.last_stamp
            assert track.box.width >= 1 - 1e-9
            assert track.box.height >= 1 - 1e-9
            assert all(map(math.isfinite, (*track.box.center, track.box.area)))
            assert min(f.confidence for f in found) <= track.confidence
        # Each detection stands for one face at most.
        assert len(tracks) <= len({id(f) for f in found})
        areas = [t.box.area for t in tracks]
        assert areas == sorted(areas, reverse=True)
