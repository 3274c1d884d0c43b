# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Player, watcher and demo as people run them."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from emotionnet_ros.msg import Expression, ExpressionArray, Timing

from emotionnet_ros.imaging.sources import SourceError, open_source
from emotionnet_ros.node.watcher import line, table

# Where people type the commands; the sources there must not hide the built package.
SOURCES = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ('name', 'content', 'complaint'),
    [
        ('missing.mp4', None, 'there is no such file'),
        ('text.mp4', b'not a video', 'cannot read a picture from it'),
        ('text.png', b'not a picture', 'cannot read it as a picture'),
    ],
)
def test_what_cannot_be_played_is_named(start, tmp_path, name, content, complaint):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    player = start('player', source=path)
    assert player.process.wait(60) == 1
    assert f'player: {path}' in player.output
    assert complaint in player.output
    assert 'Traceback' not in player.output


@pytest.mark.parametrize(
    ('parameter', 'complaint'),
    [({'rate': 15}, "expecting type 'DOUBLE': rate"), ({'rate': -1.0}, 'rate out of range')],
)
def test_a_bad_parameter_of_the_player_is_named(start, parameter, complaint):
    player = start('player', **parameter)
    assert player.process.wait(60) == 1
    assert complaint in player.output
    assert 'Traceback' not in player.output


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(SourceError, match='no pictures in it'):
        open_source(str(tmp_path))


def test_a_video_says_its_rate_and_gives_all_its_pictures(face_video):
    source = open_source(str(face_video))
    assert source.rate_hz == pytest.approx(15.0)
    assert len(list(source.pictures)) == 30


def test_player_ends_after_the_last_picture_without_loop(start, face_video):
    player = start('player', source=face_video, rate=200.0, loop='false')
    assert player.process.wait(60) == 0
    assert 'played to the end' in player.output


def test_watcher_writes_lines_where_there_is_no_terminal(start, wait_until):
    watcher = start('watcher')
    start('emotionnet')
    start('player', rate=10.0)
    pattern = r'f\d+ \w+ [01]\.\d\d \(\d+\.\d s\) \|.*answers/s.*frame age'
    wait_until(lambda: re.search(pattern, watcher.output), 'a line about a face')
    assert watcher.interrupt() == 0


def test_watcher_tells_cameras_apart(start, wait_until):
    watcher = start('watcher')
    start('emotionnet', cameras='[/left/image,/right/image]')
    for side, rate in (('left', 10.0), ('right', 5.0)):
        start('player', f'image:=/{side}/image', rate=rate)
    for side in ('left', 'right'):
        pattern = rf'^/{side}/image: f\d+ \w+ [01]\.\d\d \(.*answers/s'
        wait_until(
            lambda p=pattern: re.search(p, watcher.output, re.MULTILINE), f'a line about {side}'
        )
    assert watcher.interrupt() == 0


def test_table_shows_every_face():
    faces = [
        Expression(face_id='f1', expression=Expression.HAPPINESS, confidence=0.75, face_age=2.0),
        Expression(face_id='f2', expression=Expression.UNKNOWN, confidence=0.3),
    ]
    message = ExpressionArray(expressions=faces, timing=Timing(age=0.012))
    drawn = table(message, 15.0)
    assert re.search(r'f1 +happiness +█{15}·{5} +0\.75 +2\.0 s', drawn)
    assert re.search(r'f2 +unknown +█{6}·{14}', drawn)
    assert 'frame age   12 ms' in drawn
    assert '(nobody there)' in table(ExpressionArray(), 0.0)
    assert line(ExpressionArray(), 0.0).startswith('(nobody there)')


@pytest.mark.parametrize('end', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_demo_shows_expressions_and_ends_with_all_its_parts(end):
    environment = {k: v for k, v in os.environ.items() if k != 'ROS_DOMAIN_ID'}
    demo = subprocess.Popen(
        ['demo'],
        cwd=SOURCES,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )
    lines = []
    for text in demo.stdout:
        lines.append(text)
        if re.search(r'f\d+ \w+ [01]\.\d\d', text):
            demo.send_signal(end)
            break
    lines.extend(demo.stdout)  # to the end: all parts have ended
    assert demo.wait(60) == 0, ''.join(lines)
    output = ''.join(lines)
    assert 'The first expression came' in output
    assert 'Traceback' not in output


def test_demo_says_when_a_part_fails(tmp_path):
    result = subprocess.run(
        ['demo', '--source', tmp_path / 'none.mp4'],
        cwd=SOURCES,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 1
    assert 'none.mp4: there is no such file' in result.stderr
    assert 'The player ended' in result.stderr
