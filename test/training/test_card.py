# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import os
from pathlib import Path

import pytest

from emotionnet_ros.training.card import END, START, CardError, figures_section, record_figures
from emotionnet_ros.training.evaluate import evaluate

WEIGHTS = Path(__file__).parents[2] / 'emotionnet_ros' / 'weights'
SHIPPED = pytest.mark.parametrize('path', sorted(WEIGHTS.glob('*.onnx')), ids=lambda p: p.name)
REAL = os.environ.get('EMOTIONNET_FERPLUS')


@SHIPPED
def test_figures_and_card_belong_to_the_weights(path: Path):
    figures = json.loads(path.with_suffix('.json').read_text())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert figures['sha256'] == digest
    for name in ('valid', 'test'):
        assert figures[name]['sha256'] == digest
    card = path.with_suffix('.md').read_text()
    assert f'{START}\n{figures_section(figures)}\n{END}' in card


@SHIPPED
@pytest.mark.skipif(not REAL, reason='EMOTIONNET_FERPLUS does not name a folder with FER+')
def test_the_validation_figures_can_be_had_again(path: Path):
    recorded = json.loads(path.with_suffix('.json').read_text())['valid']
    again = evaluate(path, Path(str(REAL)), 'valid')
    assert again['count'] == recorded['count']
    assert again['accuracy'] == pytest.approx(recorded['accuracy'], abs=0.002)
    assert again['balanced_accuracy'] == pytest.approx(recorded['balanced_accuracy'], abs=0.005)


def test_broken_figures_and_a_card_without_marks_are_named(tmp_path: Path):
    weights = tmp_path / 'w.onnx'
    weights.write_bytes(b'weights')
    weights.with_suffix('.json').write_text('{')
    with pytest.raises(CardError, match=r'w\.json is not JSON'):
        record_figures(weights, {})
    weights.with_suffix('.json').unlink()
    weights.with_suffix('.md').write_text(f'# Card\n{START}\n')
    with pytest.raises(CardError, match=r'w\.md lacks the lines'):
        record_figures(weights, {})
    assert weights.with_suffix('.md').read_text() == f'# Card\n{START}\n'


def test_figures_without_a_card(tmp_path: Path):
    weights = tmp_path / 'w.onnx'
    weights.write_bytes(b'weights')
    record_figures(weights, {'file': {'parameters': 141163}})
    record_figures(weights, {'note': 1})
    figures = json.loads(weights.with_suffix('.json').read_text())
    assert figures['file'] == {'parameters': 141163}
    assert figures['note'] == 1
    assert '| parameters | 141,163 |' in figures_section(figures)
    assert not weights.with_suffix('.md').exists()
