# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The reacting example: what it decides, and that it does so over ROS."""

import math

import pytest
from emotionnet_ros.msg import Expression, ExpressionArray, Timing
from std_msgs.msg import Header, String

from emotionnet_ros.node.react import Reactor, Settings, Sight

PERIOD = 0.1


def play(reactor, *shown, start=0.0, age=0.02, face_id='f1'):
    """Show (expression, confidence, seconds) one after the other; give (time, reaction)."""
    decided, step = [], 0
    for expression, confidence, seconds in shown:
        for _ in range(round(seconds / PERIOD)):
            stamp = start + step * PERIOD
            step += 1
            sight = expression and Sight(stamp, age, face_id, expression, confidence)
            reaction = reactor.decide(sight or None)
            if reaction:
                decided.append((pytest.approx(stamp), reaction))
    return decided


@pytest.mark.parametrize(
    ('expression', 'confidence', 'expected'),
    [
        ('happiness', 0.9, [(0.5, 'greet')]),
        ('anger', 0.9, [(1.0, 'calm_down')]),
        ('unknown', 0.3, [(3.0, 'ask')]),
        ('neutral', 0.9, []),
        ('happiness', 0.5, []),
    ],
)
def test_an_expression_that_lasts_is_reacted_to_once(expression, confidence, expected):
    assert play(Reactor(), (expression, confidence, 8.0)) == expected


@pytest.mark.parametrize('age', [0.6, -0.1, math.nan])
def test_an_answer_that_is_stale_or_of_unknown_age_is_ignored(age):
    assert play(Reactor(), ('happiness', 0.9, 5.0), age=age) == []


def test_what_is_short_is_not_reacted_to():
    flicker = [('happiness', 0.9, 0.3), ('neutral', 0.9, 0.3)] * 10
    assert play(Reactor(), *flicker) == []


def test_a_probability_about_the_threshold_goes_on_counting():
    about = [('happiness', 0.62, 0.2), ('happiness', 0.5, 0.2)] * 2
    assert play(Reactor(), *about) == [(0.5, 'greet')]
    assert play(Reactor(Settings(hysteresis=0.0)), *about) == []


def test_the_same_reaction_waits_for_the_cool_down():
    smiles = [('happiness', 0.9, 1.0), ('neutral', 0.9, 1.0)] * 7
    assert play(Reactor(), *smiles) == [(0.5, 'greet'), (10.5, 'greet')]


def test_another_face_is_greeted_after_a_pause_and_not_before():
    reactor = Reactor()
    assert play(reactor, ('happiness', 0.9, 1.0)) == [(0.5, 'greet')]
    assert play(reactor, ('happiness', 0.9, 3.0), start=1.0, face_id='f2') == [(2.5, 'greet')]


def test_a_face_that_went_away_begins_anew():
    shown = [('happiness', 0.9, 0.4), (None, 0.0, 0.2), ('happiness', 0.9, 0.4)]
    assert play(Reactor(), *shown) == []


def test_a_gap_without_answers_begins_anew():
    reactor = Reactor()
    assert play(reactor, ('happiness', 0.9, 0.4)) == []
    assert play(reactor, ('happiness', 0.9, 0.4), start=2.0) == []


def test_a_recording_that_begins_again_is_reacted_to_again():
    reactor = Reactor()
    assert play(reactor, ('happiness', 0.9, 1.0), start=100.0) == [(100.5, 'greet')]
    assert play(reactor, ('happiness', 0.9, 1.0)) == [(0.5, 'greet')]


def test_a_smile_on_the_topic_is_greeted(start, observer, collect, wait_until):
    start('react', pause=0.0, cool_down=0.0)
    reactions = collect(String, 'reaction')
    publisher = observer.create_publisher(ExpressionArray, 'expressions', 10)

    def smile():
        header = Header(stamp=observer.get_clock().now().to_msg())
        face = Expression(face_id='f1', expression=Expression.HAPPINESS, confidence=0.9)
        publisher.publish(
            ExpressionArray(header=header, expressions=[face], timing=Timing(age=0.01))
        )
        return bool(reactions)

    wait_until(smile, 'a greeting')
    assert reactions[0].data == 'greet'
