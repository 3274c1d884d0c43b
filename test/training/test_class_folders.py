# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.imaging import RawImage, decode
from emotionnet_ros.training.class_folders import CLASS_OF_FOLDER, read_class_folders
from emotionnet_ros.training.face_images import network_input
from emotionnet_ros.training.ferplus import DataError
from emotionnet_ros.training.labelled import LAYOUTS


def write(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def flat(value: int, height: int = 48, width: int = 48) -> np.ndarray:
    return np.full((height, width), value, np.uint8)


@pytest.fixture
def split_tree(tmp_path: Path) -> Path:
    """Train holds two pictures of its own and one that is a picture of the test split."""
    for split, values in (('train', (10, 20)), ('Validation', (30,)), ('test', (40,))):
        for value in values:
            write(tmp_path / split / 'Angry' / f'{value}.png', flat(value))
    write(tmp_path / 'train' / 'happy' / 'copy.png', flat(40))
    return tmp_path


def test_every_spelling(tmp_path: Path):
    for number, name in enumerate(CLASS_OF_FOLDER):
        write(tmp_path / name.capitalize() / f'{number}.png', flat(number))
    data = read_class_folders(tmp_path, 'valid')
    assert len(data) == len(CLASS_OF_FOLDER)
    spellings = tuple(CLASS_OF_FOLDER)
    for image, label in zip(data.images, data.labels, strict=True):
        assert EXPRESSIONS[label] == CLASS_OF_FOLDER[spellings[image[0, 0]]]
    assert set(CLASS_OF_FOLDER.values()) == set(EXPRESSIONS)
    assert data.subjects == ('',) * len(data)
    assert 'no splits' in data.protocol


def test_colour_png_and_jpeg_of_any_size_become_grey(tmp_path: Path):
    blue = np.zeros((100, 100, 3), np.uint8)
    blue[..., 0] = 255
    write(tmp_path / 'sad' / 'a.png', blue)
    write(tmp_path / 'sad' / 'b.JPG', blue[:30, :20])
    data = read_class_folders(tmp_path, 'test')
    assert data.images.shape == (2, 48, 48)
    assert data.images.dtype == np.uint8
    np.testing.assert_allclose(data.images, 29, atol=2)  # luma's weight of blue is 0.114


@given(height=st.integers(1, 300), width=st.integers(1, 300), value=st.integers(0, 255))
def test_any_size_gives_the_networks_input(height: int, width: int, value: int):
    frame = decode(RawImage(width, height, 'mono8', width, False, flat(value, height, width)))
    image = network_input(frame)
    assert image.shape == (48, 48)
    assert image.dtype == np.uint8
    assert (image == value).all()


def test_every_pixel_counts_when_a_picture_shrinks(tmp_path: Path):
    lines = flat(0, 192, 192)
    lines[:, ::4] = 200
    write(tmp_path / 'fear' / 'lines.png', lines)
    np.testing.assert_array_equal(read_class_folders(tmp_path, 'test').images, 50)


def test_other_files_and_hidden_folders_are_passed_over(tmp_path: Path):
    write(tmp_path / 'neutral' / 'face.png', flat(1))
    (tmp_path / 'neutral' / '._face.png').write_bytes(b'what macOS leaves')
    (tmp_path / 'neutral' / 'Thumbs.db').write_bytes(b'what Windows leaves')
    (tmp_path / '.git').mkdir()
    (tmp_path / 'README.txt').write_text('about')
    assert len(read_class_folders(tmp_path, 'train')) == 1


def test_splits(split_tree: Path):
    values = {
        split: read_class_folders(split_tree, split).images[:, 0, 0].tolist()
        for split in ('train', 'valid')
    }
    assert values == {'train': [10, 20], 'valid': [30]}


def test_copies_in_other_splits(split_tree: Path):
    kept = read_class_folders(split_tree, 'train', keep_copies=True)
    assert kept.images[:, 0, 0].tolist() == [10, 20, 40]
    assert 'copies in other splits kept' in kept.protocol
    assert 'left out' in read_class_folders(split_tree, 'train').protocol
    with pytest.raises(DataError, match='no picture of the split test is left'):
        read_class_folders(split_tree, 'test')


def test_a_split_that_is_not_there(split_tree: Path):
    for path in (split_tree / 'test' / 'Angry').iterdir():
        path.unlink()
    (split_tree / 'test' / 'Angry').rmdir()
    (split_tree / 'test').rmdir()
    with pytest.raises(DataError, match='has no split test, only valid, train'):
        read_class_folders(split_tree, 'test')


def test_an_unknown_folder_is_named_with_the_known_ones(tmp_path: Path):
    write(tmp_path / 'bored' / 'face.png', flat(1))
    with pytest.raises(DataError, match=r'bored is not the folder of a class; .*angry.*contempt'):
        read_class_folders(tmp_path, 'test')


@pytest.mark.parametrize('content', [b'', b'not a picture', b'\x89PNG\r\n\x1a\ncut short'])
def test_an_unreadable_picture_is_named(tmp_path: Path, content: bytes):
    write(tmp_path / 'happy' / 'good.png', flat(1))
    (tmp_path / 'happy' / 'bad.png').write_bytes(content)
    with pytest.raises(DataError, match=r'happy/bad\.png cannot be used'):
        read_class_folders(tmp_path, 'test')


def test_half_a_picture_is_refused(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    for name in ('a.jpg', 'b.png'):
        path = write(tmp_path / name.removesuffix('.jpg') / 'happy' / name, noise)
        path.write_bytes(path.read_bytes()[:-500])
        with pytest.raises(DataError, match=name):
            read_class_folders(path.parent.parent, 'test')


def test_nothing_there(tmp_path: Path):
    with pytest.raises(DataError, match='none: No such file'):
        read_class_folders(tmp_path / 'none', 'test')
    (tmp_path / 'happy').mkdir()
    with pytest.raises(DataError, match='no picture of the split test is left'):
        read_class_folders(tmp_path, 'test')


def test_the_table_of_layouts_has_it(split_tree: Path):
    assert len(LAYOUTS['class_folders'](split_tree, 'train', True)) == 3
