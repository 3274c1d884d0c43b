# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""emotionnet image: what it prints, what it writes, what it refuses."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest

from emotionnet_ros.commands.answers import CSV_COLUMNS
from emotionnet_ros.commands.main import main
from emotionnet_ros.expressions import EXPRESSION_NAMES, EXPRESSIONS

pytestmark = pytest.mark.usefixtures('detector')


@pytest.fixture
def nobody_file(tmp_path):
    path = tmp_path / 'nobody.png'
    cv2.imwrite(str(path), np.full((120, 160, 3), 90, np.uint8))
    return path


def test_a_table_says_what_the_face_expresses(picture_file, nobody_file, capsys):
    assert main(['image', str(picture_file), str(nobody_file)]) == 0
    heading, face, nobody = capsys.readouterr().out.splitlines()
    assert heading.split()[:4] == ['picture', 'face', 'box', 'expression']
    name, _, box, expression, confidence, *probabilities = face.split()
    assert name == str(picture_file)[-len(name.lstrip('.')) :].rjust(len(name), '.')
    width, height = (int(part) for part in box.split('+')[0].split('x'))
    assert 50 < width < 300
    assert 50 < height < 300
    assert expression in EXPRESSION_NAMES
    assert float(confidence) == pytest.approx(max(map(float, probabilities)), abs=0.01)
    assert sum(map(float, probabilities)) == pytest.approx(1.0, abs=0.05)
    assert nobody.endswith('(nobody there)')


def test_csv_and_json_say_the_same(picture_file, nobody_file, tmp_path, capsys):
    table = tmp_path / 'faces.csv'
    assert main(['image', str(picture_file), str(nobody_file), '--csv', str(table)]) == 0
    assert main(['image', str(picture_file), str(nobody_file), '--json']) == 0
    pictures = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [picture['source'] for picture in pictures] == [str(picture_file), str(nobody_file)]
    assert [len(picture['faces']) for picture in pictures] == [1, 0]
    assert (pictures[0]['width'], pictures[0]['height']) == (640, 480)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1
    assert tuple(rows[0]) == CSV_COLUMNS
    (face,) = pictures[0]['faces']
    assert rows[0]['time'] == ''
    assert rows[0]['expression'] == face['expression']
    for name in ('x', 'y', 'width', 'height'):
        assert float(rows[0][name]) == pytest.approx(face['box'][name], abs=0.1)
    for name in EXPRESSIONS:
        assert float(rows[0][name]) == pytest.approx(face['probabilities'][name], abs=1e-3)


def test_csv_to_the_output(picture_file, capsys):
    assert main(['image', str(picture_file), '--csv', '-']) == 0
    assert capsys.readouterr().out.splitlines()[0] == ','.join(CSV_COLUMNS)


def test_an_annotated_copy_is_written(picture_file, tmp_path):
    copy = tmp_path / 'copy.png'
    assert main(['image', str(picture_file), '--annotated', str(copy)]) == 0
    before, after = cv2.imread(str(picture_file)), cv2.imread(str(copy))
    assert before.shape == after.shape
    assert 1000 < (before != after).any(axis=2).sum() < before.size // 6


def test_a_folder_is_annotated_into_a_folder(picture_file, tmp_path, capsys):
    folder, copies = tmp_path / 'in', tmp_path / 'out'
    folder.mkdir()
    for name in ('b.png', 'a.png'):
        shutil.copy(picture_file, folder / name)
    assert main(['image', str(folder), '--annotated', str(copies)]) == 0
    assert sorted(path.name for path in copies.iterdir()) == ['a.png', 'b.png']
    _, first, second = capsys.readouterr().out.splitlines()
    assert 'a.png' in first
    assert 'b.png' in second
    # The second is looked at as if there had been no first.
    assert first.split()[2:] == second.split()[2:]


def test_one_bad_picture_does_not_keep_the_others(picture_file, tmp_path, capsys):
    text = tmp_path / 'text.png'
    text.write_text('no picture')
    assert main(['image', str(text), str(tmp_path / 'none.png'), str(picture_file)]) == 1
    output = capsys.readouterr()
    assert 'happiness' in output.out
    complaints = output.err.splitlines()
    assert f'emotionnet image: {text}: OpenCV cannot read it as a picture' in complaints
    assert f'emotionnet image: {tmp_path}/none.png: there is no such file' in complaints


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        (['--model', 'nano_z'], "Network 'nano_z': neither a file nor a network"),
        (['--detector', 'magic'], "There is no detector 'magic'"),
        (['--detector-input-size', '7'], 'input_size is 7'),
        (['--annotated', 'copy.xyz'], 'a picture ends with one of'),
        (['--annotated', '/nowhere/copy.png'], '/nowhere/copy.png: it cannot be written'),
        (['--csv', '/nowhere/faces.csv'], '/nowhere/faces.csv: No such file or directory'),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(picture_file, capfd, options, complaint):
    assert main(['image', str(picture_file), *options]) == 1
    error = capfd.readouterr().err
    assert complaint in error
    assert 'Traceback' not in error


def test_a_picture_is_not_written_over(picture_file, tmp_path, capsys):
    before = picture_file.read_bytes()
    assert main(['image', str(picture_file), '--annotated', str(picture_file)]) == 1
    assert main(['image', str(picture_file), '--annotated', str(picture_file.parent)]) == 1
    assert picture_file.read_bytes() == before
    assert 'is one of the pictures that are read' in capsys.readouterr().err


def test_two_pictures_of_one_name_are_not_written_over_each_other(picture_file, tmp_path, capsys):
    other = tmp_path / picture_file.name
    shutil.copy(picture_file, other)
    folder = tmp_path / 'out'
    assert main(['image', str(picture_file), str(other), '--annotated', str(folder)]) == 1
    assert 'two of the pictures are called face.png' in capsys.readouterr().err
