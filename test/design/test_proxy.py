# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip('torch', reason='design exploration needs torch')

from torch.nn.functional import cross_entropy  # noqa: E402

from emotionnet_ros.design.proxy import rescaled  # noqa: E402


def answers(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits as likely as they say, and labels drawn from them."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(count, 8, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return logits, labels


@pytest.mark.parametrize('scale', [0.3, 1.0, 4.0])
def test_scale_and_habit_of_a_head_do_not_count(scale: float):
    logits, labels = answers(4000, 1)
    habit = torch.tensor([1.0, -0.5, 0.3, 0.0, 0.7, -1.0, 0.2, -0.7])
    honest = float(cross_entropy(logits, labels))
    bent = scale * (logits + habit)
    assert cross_entropy(bent, labels) > honest + 0.02
    assert float(cross_entropy(rescaled(bent, labels), labels)) == pytest.approx(honest, abs=0.01)


def test_labels_without_sense_are_not_learnt_by_heart():
    logits, _ = answers(60, 2)
    labels = torch.randint(0, 8, (60,), generator=torch.Generator().manual_seed(3))
    assert cross_entropy(rescaled(logits, labels), labels) > 1.9  # by chance: log 8 = 2.08


def test_a_class_without_images():
    logits, labels = answers(200, 4)
    kept = labels != 7
    found = rescaled(logits[kept], labels[kept])
    assert found.isfinite().all()
    assert found.abs().max() < 50
