# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A detector or a network that fails in the middle of a run costs that image, and no other."""

from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionnet_ros.expressions import Box
from emotionnet_ros.faces.detection import Detection
from emotionnet_ros.imaging import ImageError
from emotionnet_ros.inference.classifier import Classifier
from emotionnet_ros.pipeline import EncodedImage, Pipeline, PipelineSettings, StageError

INTERVAL = 1 / 15


class Failing:
    """Stands for a detector or a network; raises on the calls that are told beforehand."""

    def __init__(self, real, method, errors):
        self._real = real
        self._work = getattr(real, method)
        self._errors = errors
        self.calls = 0
        setattr(self, method, self._call)

    def __getattr__(self, name):
        return getattr(self._real, name)

    def _call(self, argument):
        self.calls += 1
        if error := self._errors.get(self.calls):
            raise error
        return self._work(argument)


@pytest.fixture(scope='module')
def shared():
    return Pipeline.open()


def play(pipeline, pictures):
    """Answers and errors, by image, as a node would go on after each."""
    outcomes = []
    for index, picture in enumerate(pictures):
        try:
            outcomes.append(pipeline.process(picture, index * INTERVAL))
        except (ImageError, StageError) as error:
            outcomes.append(error)
    return outcomes


ERRORS = {
    4: RuntimeError('an accelerator went away'),
    5: MemoryError(),
    8: cv2.error('assertion failed'),
    9: ValueError('shapes'),
    12: ZeroDivisionError(),
}


@pytest.mark.parametrize('interval', [1, 3])
@pytest.mark.parametrize('stage', ['detector', 'network'])
def test_a_failure_costs_one_image(shared, face_picture, stage, interval):
    parts = {'detector': (shared.detector, 'detect'), 'network': (shared.classifier, 'classify')}
    failing = Failing(*parts[stage], ERRORS)
    pipeline = (
        Pipeline(failing, shared.classifier)
        if stage == 'detector'
        else Pipeline(shared.detector, failing)
    )
    pipeline.settings = PipelineSettings(detector_interval=interval)
    outcomes = play(pipeline, [face_picture] * 45)
    assert failing.calls > max(ERRORS)
    errors = [o for o in outcomes if isinstance(o, StageError)]
    assert Counter(error.reason for error in errors) == {f'{stage}_failed': len(ERRORS)}
    assert [error.__cause__ for error in errors] == list(ERRORS.values())
    name = pipeline.detector.name if stage == 'detector' else pipeline.classifier.name
    for error in errors:
        assert name in str(error)
        assert '640 x 480' in str(error)
        assert type(error.__cause__).__name__ in str(error)
    # Every other image from the second sight of the face on has its answer, always the same face.
    answers = [o for o in outcomes[2:] if not isinstance(o, StageError)]
    assert len(answers) == len(outcomes) - 2 - len(ERRORS)
    assert len({face.face_id for answer in answers for face in answer.faces}) == 1
    assert all(len(answer.faces) == 1 for answer in answers)
    undisturbed = play(Pipeline(shared.detector, shared.classifier), [face_picture] * 3)[-1]
    np.testing.assert_allclose(
        answers[-1].faces[0].probabilities, undisturbed.faces[0].probabilities, atol=0.05
    )


def test_a_detector_that_fails_for_long_is_tried_again_on_every_image(shared, face_picture):
    failing = Failing(shared.detector, 'detect', {n: OSError('gone') for n in range(5, 20)})
    pipeline = Pipeline(failing, shared.classifier, PipelineSettings(detector_interval=4))
    outcomes = play(pipeline, [face_picture] * 60)
    failed = [i for i, o in enumerate(outcomes) if isinstance(o, StageError)]
    assert failed == list(range(failed[0], failed[0] + 15))
    assert all(o.faces for o in outcomes[failed[-1] + 1 :])


def test_a_jpeg_that_cannot_be_decoded_is_the_images_fault(shared, face_picture):
    file = cv2.imencode('.jpg', face_picture)[1].tobytes()
    broken = EncodedImage(file.replace(b'\xff\xdb', b'\xff\xe9'))
    outcomes = play(
        Pipeline(shared.detector, shared.classifier), [EncodedImage(file)] * 3 + [broken]
    )
    assert isinstance(outcomes[-1], ImageError)
    assert outcomes[-1].reason == 'corrupt_jpeg'


class Fixed:
    """A detector whose answer is given."""

    name, crop_side_over_box, crop_shift_y = 'fixed', 0.98, -0.02

    def __init__(self, boxes):
        self._detections = [Detection(box, 0.9) for box in boxes]

    def detect(self, frame):
        return self._detections


numbers = st.one_of(
    st.floats(-800, 1600), st.floats(allow_nan=True, allow_infinity=True), st.just(0.0)
)


@pytest.fixture(scope='module')
def network():
    return Classifier('nano_b')


@given(boxes=st.lists(st.builds(Box, numbers, numbers, numbers, numbers), max_size=6))
@settings(max_examples=300, deadline=None)
def test_whatever_boxes_a_detector_gives(network, face_picture, boxes):
    """A face that cannot be cut out is left out, and does not cost the others their answer."""
    good = Box(170, 90, 120, 120)
    pipeline = Pipeline(Fixed([good, *boxes]), network)
    with np.errstate(all='ignore'):
        outcomes = [pipeline.process(face_picture, stamp) for stamp in (0.0, 0.1, 0.2)]
    for face in outcomes[-1].faces:
        assert np.isfinite(face.probabilities).all()
    if not any(good.iou(box) > 0.2 for box in boxes):
        assert any(good.iou(face.roi) > 0.9 for face in outcomes[-1].faces)


def test_a_face_that_leaves_over_the_edge_is_left_out(network, face_picture):
    """With this detector's crop, a box that only just touches the image has none."""
    leaving, good = Box(300, -99.5, 100, 100), Box(170, 90, 120, 120)
    pipeline = Pipeline(Fixed([leaving, good]), network)
    (face,) = pipeline.process(face_picture, 0.0).faces
    assert face.roi == good
