# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""emotionnet video: times, copies, the timeline, and what it refuses."""

import csv
import itertools
import json

import cv2
import numpy as np
import pytest

from emotionnet_ros.commands import progress
from emotionnet_ros.commands.main import main

pytestmark = pytest.mark.usefixtures('detector')


def looked_at(capsys, *arguments):
    assert main(['video', *map(str, arguments), '--json']) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_picture_has_its_time_and_the_face_one_id(face_video, capsys):
    pictures = looked_at(capsys, face_video)
    assert len(pictures) == 30
    assert [p['time'] for p in pictures] == pytest.approx([i / 15 for i in range(30)])
    assert len({face['face_id'] for p in pictures for face in p['faces']}) == 1
    lefts = [p['faces'][0]['box']['x'] for p in pictures if p['faces']]
    assert lefts[-1] > lefts[0] + 30, 'the face moves to the right'


def test_every_nth_picture_and_an_end(face_video, capsys):
    pictures = looked_at(capsys, face_video, '--every', 4, '--seconds', 1.5)
    assert [p['time'] for p in pictures] == pytest.approx([i / 15 for i in range(0, 23, 4)])


def test_a_source_without_an_end_is_ended(capsys):
    pictures = looked_at(capsys, 'builtin', '--seconds', 0.5, '--rate', 10)
    assert [p['time'] for p in pictures] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_table_summary_and_csv(face_video, tmp_path, capsys):
    assert main(['video', str(face_video), '--seconds', '0.5']) == 0
    output = capsys.readouterr()
    assert output.out.splitlines()[1].split()[0] == '0.00s'
    assert '8 pictures, ' in output.err
    assert 'faces: 1; happiness 100%' in output.err
    table = tmp_path / 'a.csv'
    assert main(['video', str(face_video), '--seconds', '0.5', '--csv', str(table)]) == 0
    assert capsys.readouterr().out == ''
    with table.open() as file:
        assert [float(row['time']) for row in csv.DictReader(file)][-1] == pytest.approx(0.467)


def test_that_nobody_is_there_is_said_once(tmp_path, capsys):
    for index in range(3):
        cv2.imwrite(str(tmp_path / f'{index}.png'), np.full((120, 160, 3), 90, np.uint8))
    assert main(['video', str(tmp_path)]) == 0
    output = capsys.readouterr()
    assert output.out.count('(nobody there)') == 1
    assert output.err.endswith('faces: 0\n')


@pytest.mark.parametrize('suffix', ['.avi', '.mp4'])
def test_an_annotated_copy_has_the_pictures_that_were_looked_at(face_video, tmp_path, suffix):
    copy = tmp_path / f'copy{suffix}'
    assert main(['video', str(face_video), '--annotated', str(copy), '--every', '3']) == 0
    capture = cv2.VideoCapture(str(copy))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(5.0)
    original = cv2.VideoCapture(str(face_video))
    pictures = [picture for ok, picture in iter(capture.read, (False, None)) if ok]
    assert len(pictures) == 10
    plain = original.read()[1]
    assert (np.abs(pictures[0].astype(int) - plain) > 60).any(axis=2).sum() > 500


def test_a_timeline_is_drawn(face_video, tmp_path, capsys):
    pytest.importorskip('matplotlib', reason='draws with matplotlib')
    picture = tmp_path / 'line.png'
    assert main(['video', str(face_video), '--timeline', str(picture), '--every', '3']) == 0
    yellow = (cv2.imread(str(picture)) == (66, 228, 240)).all(axis=2)
    assert yellow.sum() > 10000, 'happiness all the time'


def test_a_timeline_without_matplotlib_is_refused_before_the_work(run, face_video):
    result = run('video', face_video, '--timeline', 'a.png', blocked=['matplotlib'])
    assert result.returncode == 3
    assert (
        result.stderr == 'emotionnet video: --timeline needs matplotlib: pip install matplotlib\n'
    )


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        (['--annotated', 'copy.wmv'], 'it must end with .mp4, .avi, .mkv'),
        (['--annotated', '/nowhere/copy.avi'], 'there is no folder /nowhere'),
        (['--model', 'nano_z'], "Network 'nano_z'"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(face_video, capsys, options, complaint):
    assert main(['video', str(face_video), *options]) == 1
    error = capsys.readouterr().err
    assert complaint in error
    assert 'Traceback' not in error


@pytest.mark.parametrize('options', [['--every', '0'], ['--seconds', '-1'], ['--rate', '1e9']])
def test_a_number_out_of_range_is_a_wrong_option(options, capsys):
    with pytest.raises(SystemExit) as end:
        main(['video', 'builtin', *options])
    assert end.value.code == 2
    assert options[0] in capsys.readouterr().err


def test_what_is_no_video_is_said_in_a_sentence(tmp_path, capfd):
    text = tmp_path / 'text.mp4'
    text.write_text('no video')
    assert main(['video', str(text)]) == 1
    assert f'{text}: OpenCV cannot read a picture from it' in capfd.readouterr().err


def test_the_video_is_not_written_over(face_video, capsys):
    before = face_video.read_bytes()
    assert main(['video', str(face_video), '--annotated', str(face_video)]) == 1
    assert 'is the video itself' in capsys.readouterr().err
    assert face_video.read_bytes() == before


def test_pictures_of_several_sizes_make_no_annotated_video(tmp_path, face_picture, capsys):
    folder = tmp_path / 'pictures'
    folder.mkdir()
    cv2.imwrite(str(folder / '1.png'), face_picture)
    cv2.imwrite(str(folder / '2.png'), face_picture[:400])
    assert main(['video', str(folder), '--annotated', str(tmp_path / 'a.avi')]) == 1
    assert 'has 640x400 pixels and the first had 640x480' in capsys.readouterr().err


def test_what_was_found_until_an_interrupt_is_kept(monkeypatch, tmp_path, capsys, face_picture):
    def interrupted(items, *_):
        yield from itertools.islice(items, 3)
        raise KeyboardInterrupt

    monkeypatch.setattr('emotionnet_ros.commands.video.with_progress', interrupted)
    table = tmp_path / 'a.csv'
    assert main(['video', 'builtin', '--csv', str(table)]) == 130
    assert len(table.read_text().splitlines()) == 4
    assert '3 pictures' in capsys.readouterr().err


@pytest.mark.parametrize('total', [0, 5])
def test_the_counter_without_tqdm(monkeypatch, capsys, total):
    monkeypatch.setitem(progress.sys.modules, 'tqdm', None)
    monkeypatch.setattr(progress.sys.stderr, 'isatty', lambda: True, raising=False)
    assert list(progress.with_progress(range(5), total, 'pictures', True)) == list(range(5))
    shown = capsys.readouterr().err
    assert ('\r5 of 5 pictures' in shown) == bool(total)
    assert '\r1 ' in shown
