# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Transitions from every state in any order, with images on their way, and what they leave behind.

``EMOTIONNET_LONG=1`` goes a thousand walks; the figures are printed (``pytest -s``).
"""

import gc
import logging
import random
import threading
import time
from collections import Counter

import pytest
import rclpy
from emotionnet_ros.msg import ExpressionArray
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

from emotionnet_ros.node import emotion_node

pytestmark = pytest.mark.filterwarnings('error::pytest.PytestUnhandledThreadExceptionWarning')

DEADLINE = 60.0
STEPS = 20
SHUTDOWN_SHARE = 0.05
# Between the half and the end. A network that stays each time would be hundreds of its megabytes;
# the allocator's own ups and downs are a few.
MAX_GROWTH_MB = 30
UNCONFIGURED = State.PRIMARY_STATE_UNCONFIGURED
INACTIVE = State.PRIMARY_STATE_INACTIVE
ACTIVE = State.PRIMARY_STATE_ACTIVE
FINALIZED = State.PRIMARY_STATE_FINALIZED
# What each state allows, and where it leads.
ALLOWED = {
    UNCONFIGURED: {
        Transition.TRANSITION_CONFIGURE: INACTIVE,
        Transition.TRANSITION_UNCONFIGURED_SHUTDOWN: FINALIZED,
    },
    INACTIVE: {
        Transition.TRANSITION_CLEANUP: UNCONFIGURED,
        Transition.TRANSITION_ACTIVATE: ACTIVE,
        Transition.TRANSITION_INACTIVE_SHUTDOWN: FINALIZED,
    },
    ACTIVE: {
        Transition.TRANSITION_DEACTIVATE: INACTIVE,
        Transition.TRANSITION_ACTIVE_SHUTDOWN: FINALIZED,
    },
    FINALIZED: {},
}
SHUTDOWNS = {id for leads in ALLOWED.values() for id, end in leads.items() if end == FINALIZED}
# Those that people ask for, those that only the state machine itself may take, and nonsense.
OTHERS = [0, 1, 2, 3, 4, 8, 10, 11, 12, 20, 30, 40, 50, 60, 61, 62, 90, 99, 255]
LABELS = {'configure': 1, 'cleanup': 2, 'activate': 3, 'deactivate': 4, 'destroy': 8, 'no': 255}


class Walker:
    """A node that is led about, in the thread of the test."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.tried = Counter()
        self.nodes = 0
        self.begin()

    def begin(self):
        """Make a node with a context of its own, as in its own process.

        Of each node that comes and goes in a context that stays, rclpy and Fast DDS keep 100 kB.
        """
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.node = emotion_node.EmotionNode(context=self.context)
        self.executor.add_node(self.node)
        self.entities = self.count_entities()
        self.nodes += 1

    def end(self):
        self.executor.remove_node(self.node)
        self.node.stop()
        self.node.destroy_node()
        self.executor.shutdown()
        self.context.shutdown()

    @property
    def state(self):
        return self.node._state_machine.current_state[0]

    def count_entities(self):
        kinds = 'timers', 'subscriptions', 'publishers', 'services', 'clients', 'waitables'
        return {kind: len(list(getattr(self.node, kind))) for kind in (*kinds, 'guards')}

    def request(self, id=0, label=''):
        """Ask as a client of the service does, in the executor's thread as there."""
        request = ChangeState.Request(transition=Transition(id=id, label=label))
        answer = self.node._service_change_state.callback(request, ChangeState.Response())
        return answer.success

    def step(self):
        """Try one transition and compare with the table what came of it."""
        before = self.state
        shutdowns = [id for id in ALLOWED[before] if id in SHUTDOWNS]
        id, label = self.random.choice(OTHERS), ''
        if shutdowns and self.random.random() < SHUTDOWN_SHARE:
            id = shutdowns[0]
        elif self.random.random() < 0.6 and (allowed := set(ALLOWED[before]) - SHUTDOWNS):
            id = self.random.choice(sorted(allowed))
        elif self.random.random() < 0.3:
            label, id = self.random.choice(sorted(LABELS.items()))
        after = ALLOWED[before].get(id)
        assert self.request(id, label) == (after is not None), (before, id, label)
        assert self.state == (before if after is None else after), (before, id, label)
        self.tried[before, id] += 1

    def change_a_parameter(self):
        value = self.random.choice([True, False])
        (result,) = self.node.set_parameters([Parameter('camera.lazy', value=value)])
        assert result.successful

    def go_to_unconfigured(self):
        ways = {ACTIVE: Transition.TRANSITION_DEACTIVATE, INACTIVE: Transition.TRANSITION_CLEANUP}
        while self.state in ways:
            assert self.request(ways[self.state])

    def walk(self):
        for _ in range(STEPS):
            self.step()
            if self.random.random() < 0.2:
                self.change_a_parameter()
            for _ in range(self.random.randrange(6)):
                self.executor.spin_once(timeout_sec=0.01)
        self.go_to_unconfigured()
        assert self.count_entities() == self.entities
        assert [t.name for t in threading.enumerate() if 'emotionnet' in t.name] == []
        if self.state == FINALIZED:
            self.end()
            self.begin()


def test_no_order_of_transitions_harms_or_leaves_anything(
    start, observer, collect, at_length, footprint, monkeypatch, capfd
):
    # pytest would keep each line in memory; the node hands them on to rclpy, which capfd sees.
    monkeypatch.setattr(logging.getLogger('emotionnet_ros'), 'propagate', False)
    walks = at_length(6, 1000)
    answers = collect(ExpressionArray, 'expressions')
    start('player', rate=30.0)
    walker = Walker(5)
    held = []
    for _ in range(walks):
        walker.walk()
        walker.node.set_parameters([Parameter('camera.lazy', value=False)])
        walker.node.autostart()
        answers.clear()
        deadline = time.monotonic() + DEADLINE
        while not answers:
            assert time.monotonic() < deadline, 'no answer after a walk'
            walker.executor.spin_once(timeout_sec=0.01)
            rclpy.spin_once(observer, timeout_sec=0.01)
        walker.go_to_unconfigured()
        gc.collect()
        held.append(footprint())
    walker.end()

    assert 'Traceback' not in capfd.readouterr().err
    early, late = held[walks // 2], held[-1]
    transitions = walker.tried.total()
    print(
        f'\n{walks} walks, {transitions} transitions of {len(walker.tried)} kinds of state and '
        f'request, {walker.nodes} nodes; first {held[0]}, half way {early}, last {late}'
    )
    ways = {(state, id) for state, leads in ALLOWED.items() for id in set(leads) - SHUTDOWNS}
    assert ways <= set(walker.tried)
    assert FINALIZED in {state for state, _ in walker.tried}
    assert (late.descriptors, late.threads) == (early.descriptors, early.threads)
    assert late.resident - early.resident < MAX_GROWTH_MB
