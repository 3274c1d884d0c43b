# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='training needs torch')
pytest.importorskip('onnx', reason='exporting needs onnx')

import yaml  # noqa: E402

from emotionnet_ros.networks.onnx_file import read_weight_file  # noqa: E402
from emotionnet_ros.training import compare, evaluate, export, run, train  # noqa: E402
from emotionnet_ros.training.card import END, START  # noqa: E402
from emotionnet_ros.training.config import ConfigError, TrainingConfig  # noqa: E402
from emotionnet_ros.training.ferplus import majority_labels, read_split  # noqa: E402

QUICK = TrainingConfig(
    epochs=2,
    batch_size=16,
    learning_rate=5e-3,
    ema_decay=0.5,
    effects={'noise': 0.2},
    threads=1,
    bfloat16=False,
    channels_last=False,
    compile=False,
)


class Interrupted(Exception):  # noqa: N818 - what a person's Ctrl-C stands for here
    pass


@pytest.fixture(scope='module')
def finished(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has learnt something."""
    folder = tmp_path_factory.mktemp('finished')
    train.train(replace(QUICK, epochs=8), tree, folder)
    return folder


def test_it_learns(finished: Path):
    history = json.loads((finished / 'history.json').read_text())
    assert [row['epoch'] for row in history] == list(range(1, 9))
    assert history[-1]['loss'] < 0.7 * history[0]['loss']
    assert max(row['accuracy'] for row in history) > 0.5  # chance is 0.125


def test_what_a_run_leaves(finished: Path):
    table = (finished / 'history.md').read_text().splitlines()
    assert len(table) == 2 + 8
    assert 'recall contempt' in table[0]
    assert (finished / 'curves.png').read_bytes().startswith(b'\x89PNG')
    assert not list(finished.glob('*.tmp'))


def test_the_best_epoch_is_kept(finished: Path):
    history = json.loads((finished / 'history.json').read_text())
    best = torch.load(finished / 'best.pt', weights_only=True)
    costs = [row['nll'] for row in history]
    assert best['epoch'] == 1 + costs.index(min(costs))


def test_an_interrupted_run_ends_as_if_nothing_had_been(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    train.train(QUICK, tree, whole)

    def interrupt(*_: object) -> None:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(train, 'write_history', interrupt)
        with pytest.raises(Interrupted):
            train.train(QUICK, tree, broken)
    assert torch.load(broken / 'last.pt', weights_only=True)['epoch'] == 1
    train.train(QUICK, tree, broken)
    first, second = (
        torch.load(folder / 'last.pt', weights_only=True) for folder in (whole, broken)
    )
    assert first['history'] == second['history']
    for part in ('module', 'average'):
        for name, value in first[part].items():
            torch.testing.assert_close(second[part][name], value, atol=0, rtol=0)


def test_a_finished_run_stays_as_it_is(finished: Path, tree: Path):
    before = (finished / 'last.pt').read_bytes()
    assert len(train.train(replace(QUICK, epochs=8), tree, finished)) == 8
    assert (finished / 'last.pt').read_bytes() == before


def test_another_configuration_is_refused_but_another_machine_is_not(finished: Path, tree: Path):
    with pytest.raises(ConfigError, match=r'another configuration \(see seed\)'):
        train.train(replace(QUICK, epochs=8, seed=2), tree, finished)
    assert len(train.train(replace(QUICK, epochs=8, threads=2), tree, finished)) == 8


def test_balanced_sampling(fresh_tree: Path):
    data = read_split(fresh_tree, 'train')
    keep = np.ones(64, dtype=bool)
    keep[8:15] = False  # one happy face is left
    data = data.select(keep)
    device = torch.device('cpu')
    even = train.training_set(data, replace(QUICK, balance=0.0), device)
    assert torch.allclose(even.weights, torch.ones(len(even)))
    balanced = train.training_set(data, replace(QUICK, balance=1.0), device)
    happy = majority_labels(data.votes) == 1
    assert happy.sum() == 1
    assert balanced.weights[torch.from_numpy(happy)].min() > 1.2 * balanced.weights.median()


def test_duplicates_and_faceless_images_are_not_trained_on(fresh_tree: Path):
    (fresh_tree / 'fer2013_labels.csv').write_text(
        'split,image,fer2013_label,duplicate_of\n'
        'FER2013Train,fer0000000.png,angry,FER2013Test/fer0000088.png\n'
    )
    data = read_split(fresh_tree, 'train')
    data.votes[1] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]
    assert len(train.training_set(data, QUICK, torch.device('cpu'))) == 62


def test_a_loss_that_is_no_number_ends_the_run(tree: Path, tmp_path: Path):
    data = train.training_set(read_split(tree, 'train'), QUICK, torch.device('cpu'))
    attempt = run.Run(QUICK, tmp_path, 1)
    with torch.no_grad():
        attempt.module.head.bias.fill_(float('nan'))
    with pytest.raises(run.TrainingError, match='the loss became nan in epoch 1'):
        attempt.train_epoch(data, train.tqdm(disable=True))


def test_the_average_follows_the_weights(tmp_path: Path):
    attempt = run.Run(QUICK, tmp_path, 1)
    with torch.no_grad():
        attempt.average.head.bias.fill_(0.0)
        attempt.module.head.bias.fill_(1.0)
    run.update_average(attempt.average, attempt.module, 0.9, step=10_000)
    torch.testing.assert_close(attempt.average.head.bias, torch.full((8,), 0.1))
    run.update_average(attempt.average, attempt.module, 0.9, step=0)  # 0.1 of the old is kept
    torch.testing.assert_close(attempt.average.head.bias, torch.full((8,), 0.91))


def test_an_absent_device_is_named():
    with pytest.raises(ConfigError, match=r'device .nowhere. cannot be used'):
        run.usable_device('nowhere')


def test_learning_rate_schedule():
    factors = [run.learning_rate_factor(step, 100, 0.1) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == factors[9] == pytest.approx(1)
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert 0 <= factors[-1] < 0.001


def test_export_and_evaluation(
    finished: Path, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    weights, card = tmp_path / 'nano_b.onnx', tmp_path / 'nano_b.md'
    card.write_text(f'# Card\n{START}\n{END}\nwords\n')
    arguments = ['--data', str(tree)]
    status = export.main(
        ['--run', str(finished), *arguments, '--weights', str(weights), '--version', '7']
    )
    assert status == 0, capsys.readouterr().err
    figures = json.loads(weights.with_suffix('.json').read_text())
    assert figures['sha256'] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert figures['valid']['count'] == 24
    assert figures['valid']['accuracy'] > 0.5
    assert read_weight_file(weights).version == '7'

    out = tmp_path / 'result.json'
    command = [str(weights), *arguments, '--split', 'test', '--json', str(out), '--card']
    assert evaluate.main(command) == 0
    printed = capsys.readouterr().out
    result = json.loads(out.read_text())
    assert result['count'] == 16
    assert f'accuracy {result["accuracy"]:.1%}' in printed
    figures = json.loads(weights.with_suffix('.json').read_text())
    assert figures['test'] == result
    text = card.read_text()
    assert text.startswith('# Card\n')
    assert text.endswith('\nwords\n')
    assert f'| {figures["valid"]["accuracy"]:.1%} | {result["accuracy"]:.1%} |' in text


def test_figures_of_other_weights_are_dropped(finished: Path, tree: Path, tmp_path: Path):
    weights = tmp_path / 'nano_b.onnx'
    weights.with_suffix('.json').write_text('{"sha256": "of another file", "test": {}}')
    export.export(finished, tree, weights, '1')
    assert 'test' not in json.loads(weights.with_suffix('.json').read_text())


def test_commands_name_what_is_wrong(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data, folder = ['--data', str(tree)], ['--run', str(tmp_path / 'run')]
    assert train.main(['--config', str(tmp_path / 'none.yaml'), *data, *folder]) == 1
    assert 'none.yaml' in capsys.readouterr().err
    config = tmp_path / 'config.yaml'
    config.write_text(yaml.safe_dump({**QUICK.as_dict(), 'batch_size': 4096}))
    assert train.main(['--config', str(config), *data, *folder]) == 1
    assert 'batch_size 4096 exceeds the 64 images' in capsys.readouterr().err
    config.write_text(yaml.safe_dump(QUICK.as_dict()))
    (tmp_path / 'run' / 'last.pt').write_bytes(b'half a checkpoint')
    assert train.main(['--config', str(config), *data, *folder]) == 1
    assert 'last.pt is not a checkpoint' in capsys.readouterr().err
    weights = ['--weights', str(tmp_path / 'w.onnx'), '--version', '1']
    assert export.main(['--run', str(tmp_path), *data, *weights]) == 1
    assert 'best.pt: No such file' in capsys.readouterr().err
    (tmp_path / 'best.pt').write_bytes(b'no checkpoint')
    assert export.main(['--run', str(tmp_path), *data, *weights]) == 1
    assert 'not a checkpoint' in capsys.readouterr().err
    assert evaluate.main([str(tmp_path / 'w.onnx'), *data]) == 1
    assert 'w.onnx' in capsys.readouterr().err
    assert evaluate.main([str(tmp_path / 'w.onnx'), '--data', str(tmp_path)]) == 1
    assert 'neither FER2013Valid' in capsys.readouterr().err


def test_mixup_blends_images_and_labels_alike():
    generator = torch.Generator().manual_seed(3)
    images = torch.arange(64.0)[:, None, None, None].expand(64, 1, 48, 48)
    labels = torch.stack([torch.arange(64.0), 63 - torch.arange(64.0)], dim=1) / 63
    mixed, blended = run.mixup(images, labels, 0.4, generator)
    torch.testing.assert_close(mixed[:, 0, 5, 7] / 63, blended[:, 0])
    torch.testing.assert_close(blended.sum(dim=1), torch.ones(64))
    moved = (mixed[:, 0, 0, 0] - torch.arange(64.0)).abs()
    assert moved.max() > 5
    # The image itself has the greater share, and with a small alpha most are hardly blended.
    few, _ = run.mixup(images, labels, 0.01, generator)
    assert (few[:, 0, 0, 0] - torch.arange(64.0)).abs().median() < 0.1


def test_runs_are_compared(
    finished: Path, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    other = tmp_path / 'jpeg'
    train.train(replace(QUICK, epochs=1, effects={'noise': 0.2, 'jpeg': 0.5}), tree, other)
    capsys.readouterr()
    assert compare.main([str(finished), str(other), '--last', '2']) == 0
    lines = capsys.readouterr().out.splitlines()
    history = json.loads((finished / 'history.json').read_text())
    mean = (history[-1]['accuracy'] + history[-2]['accuracy']) / 2
    assert lines[2].startswith(f'| {finished.name} | - | 8 | {mean:.4f} |')
    assert lines[3].startswith('| jpeg | epochs 1, effects.jpeg 0.5 | 1 |')
    assert compare.differences({'effects': {'jpeg': 0.5}}, {'effects': {}}) == ['effects none']
    assert compare.main([str(tmp_path / 'nowhere')]) == 1
    assert 'nowhere' in capsys.readouterr().err
