# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
import yaml

from emotionnet_ros.design.prototype import (
    DEFAULT_PROTOTYPE,
    PrototypeError,
    prototype_from,
    read_prototype,
)
from emotionnet_ros.networks.tables import NANO_A, parameter_count


def changed(path: Path, change: str) -> Path:
    """The shipped file with one value set, given as ``stages.0.depth=[2, 1]``."""
    content = yaml.safe_load(DEFAULT_PROTOTYPE.read_text())
    place, _, value = change.partition('=')
    *way, key = place.split('.')
    target = content
    for step in way:
        target = target[int(step) if step.isdigit() else step]
    if value == 'nothing':
        del target[key]
    else:
        target[key] = yaml.safe_load(value)
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    'path', sorted(DEFAULT_PROTOTYPE.parent.glob('prototype*.yaml')), ids=lambda path: path.stem
)
def test_the_shipped_files_read(path):
    prototype = read_prototype(path)
    assert [stage.name for stage in prototype.stages] == ['a', 'b', 'e', 'f']
    assert prototype.constraints.max_parameters == parameter_count(NANO_A)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ('speed=3', "unknown key 'speed' in the file; known are stages"),
        ('stages=[]', 'stages must be a list of one stage or more'),
        ('stages.0.colour=red', "unknown key 'colour' in stage 1; known are name"),
        ('stages.0.name=p', 'name of stage 1 must be letters, and not p'),
        ('stages.0.name=b', 'two stages have the same name'),
        ('stages.1.resolution=48', 'resolution of stage b must be half of 48, not 48'),
        ('stages.0.resolution=30', 'resolution of the first stage must be 48 or 24'),
        ('stages.0.widths=nothing', r'stage 1 \(a\) has no widths'),
        ('stages.0.widths=[8, 4]', r'widths of stage 1 \(a\) must rise'),
        ('stages.0.widths=[8.5]', r'widths of stage 1 \(a\) must be a whole number'),
        ('stages.2.depth=[2, 1]', r'depth of stage 3 \(e\) must be a whole number from 2'),
        ('stages.2.depth=3', r'depth of stage 3 \(e\) must be \[fewest, most\]'),
        ('stages.0.joins=1', 'joins of stage 1 .* must be true or false, not 1'),
        ('stages.0.optional=true', 'stage a is the first: it cannot be optional'),
        ('stages.1.optional=true', 'stage e must be optional, as b is'),
        ('stages.3.out_widths=[8]', r'stage 4 \(f\) is the last'),
        ('stages.1.prototype.present=false', r'stage 2 \(b\) is not optional'),
        ('stages.1.prototype.width=0', r'prototype.width of stage 2 \(b\) must be'),
        ('constraints.max_parameters=0', 'constraints.max_parameters must be a whole number'),
        ('constraints.max_latency_ms=-1', 'constraints.max_latency_ms must be a number above 0'),
        ('constraints.min_accuracy=70', 'constraints.min_accuracy must be a number .* at most 1'),
        ('constraints.max_joules=0.01', 'constraints.max_joules needs constraints.watts'),
        ('constraints.fps=10', "unknown key 'fps' in constraints"),
        ('subnetworks_per_step=0', 'subnetworks_per_step must be a whole number from 1'),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, change: str, message: str):
    path = changed(tmp_path / 'prototype.yaml', change)
    with pytest.raises(PrototypeError, match=message) as caught:
        read_prototype(path)
    assert str(path) in str(caught.value)


def test_energy_limits_the_latency():
    stage = {'name': 'a', 'resolution': 48, 'widths': [4], 'inner_widths': [4], 'depth': [0, 1]}

    def limit(**constraints: float) -> float | None:
        content = {'stages': [stage], 'constraints': constraints}
        return prototype_from(content).constraints.latency_limit_ms()

    assert limit() is None
    assert limit(max_latency_ms=2.0) == 2
    assert limit(max_joules=0.005, watts=4.0) == pytest.approx(1.25)
    assert limit(max_latency_ms=1.0, max_joules=0.005, watts=4.0) == 1
