# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionnet_ros.expressions import EXPRESSIONS, Box
from emotionnet_ros.faces.detection import Detection, DetectorError, open_detector
from emotionnet_ros.imaging import Frame
from emotionnet_ros.training.ckplus import (
    CLASS_OF_CODE,
    cropped_sequences,
    official_sequences,
    read_ckplus,
)
from emotionnet_ros.training.ferplus import DataError
from emotionnet_ros.training.labelled import LAYOUTS

# Of the official layout: subject, sequence, code of the label (None: no label), frames.
SEQUENCES = (
    ('S005', '001', 3, 5),
    ('S010', '002', 7, 4),
    ('S010', '003', None, 6),
    ('S010', '004', 0, 4),
    ('S130', '001', 5, 3),
)
LEFT, TOP, SCALE = 210, 130, 4  # where the pattern lies in a full frame


class BrightPatch:
    """A test double: whatever is not black is the face, and nothing is if all is black."""

    name = 'bright_patch'
    crop_side_over_box = 1.0
    crop_shift_y = 0.0

    def detect(self, frame: Frame) -> list[Detection]:
        x, y, width, height = cv2.boundingRect(np.ascontiguousarray(frame.luma()))
        return [Detection(Box(x, y, width, height), 0.9)] if width else []


def full_frame(face: np.ndarray, colour: bool) -> np.ndarray:
    frame = np.zeros((480 if colour else 490, 640), np.uint8)
    large = np.maximum(cv2.resize(face, None, fx=SCALE, fy=SCALE), 1)
    frame[TOP : TOP + large.shape[0], LEFT : LEFT + large.shape[1]] = large
    return cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR) if colour else frame


def write_label(root: Path, subject: str, sequence: str, code: int | None, peak: int) -> Path:
    folder = root / 'Emotion' / subject / sequence
    folder.mkdir(parents=True)
    path = folder / f'{subject}_{sequence}_{peak:08d}_emotion.txt'
    if code is not None:
        path.write_text(f'   {code:.7e}\n')
    return path


def image_folder(root: Path, subject: str, sequence: str) -> Path:
    return root / 'cohn-kanade-images' / subject / sequence


@pytest.fixture
def official(tmp_path: Path, draw: Callable[[int, np.random.Generator], np.ndarray]) -> Path:
    """The official layout; the last three frames of a sequence show its label, others another."""
    root = tmp_path / 'official'
    generator = np.random.default_rng(1)
    for subject, sequence, code, frames in SEQUENCES:
        folder = image_folder(root, subject, sequence)
        folder.mkdir(parents=True)
        (folder / '.DS_Store').write_bytes(b'')
        label = EXPRESSIONS.index(CLASS_OF_CODE[code or 0])
        for number in range(1, frames + 1):
            shown = draw(label if number > frames - 3 else (label + 4) % 8, generator)
            picture = full_frame(shown, colour=subject == 'S130')
            assert cv2.imwrite(str(folder / f'{subject}_{sequence}_{number:08d}.png'), picture)
        write_label(root, subject, sequence, code, frames)
    return root


def test_official_layout(official: Path):
    data = read_ckplus(official, BrightPatch())
    assert data.subjects == ('S005',) * 3 + ('S010',) * 3 + ('S130',) * 3
    names = [EXPRESSIONS[label] for label in data.labels]
    assert names == ['disgust'] * 3 + ['surprise'] * 3 + ['happiness'] * 3
    assert '3 labelled sequences of 3 subjects' in data.protocol
    assert 'bright_patch' in data.protocol
    assert '1 sequences labelled neutral left out' in data.protocol
    assert 'the whole data set has 327 sequences of 118 subjects' in data.protocol


def test_full_frames_are_cut_to_the_face(official: Path):
    sequence = ('S130', '001')
    data = read_ckplus(official, BrightPatch())
    for number, crop in zip((1, 2, 3), data.images[6:], strict=True):
        path = image_folder(official, *sequence) / f'S130_001_{number:08d}.png'
        whole = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        place = whole[TOP : TOP + 48 * SCALE, LEFT : LEFT + 48 * SCALE]
        expected = cv2.resize(place, (48, 48), interpolation=cv2.INTER_AREA).astype(int)
        assert np.abs(crop - expected).mean() < 4


def test_a_real_face_in_a_colour_frame(official: Path, face_picture: np.ndarray):
    """The face crop fills the picture: what is cut out is not what a resized frame would be."""
    try:
        detector = open_detector()
    except DetectorError as error:
        pytest.skip(f'no face detector is installed: {error}')
    for folder in (official / 'cohn-kanade-images').glob('*/*'):
        for path in folder.glob('S*.png'):
            assert cv2.imwrite(str(path), face_picture)
    data = read_ckplus(official)
    assert len(data) == 9
    assert detector.name in data.protocol
    whole = cv2.resize(cv2.cvtColor(face_picture, cv2.COLOR_BGR2GRAY), (48, 48))
    assert np.corrcoef(data.images[0].ravel(), whole.ravel())[0, 1] < 0.7
    # The face of the astronaut is far lighter than the background at the borders of the frame.
    assert data.images[0][16:32, 16:32].mean() > 120


def test_cropped_layout(ckplus_folders: Path):
    data = read_ckplus(ckplus_folders)
    assert len(data) == 4 * 7 * 3
    assert set(data.subjects) == {'S005', 'S010', 'S130', 'S999'}
    assert np.bincount(data.labels, minlength=8).tolist() == [0, *[12] * 7]
    assert 'ready-made crops' in data.protocol
    picture = cv2.imread(str(ckplus_folders / 'anger' / 'S005_001_00000012.png'), 0)
    assert (data.images[0] == picture).all()


def test_both_layouts_stand_in_the_table(ckplus_folders: Path):
    assert len(LAYOUTS['ckplus'](ckplus_folders, 'test', False)) == 84


@settings(max_examples=25, deadline=None)
@given(
    numbers=st.sets(st.integers(1, 10**7), min_size=3, max_size=12),
    layout=st.sampled_from(['official', 'cropped']),
)
def test_the_last_three_frames_of_every_labelled_sequence(numbers: set[int], layout: str):
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = root / 'sadness'
        if layout == 'official':
            folder = image_folder(root, 'S042', '006')
            write_label(root, 'S042', '006', 6, max(numbers))
        folder.mkdir(parents=True)
        for number in numbers:
            (folder / f'S042_006_{number:08d}.png').touch()
        if layout == 'official':
            found, _ = official_sequences(root / 'cohn-kanade-images', root / 'Emotion')
        else:
            found, _ = cropped_sequences(root)
    (sequence,) = found
    assert (sequence.subject, EXPRESSIONS[sequence.label]) == ('S042', 'sadness')
    last = [int(path.stem[-8:]) for path in sequence.frames]
    assert last == sorted(numbers)[-3:]


def test_neutral_crops_are_left_out(fresh_ckplus_folders: Path):
    neutral = fresh_ckplus_folders / 'neutral'
    neutral.mkdir()
    source = fresh_ckplus_folders / 'anger' / 'S005_001_00000012.png'
    (neutral / 'S005_001_00000001.png').write_bytes(source.read_bytes())
    data = read_ckplus(fresh_ckplus_folders)
    assert len(data) == 2 * 7 * 3
    assert '1 sequences labelled neutral left out' in data.protocol


@pytest.mark.parametrize('text', ['', 'happy', '8', '-1', '2.5', 'nan', '1 2'])
def test_malformed_labels(official: Path, text: str):
    (path,) = official.glob('Emotion/S005/001/*')
    path.write_text(text)
    with pytest.raises(DataError, match=r'S005_001_00000005_emotion\.txt: .* not one number'):
        read_ckplus(official, BrightPatch())


def test_two_labels_for_one_sequence(official: Path):
    (path,) = official.glob('Emotion/S005/001/*')
    path.with_name('S005_001_00000004_emotion.txt').write_text('1')
    with pytest.raises(DataError, match='S005/001 has more than one label: S005_001_00000004'):
        read_ckplus(official, BrightPatch())


def test_a_sequence_in_two_class_folders(fresh_ckplus_folders: Path):
    path = fresh_ckplus_folders / 'anger' / 'S005_001_00000014.png'
    path.rename(fresh_ckplus_folders / 'fear' / path.name)
    with pytest.raises(DataError, match=r'fear/S005_001_00000014\.png: .* another label'):
        read_ckplus(fresh_ckplus_folders)


def test_a_labelled_frame_that_is_missing(official: Path):
    (image_folder(official, 'S005', '001') / 'S005_001_00000005.png').unlink()
    with pytest.raises(DataError, match=r'S005_001_00000005_emotion\.txt labels frame 5'):
        read_ckplus(official, BrightPatch())


def test_frames_that_are_missing(official: Path, fresh_ckplus_folders: Path):
    (image_folder(official, 'S130', '001') / 'S130_001_00000002.png').unlink()
    with pytest.raises(DataError, match=r'S130_001_00000003_emotion\.txt: .* has 2 frames'):
        read_ckplus(official, BrightPatch())
    (fresh_ckplus_folders / 'happy' / 'S010_005_00000013.png').unlink()
    with pytest.raises(DataError, match=r'S010_005_00000012\.png: .* has 2 frames'):
        read_ckplus(fresh_ckplus_folders)


def test_a_sequence_that_is_missing(official: Path):
    folder = image_folder(official, 'S130', '001')
    folder.rename(folder.with_name('009'))
    with pytest.raises(DataError, match='S130/001: No such file'):
        read_ckplus(official, BrightPatch())


@pytest.mark.parametrize('name', ['face.png', 'S005_001.png', 'S005_001_x.png'])
def test_names_that_do_not_fit(official: Path, fresh_ckplus_folders: Path, name: str):
    (fresh_ckplus_folders / 'anger' / 'S005_001_00000012.png').rename(
        fresh_ckplus_folders / 'anger' / name
    )
    with pytest.raises(DataError, match=rf'anger/{name}: the name is not made as'):
        read_ckplus(fresh_ckplus_folders)
    folder = image_folder(official, 'S005', '001')
    (folder / 'S005_001_00000001.png').rename(folder / name)
    with pytest.raises(DataError, match=rf'001/{name}: the name is not made as'):
        read_ckplus(official, BrightPatch())


def test_files_of_another_sequence(official: Path):
    folder = image_folder(official, 'S005', '001')
    (folder / 'S005_001_00000001.png').rename(folder / 'S006_001_00000001.png')
    with pytest.raises(DataError, match=r'S006_001_00000001\.png bears the name of another'):
        read_ckplus(official, BrightPatch())
    (folder / 'S006_001_00000001.png').rename(folder / 'S005_001_00000001.png')
    (path,) = official.glob('Emotion/S005/001/*')
    path.rename(path.with_name('S005_002_00000005_emotion.txt'))
    with pytest.raises(DataError, match=r'S005_002_00000005_emotion\.txt bears the name of'):
        read_ckplus(official, BrightPatch())


def test_frames_without_a_face(official: Path, caplog: pytest.LogCaptureFixture):
    path = image_folder(official, 'S010', '002') / 'S010_002_00000003.png'
    assert cv2.imwrite(str(path), np.zeros((490, 640), np.uint8))
    with pytest.raises(DataError, match=r'S010_002_00000003\.png: .* bright_patch finds no face'):
        read_ckplus(official, BrightPatch())
    with caplog.at_level(logging.WARNING):
        data = read_ckplus(official, BrightPatch(), without_face='skip')
    assert len(data) == 8
    assert len(data.subjects) == len(data.labels) == 8
    assert data.subjects.count('S010') == 2
    assert '1 frames left out in which no face was found' in data.protocol
    assert 'S010_002_00000003.png: the detector bright_patch finds no face' in caplog.text
    for other in official.glob('cohn-kanade-images/*/*/*.png'):
        assert cv2.imwrite(str(other), np.zeros((490, 640), np.uint8))
    with pytest.raises(DataError, match='no face was found in any of 9 frames'):
        read_ckplus(official, BrightPatch(), without_face='skip')
    with pytest.raises(ValueError, match='without_face'):
        read_ckplus(official, BrightPatch(), without_face='ignore')


def test_an_unreadable_frame_is_named(official: Path):
    (image_folder(official, 'S005', '001') / 'S005_001_00000004.png').write_bytes(b'PNG?')
    with pytest.raises(DataError, match=r'S005_001_00000004\.png cannot be used'):
        read_ckplus(official, BrightPatch())


def test_neither_layout(tmp_path: Path, official: Path):
    (tmp_path / 'pictures').mkdir()
    with pytest.raises(DataError, match='neither the folders cohn-kanade-images and Emotion'):
        read_ckplus(tmp_path)
    with pytest.raises(DataError, match='nowhere: No such file'):
        read_ckplus(tmp_path / 'nowhere')
    (official / 'Emotion').rename(official / 'FACS')
    with pytest.raises(DataError, match='cohn-kanade-images is there, but no Emotion'):
        read_ckplus(official)


def test_archives_unpacked_into_their_own_folders(official: Path):
    (official / 'Emotion_labels').mkdir()
    (official / 'Emotion').rename(official / 'Emotion_labels' / 'Emotion')
    assert len(read_ckplus(official, BrightPatch())) == 9


def test_no_labelled_sequence(official: Path):
    for path in official.glob('Emotion/*/*/*.txt'):
        path.unlink()
    with pytest.raises(DataError, match='there is no labelled sequence'):
        read_ckplus(official, BrightPatch())
