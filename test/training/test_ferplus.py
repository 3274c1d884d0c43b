# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.training.ferplus import (
    DataError,
    blend_fer2013,
    counted_votes,
    main,
    majority_labels,
    read_split,
    soft_labels,
)

VOTES = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 8), st.just(10)), elements=st.integers(0, 10)
)
# A real copy of the data set is not part of this project.
REAL = os.environ.get('EMOTIONNET_FERPLUS')


def votes(**counts: int) -> np.ndarray:
    return np.array([[counts.get(name, 0) for name in (*EXPRESSIONS, 'unknown', 'none')]])


@pytest.mark.parametrize(
    ('counts', 'label'),
    [
        (votes(neutral=10), 0),
        (votes(contempt=6, neutral=4), 7),
        (votes(neutral=5, sadness=5), -1),  # half is no majority
        (votes(neutral=4, sadness=2, anger=1, fear=1, disgust=1, contempt=1), 0),  # lone votes go
        (votes(unknown=8, happiness=2), -1),
        (votes(none=10), -1),
        (votes(fear=1, unknown=1), -1),
        (votes(), -1),
    ],
)
def test_majority(counts: np.ndarray, label: int):
    assert majority_labels(counts).tolist() == [label]


def test_soft_labels_leave_out_lone_votes_and_unknown():
    labels = soft_labels(votes(anger=5, sadness=3, fear=1, unknown=1))
    np.testing.assert_allclose(labels[0], [0, 0, 0, 3 / 8, 5 / 8, 0, 0, 0])


@pytest.mark.parametrize('counts', [votes(anger=5, none=5), votes(unknown=9), votes(fear=1)])
def test_images_without_a_usable_soft_label(counts: np.ndarray):
    assert not soft_labels(counts).any()


@given(VOTES)
def test_labels_agree_with_each_other(counts: np.ndarray):
    soft, majority, counted = soft_labels(counts), majority_labels(counts), counted_votes(counts)
    total = soft.sum(axis=1)
    assert np.all(np.isclose(total, 1, atol=1e-6) | (total == 0))
    assert (counted != 1).all()
    for row in np.flatnonzero(majority >= 0):
        assert soft[row].argmax() == majority[row]


@pytest.mark.parametrize('layout', ['tree', 'zipped_tree'])
def test_folders_and_zip_files_read_alike(layout: str, tree: Path, request):
    data = read_split(request.getfixturevalue(layout), 'train')
    reference = read_split(tree, 'train')
    assert len(data) == 64
    assert data.names == reference.names
    assert data.images.dtype == np.uint8
    np.testing.assert_array_equal(data.images, reference.images)
    np.testing.assert_array_equal(majority_labels(data.votes), np.repeat(np.arange(8), 8))
    assert not data.is_duplicate.any()


def test_copies(fresh_tree: Path):
    """a = valid 64..87, b = test 88..103, train 0..63; copies across and within the splits."""
    (fresh_tree / 'fer2013_labels.csv').write_text(
        'split,image,fer2013_label,duplicate_of\n'
        'FER2013Test,fer0000088.png,angry,\n'
        'FER2013Test,fer0000089.png,sad,\n'
        'FER2013Test,fer0000090.png,sad,FER2013Test/fer0000089.png\n'
        'FER2013Valid,fer0000064.png,happy,\n'
        'FER2013Train,fer0000000.png,angry,FER2013Test/fer0000088.png\n'
        'FER2013Train,fer0000001.png,happy,FER2013Valid/fer0000064.png\n'
        'FER2013Train,fer0000002.png,sad,\n'
        'FER2013Train,fer0000003.png,sad,FER2013Train/fer0000002.png\n'
    )
    train, valid, test = (read_split(fresh_tree, split) for split in ('train', 'valid', 'test'))
    assert np.flatnonzero(train.is_duplicate).tolist() == [0, 1, 3]
    assert np.flatnonzero(train.is_in_other_split).tolist() == [0, 1]
    assert np.flatnonzero(valid.is_in_other_split).tolist() == [0]
    assert not valid.is_duplicate.any()
    assert np.flatnonzero(test.is_duplicate).tolist() == [2]
    assert np.flatnonzero(test.is_in_other_split).tolist() == [0]
    assert train.fer2013[:3] == ('angry', 'happy', 'sad')
    assert test.fer2013[5] == ''


def test_what_is_missing_is_named(tmp_path: Path, fresh_tree: Path):
    with pytest.raises(DataError, match=r'neither FER2013Train/ nor FER2013Train\.zip'):
        read_split(tmp_path, 'train')
    (fresh_tree / 'FER2013Train' / 'fer0000005.png').unlink()
    with pytest.raises(DataError, match=r'fer0000005\.png'):
        read_split(fresh_tree, 'train')


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('a.png,"(0, 0, 48, 48)",1,2\n', 'line 1: 4 columns instead of 12'),
        ('a.png,box,1,2,3,4,x,6,7,8,9,0\n', 'line 1: a vote count is not a whole number'),
        ('a.png,box,1,2,3,4,-5,6,7,8,9,0\n', 'line 1: a vote count is negative'),
        ('\n', 'names no image'),
    ],
)
def test_a_wrong_label_file_is_named(fresh_tree: Path, line: str, message: str):
    (fresh_tree / 'FER2013Test' / 'label.csv').write_text(line)
    with pytest.raises(DataError, match=message):
        read_split(fresh_tree, 'test')


@pytest.mark.parametrize('content', [b'', b'no image'])
def test_a_broken_image_is_named(fresh_tree: Path, content: bytes):
    (fresh_tree / 'FER2013Test' / 'fer0000088.png').write_bytes(content)
    with pytest.raises(DataError, match=r'fer0000088\.png is not an image'):
        read_split(fresh_tree, 'test')


def test_a_broken_zip_file_is_named(tmp_path: Path):
    (tmp_path / 'FER2013Test.zip').write_bytes(b'not a zip file')
    with pytest.raises(DataError, match=r'FER2013Test\.zip'):
        read_split(tmp_path, 'test')


def test_command(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(['--data', str(tree)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert '| test | 16 |' in lines[-1]
    assert lines[-1].endswith('| 16 | 16 | 16 |')
    assert main(['--data', str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.skipif(not REAL, reason='EMOTIONNET_FERPLUS does not name a folder with FER+')
@pytest.mark.parametrize(
    ('split', 'counts', 'no_copy_elsewhere'),
    [
        ('train', [8733, 7284, 3136, 3022, 2098, 116, 536, 120], None),
        ('valid', [1180, 862, 411, 348, 289, 25, 60, 16], None),
        ('test', [1083, 892, 394, 382, 269, 16, 86, 15], 2870),
    ],
)
def test_known_counts_of_the_real_data(
    split: str, counts: list[int], no_copy_elsewhere: int | None
):
    data = read_split(Path(str(REAL)), split)
    labels = majority_labels(data.votes)
    assert np.bincount(labels[labels >= 0], minlength=8).tolist() == counts
    if no_copy_elsewhere is not None:
        assert np.sum((labels >= 0) & ~data.is_in_other_split) == no_copy_elsewhere


def test_labels_of_the_original_data_set_get_a_share():
    labels = np.zeros((4, 8), dtype=np.float32)
    labels[0, 4], labels[1, 5], labels[2, 0] = 1, 1, 1  # anger, disgust, neutral; one not usable
    fer2013 = ('disgusted', 'angry', 'disgusted|fearful', 'disgusted')
    blended = blend_fer2013(labels, fer2013, {'disgust': 0.2, 'fear': 0.5})
    assert blended[0] == pytest.approx([0, 0, 0, 0, 0.8, 0.2, 0, 0])
    assert blended[1] == pytest.approx(labels[1])
    assert blended[2] == pytest.approx([0.4, 0, 0, 0, 0, 0.1, 0.5, 0])
    assert not blended[3].any()
    assert labels[0, 4] == 1  # the argument stays as it was
