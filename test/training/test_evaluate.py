# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import emotionnet_ros
from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.training import corruptions, evaluate, report
from emotionnet_ros.training.card import END, START
from emotionnet_ros.training.labelled import LAYOUTS, LabelledImages, read_ferplus

PICTURES = {'confusion', 'reliability', 'risk_coverage', 'corruptions'}


@pytest.fixture(scope='module')
def weights(make_network) -> Path:
    return make_network()


@pytest.fixture(scope='module')
def evaluated(weights: Path, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that one command writes, the weights and their card."""
    folder = tmp_path_factory.mktemp('evaluated')
    copy = folder / 'linear.onnx'
    copy.write_bytes(weights.read_bytes())
    copy.with_suffix('.md').write_text(f'# Card\n{START}\n{END}\n')
    arguments = [str(copy), '--data', str(tree), '--corruptions', '--card']
    arguments += ['--json', str(folder / 'result.json'), '--report', str(folder / 'report')]
    assert evaluate.main(arguments) == 0
    return folder


@pytest.fixture(scope='module')
def result(evaluated: Path) -> dict:
    return json.loads((evaluated / 'result.json').read_text())


def test_the_result_agrees_with_the_probabilities(result: dict, weights: Path, tree: Path):
    data = read_ferplus(tree, 'valid')
    probabilities = evaluate.predict(weights, data.images)
    correct = probabilities.argmax(axis=1) == data.labels
    assert result['count'] == len(data.images) == 24
    assert result['protocol'] == data.protocol
    assert result['accuracy'] == pytest.approx(correct.mean(), abs=1e-4)
    assert sum(result['reliability']['images']) == 24
    node = result['selective']['node']
    assert node['threshold'] == 0.45
    answered = probabilities.max(axis=1) >= 0.45
    assert node['coverage'] == pytest.approx(answered.mean(), abs=1e-4)
    assert 0 <= result['selective']['chosen']['threshold'] <= 1


def test_every_corruption_is_evaluated(result: dict, weights: Path, tree: Path):
    assert result['corruptions'].keys() == corruptions.CORRUPTIONS.keys()
    data = read_ferplus(tree, 'valid')
    for name, row in corruptions.CORRUPTIONS.items():
        figures = result['corruptions'][name]
        assert figures.keys() == {'unit', *row.amounts}
        for strength, amount in row.amounts.items():
            assert figures[strength]['amount'] == amount
            lost = 100 * (result['accuracy'] - figures[strength]['accuracy'])
            assert figures[strength]['points_lost'] == pytest.approx(lost, abs=0.06)
    images = corruptions.corrupt(data.images, 'blur', 'strong')
    correct = evaluate.predict(weights, images).argmax(axis=1) == data.labels
    assert result['corruptions']['blur']['strong']['accuracy'] == pytest.approx(
        correct.mean(), abs=1e-4
    )


def test_corruption_costs_a_network_that_knows(
    tree: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
):
    """The labels are the network's own answers: as they are, all images are right."""
    data = read_ferplus(tree, 'train')
    own = evaluate.predict(weights, data.images).argmax(axis=1)
    known = replace(data, labels=own)
    monkeypatch.setitem(LAYOUTS, 'known', lambda root, split, keep: known)
    found = evaluate.evaluate(weights, tree, layout='known', corruptions=True)
    assert found['accuracy'] == 1
    assert found['layout'] == 'known'
    lost = {name: at['middle']['points_lost'] for name, at in found['corruptions'].items()}
    assert min(lost.values()) >= 0
    assert lost['mirror'] > 0


def test_the_report_has_its_pictures(evaluated: Path, result: dict):
    folder = evaluated / 'report'
    assert {path.name for path in folder.iterdir()} == {
        'report.md',
        *(f'{name}.png' for name in PICTURES),
    }
    text = (folder / 'report.md').read_text()
    assert report.table(result) in text
    for name in PICTURES:
        assert f'({name}.png)' in text
        assert (folder / f'{name}.png').read_bytes().startswith(b'\x89PNG')
        picture = cv2.imread(str(folder / f'{name}.png'), cv2.IMREAD_GRAYSCALE)
        assert 300 < min(picture.shape) <= max(picture.shape) < 1200
        assert 0.01 < np.mean(picture < 200) < 0.7  # neither empty nor black


def test_the_card_has_the_headlines(evaluated: Path, result: dict):
    figures = json.loads((evaluated / 'linear.json').read_text())
    assert figures['valid'] == result
    assert (evaluated / 'linear.json').stat().st_size < 16_000
    card = (evaluated / 'linear.md').read_text()
    blur = [result['corruptions']['blur'][s]['points_lost'] for s in corruptions.STRENGTHS]
    cells = ' | '.join(f'{lost:.1f}' for lost in blur)
    assert f'| blur, 0.8 / 1.2 / 1.8 pixels, standard deviation | {cells} |' in card
    assert f'curve | {result["selective"]["aurc"]:.4f} |' in card
    assert f'| {report.answered_text(result["selective"]["chosen"])} |' in card


def test_a_report_of_classes_that_are_missing(weights: Path, tmp_path: Path):
    """One image, one class, nothing under corruptions."""
    one = LabelledImages(
        np.full((1, 48, 48), 99, np.uint8), np.array([3]), ('',), 'one image of one class'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LAYOUTS, 'one', lambda root, split, keep: one)
        found = evaluate.evaluate(weights, tmp_path, layout='one')
    report.write_report(found, tmp_path / 'report')
    text = (tmp_path / 'report' / 'report.md').read_text()
    assert 'one image of one class, 1 images' in text
    assert {path.stem for path in (tmp_path / 'report').glob('*.png')} == PICTURES - {
        'corruptions'
    }
    assert [found['recall'][name] for name in EXPRESSIONS].count(None) == 7


def test_no_threshold_is_chosen_on_test(weights: Path, tree: Path):
    found = evaluate.evaluate(weights, tree, 'test')
    assert 'chosen' not in found['selective']
    assert 'half of the time' not in report.table(found)


def test_what_is_wrong_is_named(
    weights: Path, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        evaluate.main([str(weights), '--data', str(tree), '--layout', 'nowhere'])
    assert "invalid choice: 'nowhere'" in capsys.readouterr().err
    no_folder = tmp_path / 'file'
    no_folder.write_text('')
    arguments = [str(weights), '--data', str(tree), '--report', str(no_folder)]
    assert evaluate.main(arguments) == 1
    assert str(no_folder) in capsys.readouterr().err


def test_another_layout_has_no_place_on_the_card(
    weights: Path,
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setitem(LAYOUTS, 'other', read_ferplus)
    with pytest.raises(SystemExit):
        evaluate.main([str(weights), '--data', str(tree), '--layout', 'other', '--card'])
    assert '--card records the splits of FER+ only' in capsys.readouterr().err
    assert not weights.with_suffix('.json').exists()


@pytest.mark.parametrize(
    ('blocked', 'options', 'status'),
    [
        (('torch', 'onnx'), ('--corruptions', '--report'), 0),
        (('torch', 'onnx', 'matplotlib'), ('--report',), 1),
    ],
)
def test_without_packages(
    weights: Path,
    tree: Path,
    tmp_path: Path,
    blocked: tuple[str, ...],
    options: tuple[str, ...],
    status: int,
):
    """A fresh interpreter in which the packages cannot be imported."""
    program = (
        'import sys\n'
        f'for name in {blocked!r}: sys.modules[name] = None\n'
        'from emotionnet_ros.training.evaluate import main\n'
        'sys.exit(main(sys.argv[1:]))'
    )
    folder = tmp_path / 'report'
    command = [sys.executable, '-c', program, str(weights), '--data', str(tree), *options]
    package = Path(emotionnet_ros.__file__).parents[1]
    done = subprocess.run(
        [*command, str(folder)], cwd=package, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    if status:
        assert 'install matplotlib' in done.stderr
    else:
        assert (folder / 'corruptions.png').is_file()
