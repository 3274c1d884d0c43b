# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip('torch', reason='training needs torch')

from emotionnet_ros.networks.modules import NanoModule  # noqa: E402
from emotionnet_ros.networks.tables import NANO_B  # noqa: E402
from emotionnet_ros.training import train  # noqa: E402
from emotionnet_ros.training.augmentation import Geometry  # noqa: E402
from emotionnet_ros.training.config import ConfigError, TrainingConfig  # noqa: E402
from emotionnet_ros.training.distillation import (  # noqa: E402
    ANSWERS,
    ensemble_answers,
    read_averaged,
)
from emotionnet_ros.training.run import CheckpointError  # noqa: E402

STILL = Geometry(shift=0.0, scale=0.0, rotation_deg=0.0, aspect=0.0, mirror=0.0)
QUICK = TrainingConfig(
    epochs=6,
    batch_size=16,
    learning_rate=5e-3,
    ema_decay=0.5,
    geometry=STILL,
    threads=1,
    bfloat16=False,
    channels_last=False,
    compile=False,
)


class Fixed(torch.nn.Module):
    """Answers with the brightness of the left and of the right half."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        left, right = images[..., :24].mean((1, 2, 3)), images[..., 24:].mean((1, 2, 3))
        return torch.stack([left, right], dim=1) / 100


@pytest.fixture(scope='module')
def teacher(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last checkpoint of a run that has learnt the generated patterns."""
    folder = tmp_path_factory.mktemp('teacher')
    train.train(QUICK, tree, folder)
    return folder / 'last.pt'


def half_lit(count: int) -> torch.Tensor:
    images = torch.zeros((count, 1, 48, 48), dtype=torch.uint8)
    images[..., :24] = 200
    return images


def test_a_picture_and_its_mirror_image_count_alike():
    answers = ensemble_answers([Fixed()], half_lit(3), 2, STILL, 1)
    assert answers.dtype == torch.float32
    torch.testing.assert_close(answers, torch.full((3, 2), 0.5), atol=5e-3, rtol=0)


def test_views_are_jittered_and_repeatable():
    images = half_lit(5)
    bounds = replace(STILL, shift=0.4)
    first = ensemble_answers([Fixed()], images, 6, bounds, 1, batch_size=2)
    again = ensemble_answers([Fixed()], images, 6, bounds, 1, batch_size=2)
    torch.testing.assert_close(first, again, atol=0, rtol=0)
    torch.testing.assert_close(first.sum(dim=1), torch.ones(5), atol=1e-3, rtol=0)
    assert len(torch.unique(first[:, 0])) == 5


def test_the_mean_is_over_the_teachers(teacher: Path):
    images = half_lit(2)
    one = read_averaged(teacher, torch.device('cpu'))
    torch.manual_seed(0)
    other = NanoModule(NANO_B).eval()
    each = [ensemble_answers([network], images, 2, STILL, 1) for network in (one, other)]
    both = ensemble_answers([one, other], images, 2, STILL, 1)
    torch.testing.assert_close(both, (each[0] + each[1]) / 2, atol=1e-5, rtol=0)


def test_a_student_learns_from_teachers_alone(
    tree: Path, fresh_tree: Path, tmp_path: Path, teacher: Path
):
    # Votes that say neutral of every training image: what is learnt comes from the teacher.
    label = fresh_tree / 'FER2013Train' / 'label.csv'
    rows = [row for row in label.read_text().splitlines() if row]
    label.write_text(
        '\n'.join(','.join([*row.split(',')[:-10], '10', *'000000000']) for row in rows) + '\n'
    )
    student = replace(QUICK, distillation=1.0, teacher_views=2, epochs=8)
    taught = train.train(student, fresh_tree, tmp_path / 'taught', [teacher])
    untaught = train.train(replace(QUICK, epochs=2), fresh_tree, tmp_path / 'untaught', start=None)
    assert taught[-1]['balanced_accuracy'] > 0.4
    assert untaught[-1]['balanced_accuracy'] == pytest.approx(1 / 8)


def test_the_answers_are_kept_for_going_on(tree: Path, tmp_path: Path, teacher: Path):
    student = replace(QUICK, distillation=0.5, teacher_views=2, epochs=1)
    train.train(student, tree, tmp_path, [teacher])
    kept = (tmp_path / ANSWERS).read_bytes()
    assert len(train.train(student, tree, tmp_path)) == 1  # without the teacher's file
    assert (tmp_path / ANSWERS).read_bytes() == kept
    other = tmp_path / 'other.pt'
    torch.save({**torch.load(teacher, weights_only=True), 'epoch': 99}, other)
    with pytest.raises(ConfigError, match='answers of other teachers'):
        train.train(student, tree, tmp_path, [other])


def test_what_is_missing_is_named(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    student = replace(QUICK, distillation=0.5)
    with pytest.raises(ConfigError, match='at least one --teacher'):
        train.train(student, tree, tmp_path)
    with pytest.raises(CheckpointError, match=r'nowhere\.pt: No such file'):
        train.train(student, tree, tmp_path, [tmp_path / 'nowhere.pt'])
    (tmp_path / ANSWERS).write_bytes(b'cut short')
    with pytest.raises(CheckpointError, match=r'teachers\.pt does not hold teachers. answers'):
        train.train(student, tree, tmp_path)
    config = tmp_path / 'small.yaml'
    config.write_text('batch_size: 16\ncompile: false\n')
    command = ['--config', str(config), '--data', str(tree), '--run', str(tmp_path / 'unborn')]
    assert train.main([*command, '--start', 'nowhere.pt']) == 1
    assert 'nowhere.pt: No such file' in capsys.readouterr().err


def test_a_start_from_trained_weights(tree: Path, tmp_path: Path, teacher: Path):
    slow = replace(QUICK, epochs=1, learning_rate=1e-8)
    history = train.train(slow, tree, tmp_path / 'started', start=teacher)
    assert history[-1]['accuracy'] > 0.5  # chance is 0.125
    assert train.train(slow, tree, tmp_path / 'anew')[-1]['accuracy'] < 0.4
    with pytest.raises(ConfigError, match='the weights to start from are not nano_a'):
        train.train(replace(slow, network='nano_a'), tree, tmp_path / 'unlike', start=teacher)
