# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of answers, as ros2 bag writes them, drawn without ROS."""

import contextlib
import math
import sqlite3
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotionnet_ros.commands.timeline import BagError, main, read_moments
from emotionnet_ros.expressions import UNKNOWN
from emotionnet_ros.timeline import FaceMoment

rosbags = pytest.importorskip('rosbags.rosbag2', reason='bags are read with rosbags')
MESSAGES = Path(__file__).parents[2] / 'msg'
START, PERIOD = 1000.0, 0.1
HAPPY, SAD = 1, 3


@pytest.fixture(scope='session')
def types():
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    for file in sorted(MESSAGES.glob('*.msg')):
        store.register(get_types_from_msg(file.read_text(), f'emotionnet_ros/msg/{file.stem}'))
    return store


@pytest.fixture
def record(types, tmp_path):
    """Record messages (topic, type, seconds, fields), and give the folder."""

    def build(kind, fields):
        """Make a message of a type from what is said of it, and zeros for the rest."""
        values = {}
        for name, (node, inner) in types.fielddefs[kind][1]:
            if name in fields:
                values[name] = fields[name]
            elif node == 2:  # a message
                values[name] = build(inner, {})
            elif node == 3:  # an array of known length
                values[name] = np.zeros(inner[1], np.float32)
            else:
                values[name] = '' if inner[0] == 'string' else 0
        return types.types[kind](**values)

    def face(face_id, expression, confidence):
        return build(
            'emotionnet_ros/msg/Expression',
            {'face_id': face_id, 'expression': expression, 'confidence': confidence},
        )

    def write(*messages, plugin='SQLITE3', definitions=True):
        path = tmp_path / 'talk'
        with rosbags.Writer(path, version=9, storage_plugin=rosbags.StoragePlugin[plugin]) as out:
            connections = {}
            for topic, short, seconds, fields in messages:
                kind = short if '/' in short else f'emotionnet_ros/msg/{short}'
                if topic not in connections:
                    connections[topic] = out.add_connection(topic, kind, typestore=types)
                data = types.serialize_cdr(build(kind, fields), kind)
                out.write(connections[topic], round(seconds * 1e9), data)
        if not definitions:
            (database,) = path.glob('*.db3')
            with contextlib.closing(sqlite3.connect(database)) as connection:
                connection.execute('DELETE FROM message_definitions')
                connection.execute("UPDATE topics SET type_description_hash = ''")
                connection.commit()
        return path

    write.face = face
    write.timing = lambda age: build('emotionnet_ros/msg/Timing', {'age': age})
    return write


def talk(record, topic='/expressions'):
    """Two seconds: a smile, then sadness; watts of a computer beside it."""
    messages = []
    for index in range(20):
        shown = record.face('f1', HAPPY if index < 10 else SAD, 0.75)
        fields = {'expressions': [shown], 'timing': record.timing(0.02)}
        messages.append((topic, 'ExpressionArray', START + index * PERIOD, fields))
    return messages


@pytest.mark.parametrize('plugin', ['SQLITE3', 'MCAP'])
def test_answers_and_watts_are_read_in_the_order_of_time(record, plugin):
    power = [('/power', 'PowerState', START + 0.25 + i / 2, {'power': 5.0 + i}) for i in range(3)]
    moments = read_moments(record(*power, *talk(record), plugin=plugin))
    times = [moment.time for moment in moments]
    assert times == sorted(times)
    answers = [moment for moment in moments if moment.faces is not None]
    assert [m.time for m in answers] == pytest.approx([START + i * PERIOD for i in range(20)])
    assert [m.faces for m in answers] == [
        (FaceMoment('f1', HAPPY if i < 10 else SAD, 0.75),) for i in range(20)
    ]
    assert [m.age for m in answers] == pytest.approx([0.02] * 20)
    assert [m.watts for m in moments if m.faces is None] == [5.0, 6.0, 7.0]


def test_what_was_recorded_without_types_is_read_with_those_of_the_package(record):
    moments = read_moments(record(*talk(record), definitions=False))
    assert len(moments) == 20


def test_nobody_unknown_age_and_later_constants_are_read(record):
    faces = [record.face('f1', UNKNOWN, 0.3), record.face('f2', 200, 0.3)]
    nobody, some = read_moments(
        record(
            ('/e', 'ExpressionArray', 1.0, {'expressions': []}),
            (
                '/e',
                'ExpressionArray',
                1.1,
                {'expressions': faces, 'timing': record.timing(math.nan)},
            ),
        )
    )
    assert nobody.faces == ()
    assert [face.expression for face in some.faces] == [UNKNOWN, UNKNOWN]
    assert math.isnan(some.age)


def test_the_picture_is_laid_beside_the_recording(record, capsys):
    pytest.importorskip('matplotlib', reason='draws with matplotlib')
    path = record(*talk(record))
    assert main([str(path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f'{path}.png: 20 answers in 1.9 s; faces: 1; ')
    assert 'happiness 50%' in said
    picture = cv2.imread(f'{path}.png')
    for red, green, blue in ((240, 228, 66), (0, 114, 178)):  # happiness, sadness
        assert (picture == (blue, green, red)).all(axis=2).sum() > 1000


def test_a_file_in_the_recording_does_as_well(record):
    path = record(*talk(record), plugin='MCAP')
    (file,) = path.glob('*.mcap')
    assert len(read_moments(file)) == 20


def test_of_several_topics_one_must_be_named(record):
    path = record(*talk(record, '/left/expressions'), *talk(record, '/right/expressions'))
    with pytest.raises(BagError, match='/left/expressions, /right/expressions: choose one'):
        read_moments(path)
    assert len(read_moments(path, expressions='/left/expressions')) == 20
    with pytest.raises(BagError, match='no such topic'):
        read_moments(path, expressions='/expressions')


def test_a_recording_of_something_else_is_refused_with_what_is_in_it(record):
    path = record(('/power', 'PowerState', 1.0, {}), ('/chat', 'std_msgs/msg/String', 1.0, {}))
    with pytest.raises(BagError, match='/chat, /power: record the answers'):
        read_moments(path)


def test_what_is_no_recording_is_refused(run, record, tmp_path):
    whole = record(*talk(record))
    (database,) = whole.glob('*.db3')
    database.write_bytes(database.read_bytes()[:3000])
    (tmp_path / 'empty').mkdir()
    for path in (tmp_path / 'none', tmp_path / 'empty', whole):
        result = run('timeline', path)
        assert result.returncode == 1
        assert str(path) in result.stderr
        assert 'Traceback' not in result.stderr


def test_without_rosbags_it_is_said_what_to_install(run, tmp_path):
    pytest.importorskip('matplotlib', reason='named first')
    result = run('timeline', tmp_path, PYTHONPATH='', blocked=('rosbags',))
    assert result.returncode == 3
    assert 'pip install' in result.stderr
    assert 'rosbags' in result.stderr
