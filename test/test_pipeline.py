# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import cv2
import numpy as np
import pytest

from emotionnet_ros.expressions import UNKNOWN
from emotionnet_ros.faces.detection import DetectorError
from emotionnet_ros.faces.tracker import TrackerSettings
from emotionnet_ros.imaging import ImageError, RawImage, decode
from emotionnet_ros.imaging.sources import photograph
from emotionnet_ros.inference.classifier import ModelError
from emotionnet_ros.inference.smoothing import SmoothingSettings
from emotionnet_ros.pipeline import EncodedImage, Pipeline, PipelineSettings

INTERVAL = 1 / 15


@pytest.fixture(scope='module')
def shared():
    """One detector and one network; each test makes its own pipeline of them."""
    return Pipeline.open()


@pytest.fixture
def pipeline(shared):
    return Pipeline(shared.detector, shared.classifier)


@pytest.fixture(scope='module')
def nobody():
    return np.full((480, 640, 3), 128, np.uint8)


def play(pipeline, pictures, start=0.0):
    return [pipeline.process(p, start + i * INTERVAL) for i, p in enumerate(pictures)]


def test_one_face_is_found_classified_and_followed(pipeline, face_picture):
    results = play(pipeline, [face_picture] * 5)
    faces = [result.faces[0] for result in results[1:]]
    assert [len(result.faces) for result in results[1:]] == [1] * 4
    assert len({face.face_id for face in faces}) == 1
    first, last = faces[0], faces[-1]
    assert last.face_age == pytest.approx(4 * INTERVAL)
    assert last.face_age > first.face_age
    assert last.probabilities.sum() == pytest.approx(1, abs=1e-4)
    assert last.detection_confidence > 0.5
    assert (results[-1].width, results[-1].height) == (640, 480)
    # Each frame is the same picture, so the smoothed answer is that of the frame.
    assert last.expression == last.raw_expression
    assert last.confidence == pytest.approx(last.raw_confidence, abs=0.01)


def test_times_add_up(pipeline, face_picture):
    for result in play(pipeline, [face_picture] * 3):
        times = result.times
        assert times.detector_ran
        assert min(times.decode, times.detect, times.classify) >= 0
        assert times.decode + times.detect + times.classify == pytest.approx(times.total)


def test_nobody_there(pipeline, nobody):
    assert [result.faces for result in play(pipeline, [nobody] * 3)] == [()] * 3


def test_as_many_faces_as_the_settings_say():
    crowd = np.tile(photograph()[40:190, 150:300], (3, 5, 1))
    settings = PipelineSettings(tracker=TrackerSettings(max_faces=12))
    assert len(play(Pipeline.open(settings=settings), [crowd] * 2)[-1].faces) == 12


def test_every_kind_of_image_gives_the_same_face(shared, face_picture):
    grey = cv2.cvtColor(face_picture, cv2.COLOR_BGR2GRAY)
    padded = np.zeros((480, 2000), np.uint8)
    padded[:, :1920] = face_picture.reshape(480, 1920)
    _, png = cv2.imencode('.png', face_picture)
    _, jpeg = cv2.imencode('.jpg', face_picture)
    raw = RawImage(640, 480, 'bgr8', 2000, False, padded.reshape(-1))
    images = {
        'array': face_picture,
        'raw': raw,
        'frame': decode(raw),
        'png': EncodedImage(png.tobytes(), 'png'),
        'jpeg': EncodedImage(jpeg.tobytes(), 'bgr8; jpeg compressed bgr8'),
        'grey': grey,
        'a part of an array': np.pad(face_picture, ((3, 5), (7, 9), (0, 0)))[3:-5, 7:-9],
    }
    reference = play(Pipeline(shared.detector, shared.classifier), [face_picture] * 2)[-1]
    for name, image in images.items():
        (face,) = play(Pipeline(shared.detector, shared.classifier), [image] * 2)[-1].faces
        assert face.roi.iou(reference.faces[0].roi) > 0.7, name
        exact = name not in ('jpeg', 'grey')
        difference = np.abs(face.probabilities - reference.faces[0].probabilities).max()
        assert difference < (1e-3 if exact else 0.35), name


def test_a_bad_image_is_refused_and_the_faces_are_kept(pipeline, face_picture):
    before = play(pipeline, [face_picture] * 3)[-1].faces[0].face_id
    with pytest.raises(ImageError, match='step'):
        pipeline.process(RawImage(640, 480, 'bgr8', 3, False, b'\0' * 100), 3 * INTERVAL)
    with pytest.raises(ImageError):
        pipeline.process(np.zeros((10, 10, 7), np.uint8), 3 * INTERVAL)
    (face,) = play(pipeline, [face_picture], start=4 * INTERVAL)[0].faces
    assert face.face_id == before


@pytest.mark.parametrize(
    ('image', 'complaint'),
    [
        (cv2.imread('no_such_file.png'), 'A NoneType is no image.*cv2.imread'),
        (np.zeros((48, 64, 3), np.float32), r'float32 \[48, 64, 3\] is no image'),
        (np.zeros(64, np.uint8), r'uint8 \[64\] is no image'),
    ],
)
def test_what_is_no_image_is_refused(pipeline, image, complaint):
    with pytest.raises(ImageError, match=complaint):
        pipeline.process(image, 0.0)


def test_between_detections_faces_are_followed(pipeline, face_picture):
    pipeline.settings = PipelineSettings(detector_interval=3)
    shifted = [np.roll(face_picture, 4 * i, axis=1) for i in range(12)]
    results = play(pipeline, shifted)
    ran = [result.times.detector_ran for result in results]
    assert ran.count(True) < len(ran)
    assert all(any(ran[i : i + 3]) for i in range(len(ran) - 2))
    faces = [result.faces[0] for result in results[2:]]
    assert len({face.face_id for face in faces}) == 1
    # The predicted boxes go where the face goes.
    x = [face.roi.center[0] for face in faces]
    assert x[-1] - x[0] == pytest.approx(4 * (len(faces) - 1), abs=10)


@pytest.mark.parametrize(
    ('period', 'every'), [(1 / 60, 2), (1 / 30, 2), (1 / 15, 1), (0.0, 1), (-0.01, 1)]
)
def test_by_itself_the_detector_rests_only_where_frames_come_fast(
    pipeline, face_picture, period, every
):
    ran = [
        pipeline.process(face_picture, 10.0 + index * period).times.detector_ran
        for index in range(10)
    ]
    assert ran == [index % every == 0 for index in range(10)]


def test_settings_change_between_frames(pipeline, face_picture):
    pipeline.settings = PipelineSettings(smoothing=SmoothingSettings(min_confidence=1.0))
    assert play(pipeline, [face_picture] * 3)[-1].faces[0].expression == UNKNOWN
    pipeline.settings = replace(pipeline.settings, smoothing=SmoothingSettings(min_confidence=0.0))
    face = play(pipeline, [face_picture], start=3 * INTERVAL)[0].faces[0]
    assert face.expression == face.probabilities.argmax()
    pipeline.settings = PipelineSettings(tracker=TrackerSettings(start_confidence=1.0))
    pipeline.reset()
    assert play(pipeline, [face_picture] * 3, start=10.0)[-1].faces == ()


def test_time_that_jumps_back_begins_anew(pipeline, face_picture):
    before = play(pipeline, [face_picture] * 3, start=1000.0)[-1].faces[0]
    after = play(pipeline, [face_picture] * 3, start=5.0)[-1].faces[0]
    assert after.face_id != before.face_id
    assert 0 <= after.face_age < 1


def test_a_face_that_left_the_picture_between_detections_is_no_longer_answered(
    pipeline, face_picture
):
    pipeline.settings = PipelineSettings(detector_interval=100)
    fast = [np.roll(face_picture, 60 * i, axis=1)[:, :640] for i in range(3)]
    assert play(pipeline, fast)[-1].faces
    # Followed without the detector for seconds, whatever is still answered lies in the image.
    for step in range(3, 60):
        for face in pipeline.process(face_picture, step * INTERVAL).faces:
            assert face.roi.x < 640
            assert face.roi.x + face.roi.width > 0


@pytest.mark.parametrize('interval', [-1, -100])
def test_settings_out_of_range_are_refused(interval):
    with pytest.raises(ValueError, match='detector_interval'):
        PipelineSettings(detector_interval=interval)


def test_what_cannot_be_opened_is_named():
    with pytest.raises(ModelError, match='no_such_net'):
        Pipeline.open(network='no_such_net')
    with pytest.raises(DetectorError, match='no_such_detector'):
        Pipeline.open(detector='no_such_detector')


@pytest.mark.parametrize('interval', [1, 100])
@pytest.mark.parametrize('jump', [-0.6, -1000.0, 5.5, 1e6])
def test_time_that_jumps_makes_all_faces_new_at_once(shared, face_picture, interval, jump):
    settings = PipelineSettings(detector_interval=interval)
    pipeline = Pipeline(shared.detector, shared.classifier, settings)
    before = play(pipeline, [face_picture] * 5, start=1000.0)[-1]
    last = 1000.0 + 4 * INTERVAL
    assert pipeline.time_jump(last + jump) == pytest.approx(jump)
    after = play(pipeline, [face_picture] * 3, start=last + jump)
    assert after[0].times.detector_ran
    (old,), (new,) = before.faces, after[-1].faces
    assert new.face_id != old.face_id
    assert new.face_age == pytest.approx(2 * INTERVAL)


@pytest.mark.parametrize('step', [-0.4, 0.0, 4.5])
def test_time_that_does_not_jump_keeps_the_faces(pipeline, face_picture, step):
    before = play(pipeline, [face_picture] * 5, start=1000.0)[-1]
    last = 1000.0 + 4 * INTERVAL
    assert pipeline.time_jump(last + step) == 0.0
    after = pipeline.process(face_picture, last + step)
    assert [f.face_id for f in after.faces] == [f.face_id for f in before.faces]


def test_a_recording_shorter_than_any_jump_makes_no_stuck_answer(pipeline, face_picture, nobody):
    """Stamps go round in 0.4 s: no jump is big enough to be one, and still time goes on."""
    for number in range(30):
        result = pipeline.process(face_picture, 5.0 + number % 6 * INTERVAL)
    assert len({face.face_id for face in result.faces}) == 1
    for number in range(60):
        result = pipeline.process(nobody, 5.0 + number % 6 * INTERVAL)
    assert result.faces == ()
