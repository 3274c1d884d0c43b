# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip('torch', reason='training needs torch')

import yaml  # noqa: E402

from emotionnet_ros.training import cross_validation  # noqa: E402
from emotionnet_ros.training.augmentation import Geometry  # noqa: E402
from emotionnet_ros.training.ckplus import read_ckplus  # noqa: E402
from emotionnet_ros.training.config import (  # noqa: E402
    ConfigError,
    TrainingConfig,
    read_config,
)
from emotionnet_ros.training.cross_validation import folds_by_subject  # noqa: E402
from emotionnet_ros.training.face_images import LabelledImages  # noqa: E402
from emotionnet_ros.training.ferplus import DataError  # noqa: E402
from emotionnet_ros.training.run import Run, TrainingSet  # noqa: E402

EPOCHS = 8
QUICK = TrainingConfig(
    epochs=EPOCHS,
    batch_size=14,
    learning_rate=5e-3,
    ema_decay=0.5,
    geometry=Geometry(0.05, 0.05, 5.0, 0.0, 0.0),
    threads=1,
    bfloat16=False,
    channels_last=False,
    compile=False,
)
SUBJECTS = st.lists(st.integers(0, 999).map('S{:03d}'.format), min_size=1, max_size=60)


@given(subjects=SUBJECTS, folds=st.integers(2, 12), random=st.randoms())
def test_folds_are_independent_of_the_subject(subjects: list[str], folds: int, random):
    names = sorted(set(subjects))
    if len(names) < folds:
        with pytest.raises(DataError, match='cannot be dealt out'):
            folds_by_subject(subjects, folds)
        return
    fold_of = folds_by_subject(subjects, folds)
    seen = [
        {name for name, own in zip(subjects, fold_of == k, strict=True) if own}
        for k in range(folds)
    ]
    assert sum(len(group) for group in seen) == len(names)  # nobody stands in two
    assert set().union(*seen) == set(names)
    assert [sorted(group) for group in seen] == [names[k::folds] for k in range(folds)]
    # The order of the pictures changes nothing.
    order = list(range(len(subjects)))
    random.shuffle(order)
    shuffled = folds_by_subject([subjects[i] for i in order], folds)
    np.testing.assert_array_equal(shuffled, fold_of[order])


def test_unknown_subjects_are_refused():
    with pytest.raises(DataError, match='not known of every picture whom it shows'):
        folds_by_subject(['S001', '', 'S002'], 2)


@dataclass
class Finished:
    """A cross-validation that was interrupted in its second fold and gone on with."""

    folder: Path
    command: list[str]
    first_status: int
    report_after_interruption: bool
    trained_on: list[tuple[str, TrainingSet]]  # with the name of the fold
    epochs: list[int]  # trained by the second command


@pytest.fixture(scope='module')
def finished(ckplus_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    root = tmp_path_factory.mktemp('cross_validation')
    config, folder = root / 'config.yaml', root / 'run'
    config.write_text(yaml.safe_dump(QUICK.as_dict()))
    command = ['--config', str(config), '--data', str(ckplus_folders), '--run', str(folder)]
    command += ['--folds', '2']
    trained_on, epochs = [], []
    save, train_epoch = Run.save, Run.train_epoch

    def save_then_stop(run: Run, is_best: bool) -> None:
        save(run, is_best)
        if run.folder.name == 'fold_02' and run.epoch == 3:
            raise KeyboardInterrupt

    def note_then_train(run: Run, data: TrainingSet, progress) -> float:
        trained_on.append((run.folder.name, data))
        epochs.append(run.epoch)
        return train_epoch(run, data, progress)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, 'train_epoch', note_then_train)
        patch.setattr(Run, 'save', save_then_stop)
        first_status = cross_validation.main(command)
        has_report = (folder / 'report.json').exists()
        patch.setattr(Run, 'save', save)
        epochs.clear()
        assert cross_validation.main(command) == 0
    return Finished(folder, command, first_status, has_report, trained_on, epochs)


def read_report(finished: Finished) -> dict:
    return json.loads((finished.folder / 'report.json').read_text())


def test_it_goes_on_within_the_fold(finished: Finished):
    assert finished.first_status == 130
    assert not finished.report_after_interruption
    assert finished.epochs == list(range(3, EPOCHS))


def test_it_learns(finished: Finished):
    report = read_report(finished)
    assert report['pooled']['accuracy'] > 0.5  # chance is 1/7
    assert all(row['accuracy'] > 0.3 for row in report['folds'])


def test_the_report(finished: Finished, capsys: pytest.CaptureFixture[str]):
    report = read_report(finished)
    assert [row['subjects'] for row in report['folds']] == [['S005', 'S130'], ['S010', 'S999']]
    assert [row['count'] for row in report['folds']] == [42, 42]
    confusion = np.array(report['pooled']['confusion'])
    assert (confusion == sum(np.array(row['confusion']) for row in report['folds'])).all()
    assert confusion.sum(axis=1).tolist() == [0, *[12] * 7]
    assert report['pooled']['recall']['neutral'] is None
    accuracies = [row['accuracy'] for row in report['folds']]
    assert report['mean']['accuracy'] == pytest.approx(np.mean(accuracies), abs=1e-4)
    spread = abs(accuracies[0] - accuracies[1]) / np.sqrt(2)
    assert report['standard_deviation']['accuracy'] == pytest.approx(spread, abs=1e-4)
    assert report['settings']['folds'] == 2
    assert '4 subjects' in report['protocol']
    text = (finished.folder / 'report.md').read_text()
    assert f'| pooled | 4 | 84 | {report["pooled"]["accuracy"]:.1%} |' in text
    assert '| contempt |' in text
    assert '| neutral |' not in text.split('label')[1]


def test_nobody_tested_was_trained_on(finished: Finished, ckplus_folders: Path):
    data = read_ckplus(ckplus_folders)
    fold_of = folds_by_subject(data.subjects, 2)
    pictures = [image.tobytes() for image in data.images]
    assert len(set(pictures)) == len(pictures)
    assert len(finished.trained_on) == 2 * EPOCHS
    for name, trained in finished.trained_on:
        tested = fold_of == int(name[-2:]) - 1
        seen = {image.tobytes() for image in trained.images.numpy()}
        assert seen == {p for p, own in zip(pictures, tested, strict=True) if not own}
        assert (trained.labels.sum(dim=1) == 1).all()
        assert (trained.labels.max(dim=1).values == 1).all()


def test_the_last_epoch_answers(finished: Finished):
    """No epoch was chosen: a choice would need pictures, and only the tested ones are left."""
    for fold in ('fold_01', 'fold_02'):
        assert not (finished.folder / fold / 'best.pt').exists()
        last = torch.load(finished.folder / fold / 'last.pt', weights_only=True)
        assert last['epoch'] == EPOCHS
        assert [set(row) for row in last['history']] == [{'epoch', 'loss'}] * EPOCHS


def test_a_finished_one_stays_as_it_is(finished: Finished, capsys: pytest.CaptureFixture[str]):
    files = ('fold_01/answers.json', 'fold_02/last.pt', 'report.json')
    before = [(finished.folder / name).read_bytes() for name in files]
    assert cross_validation.main(finished.command) == 0
    assert [(finished.folder / name).read_bytes() for name in files] == before
    printed = capsys.readouterr()
    assert '| pooled | 4 | 84 |' in printed.out
    assert 'fold 2 of 2: 42 images, accuracy' in printed.err


def test_other_settings_are_refused(
    finished: Finished, fresh_ckplus_folders: Path, capsys: pytest.CaptureFixture[str]
):
    start = str(finished.folder / 'fold_01' / 'last.pt')
    for other, named in (
        (['--folds', '3'], 'see folds'),
        (['--data', str(fresh_ckplus_folders)], 'see data'),
        (['--start', start], 'see start'),
    ):
        assert cross_validation.main([*finished.command, *other]) == 1
        assert named in capsys.readouterr().err


def test_a_damaged_answer_is_named(
    finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    answers = finished.folder / 'fold_01' / 'answers.json'
    content = answers.read_text()
    try:
        for damaged in (content[:100], '[[1, 0]]', '{"a": 1}'):
            answers.write_text(damaged)
            assert cross_validation.main(finished.command) == 1
            assert 'answers.json' in capsys.readouterr().err
    finally:
        answers.write_text(content)


def few(count: int) -> LabelledImages:
    subjects = tuple(f'S{number:03d}' for number in range(count))
    images = np.zeros((count, 48, 48), np.uint8)
    return LabelledImages(images, np.ones(count, np.int64), subjects, 'none')


def test_what_a_fold_cannot_be_trained_with(tmp_path: Path):
    with pytest.raises(ConfigError, match='distillation and fer2013'):
        cross_validation.cross_validate(replace(QUICK, distillation=0.5), few(4), tmp_path, 2)
    with pytest.raises(ConfigError, match='batch_size 14 exceeds the 2 images'):
        cross_validation.cross_validate(QUICK, few(4), tmp_path, 2)


def test_it_starts_from_given_weights(finished: Finished, tmp_path: Path):
    start = finished.folder / 'fold_01' / 'last.pt'
    config = replace(QUICK, epochs=1, batch_size=2, learning_rate=1e-8, ema_decay=0.0)
    cross_validation.cross_validate(config, few(4), tmp_path, 2, start)
    given = torch.load(start, weights_only=True)['average']
    found = torch.load(tmp_path / 'fold_02' / 'last.pt', weights_only=True)['average']
    name = 'head.weight'
    torch.testing.assert_close(found[name], given[name], atol=1e-5, rtol=0)


def test_the_own_configuration_can_be_used():
    config = read_config(cross_validation.DEFAULT_CONFIG)
    assert (config.epochs, config.learning_rate) == (200, 1e-3)
    assert not config.distillation
    assert not config.fer2013


def test_errors_of_the_data_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ['--data', str(tmp_path), '--run', str(tmp_path / 'run')]
    assert cross_validation.main(arguments) == 1
    assert 'nor a folder for each class' in capsys.readouterr().err
    assert cross_validation.main([*arguments, '--detector-model', 'face.pdf']) == 1
    assert 'face.pdf' in capsys.readouterr().err
    assert not (tmp_path / 'run').exists()
