# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The bridge to ROS4HRI: names, the life of a face's topic, and over ROS where hri_msgs is."""

import importlib.util
import math
import subprocess
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from emotionnet_ros.msg import Expression, ExpressionArray
from std_msgs.msg import Header

from emotionnet_ros.commands.ros import find
from emotionnet_ros.expressions import EXPRESSION_NAMES
from emotionnet_ros.node.ros4hri import Bridge, HriMessages, hri_fields

TRACKED = '/humans/faces/tracked'
needs_hri_msgs = pytest.mark.skipif(
    importlib.util.find_spec('hri_msgs') is None, reason='hri_msgs is not installed'
)


@dataclass
class Topics:
    """Stands in for a node: what was published on which topic, and which topics there are."""

    published: list = field(default_factory=list)
    existing: dict = field(default_factory=dict)

    def create(self, kind, topic):
        assert topic not in self.existing
        self.existing[topic] = kind
        return SimpleNamespace(
            topic=topic,
            publish=lambda message: self.published.append((topic, message)),
            wait_for_all_acked=lambda timeout: True,
        )

    def destroy(self, publisher):
        del self.existing[publisher.topic]

    def take(self):
        taken, self.published = self.published, []
        return taken


def kind_named(name):
    return lambda **fields: SimpleNamespace(kind=name, **fields)


@pytest.fixture
def topics():
    return Topics()


@pytest.fixture
def bridge(topics):
    messages = HriMessages(kind_named('Expression'), kind_named('IdsList'))
    return Bridge(topics.create, topics.destroy, messages, max_missed=1.0)


def answer(*faces, camera='/image'):
    shown = [Expression(face_id=i, expression=e, confidence=0.75) for i, e in faces]
    return ExpressionArray(camera=camera, expressions=shown)


def lists(taken):
    return [message.ids for topic, message in taken if topic == TRACKED]


@pytest.mark.parametrize(
    ('ours', 'theirs'),
    [
        ('neutral', 'neutral'),
        ('happiness', 'happy'),
        ('surprise', 'surprised'),
        ('sadness', 'sad'),
        ('anger', 'angry'),
        ('disgust', 'disgusted'),
        ('fear', 'scared'),
        ('contempt', ''),
        ('unknown', ''),
    ],
)
def test_expressions_have_the_names_of_hri_msgs(ours, theirs):
    header = Header(frame_id='camera')
    face = Expression(
        header=header, expression=EXPRESSION_NAMES.index(ours), confidence=0.75, face_id='f1'
    )
    fields = hri_fields(face)
    assert fields['header'] == header
    assert fields['expression'] == theirs
    assert fields['confidence'] == (0.75 if theirs else 0.0)
    assert math.isnan(fields['valence'])
    assert math.isnan(fields['arousal'])


def test_a_constant_of_a_later_version_is_no_expression():
    assert hri_fields(Expression(expression=200))['expression'] == ''


def test_a_face_that_appears_is_listed_and_then_expressed(bridge, topics):
    bridge.answer(answer(('f1', Expression.HAPPINESS)), 0.0)
    (where, ids), (topic, message) = topics.take()
    assert (where, ids.ids) == (TRACKED, ['f1'])
    assert topic == '/humans/faces/f1/expression'
    assert (message.kind, message.expression, message.confidence) == ('Expression', 'happy', 0.75)


def test_a_face_that_is_missed_keeps_its_topic_for_a_while(bridge, topics):
    bridge.answer(answer(('f1', Expression.ANGER)), 0.0)
    bridge.answer(answer(), 0.9)
    assert lists(topics.take()) == [['f1'], ['f1']]
    assert '/humans/faces/f1/expression' in topics.existing
    bridge.answer(answer(), 1.1)
    assert lists(topics.take()) == [[]]
    assert list(topics.existing) == [TRACKED]


def test_a_face_that_comes_back_gets_its_topic_again(bridge, topics):
    for now in (0.0, 5.0):
        bridge.answer(answer(('f1', Expression.ANGER)), now)
        assert '/humans/faces/f1/expression' in topics.existing
        bridge.drop_gone(now + 1.1, Header())
        assert list(topics.existing) == [TRACKED]


def test_without_answers_faces_go_and_the_list_is_sent_once(bridge, topics):
    bridge.answer(answer(('f1', Expression.ANGER), ('f2', Expression.FEAR)), 0.0)
    topics.take()
    header = Header(frame_id='now')
    for now in (0.5, 1.1, 2.0):
        bridge.drop_gone(now, header)
    ((topic, message),) = topics.take()
    assert (topic, message.ids, message.header) == (TRACKED, [], header)


def test_faces_of_several_cameras_are_listed_together(bridge, topics):
    bridge.answer(answer(('f1', Expression.ANGER), camera='/left'), 0.0)
    bridge.answer(answer(('f2', Expression.FEAR), camera='/right'), 0.1)
    assert lists(topics.take()) == [['f1'], ['f1', 'f2']]


def test_an_expression_without_a_name_takes_the_last_one_back_once(bridge, topics):
    shown = (
        *(Expression.UNKNOWN, Expression.HAPPINESS, Expression.UNKNOWN),
        *(Expression.CONTEMPT, Expression.HAPPINESS),
    )
    for number, expression in enumerate(shown):
        bridge.answer(answer(('f1', expression)), number * 0.1)
    said = [message.expression for topic, message in topics.take() if topic != TRACKED]
    assert said == ['happy', '', 'happy']


@pytest.mark.parametrize('face_id', ['', '1', 'f-1', 'f/1', '/f1', 'f1\n'])
def test_an_id_that_no_topic_can_have_is_left_out(bridge, topics, face_id):
    bridge.answer(answer((face_id, Expression.ANGER), ('f2', Expression.ANGER)), 0.0)
    assert lists(topics.take()) == [['f2']]


def test_in_the_end_nobody_is_there_and_no_topic(bridge, topics):
    bridge.answer(answer(('f1', Expression.ANGER)), 0.0)
    topics.take()
    bridge.close(Header())
    assert lists(topics.take()) == [[]]
    assert topics.existing == {}


def test_without_hri_msgs_it_is_said_what_to_install(tmp_path):
    (tmp_path / 'hri_msgs').mkdir()
    (tmp_path / 'hri_msgs' / '__init__.py').write_text('')  # hides one that is installed
    program = find('ros4hri')
    result = subprocess.run(
        [
            *(sys.executable, '-c'),
            f'import runpy, sys; sys.path.insert(0, {str(tmp_path)!r}); '
            f"runpy.run_path({str(program)!r}, run_name='__main__')",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 3, result.stderr
    assert 'hri_msgs cannot be had' in result.stderr
    assert '-hri-msgs' in result.stderr
    assert 'Traceback' not in result.stderr


@needs_hri_msgs
def test_the_names_are_constants_of_hri_msgs():
    from hri_msgs.msg import Expression as HriExpression

    for number in range(len(EXPRESSION_NAMES)):
        name = hri_fields(Expression(expression=number))['expression']
        assert not name or getattr(HriExpression, name.upper()) == name


@needs_hri_msgs
def test_a_face_before_the_node_has_its_topic_while_it_is_there(
    start, observer, collect, wait_until
):
    from hri_msgs.msg import Expression as HriExpression
    from hri_msgs.msg import IdsList

    bridge = start('ros4hri')
    tracked = collect(IdsList, TRACKED)
    start('emotionnet')
    player = start('player', rate=10.0)
    wait_until(lambda: tracked and tracked[-1].ids, 'a face in the list')
    topic = f'/humans/faces/{tracked[-1].ids[0]}/expression'
    expressions = collect(HriExpression, topic)
    wait_until(lambda: len(expressions) >= 3, f'expressions on {topic}')
    assert {e.header.frame_id for e in expressions} == {'camera'}
    assert all(0 < e.confidence <= 1 for e in expressions)

    assert player.interrupt() == 0
    wait_until(lambda: not tracked[-1].ids, 'an empty list')
    wait_until(lambda: not observer.count_publishers(topic), f'the end of {topic}')

    player = start('player', rate=10.0)
    wait_until(lambda: tracked[-1].ids, 'a face in the list again')
    assert bridge.interrupt() == 0
    wait_until(lambda: not tracked[-1].ids, 'an empty list when the bridge ends')
    assert 'Traceback' not in bridge.output
