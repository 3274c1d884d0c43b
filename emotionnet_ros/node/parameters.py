# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node's parameters: one table, from which all that mentions them comes.

``python -m emotionnet_ros.node.parameters yaml`` prints config/nano.yaml, ``... markdown`` the
table of the README; a test compares both with the files.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    ParameterType,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from emotionnet_ros.faces.tracker import TrackerSettings
from emotionnet_ros.inference.smoothing import SmoothingSettings
from emotionnet_ros.node.topics import fault_of_topics
from emotionnet_ros.pipeline import PipelineSettings
from emotionnet_ros.power.governor import HIGHEST_RATE, LEAST_RATE, GovernorSettings

# Of the type that the row's default has: bool, int, float, str or list of str.
Value: TypeAlias = Any

_TYPES: Mapping[type, tuple[int, str]] = {
    bool: (ParameterType.PARAMETER_BOOL, 'bool'),
    int: (ParameterType.PARAMETER_INTEGER, 'integer'),
    float: (ParameterType.PARAMETER_DOUBLE, 'double'),
    str: (ParameterType.PARAMETER_STRING, 'string'),
    list: (ParameterType.PARAMETER_STRING_ARRAY, 'string array'),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter.

    Parameters
    ----------
    name, default, description
        The default's type is the parameter's.
    minimum, maximum
        The range of a number; ``choices`` that of a string.
    or_zero
        Whether 0 is allowed below the minimum.
    fault
        Says what is wrong with a value where no range can; empty where nothing is.
    when
        When a change takes effect: 'at once', 'on activate', 'on configure' or 'at start'.
    """

    name: str
    default: Value
    description: str
    minimum: float = 0.0
    maximum: float = 0.0
    or_zero: bool = False
    choices: Sequence[str] = ()
    fault: Callable[[Any], str] | None = None
    when: str = 'at once'

    @property
    def type_name(self) -> str:
        """The ROS name of the type."""
        return _TYPES[type(self.default)][1]

    @property
    def range_text(self) -> str:
        """The range as people read it; empty where there is none."""
        if self.choices:
            return ', '.join(self.choices)
        zero = '0 or ' if self.or_zero else ''
        return f'{zero}{self.minimum:g} to {self.maximum:g}' if self.maximum else ''

    def refusal(self, value: Any) -> str:
        """Say what is wrong with a value of the right type; empty where nothing is."""
        if self.choices:
            wrong = '' if value in self.choices else f', it must be one of {self.range_text}'
        elif self.fault:
            fault = self.fault(value)
            wrong = f': {fault}' if fault else ''
        elif not self.maximum or self.minimum <= value <= self.maximum:
            wrong = ''
        else:
            wrong = '' if self.or_zero and value == 0 else f', it must lie in {self.range_text}'
        return f'{self.name} is {value!r}{wrong}' if wrong else ''

    def descriptor(self) -> ParameterDescriptor:
        """Give what rclpy declares and enforces."""
        constraints = f'one of {self.range_text}' if self.choices else ''
        minimum = 0.0 if self.or_zero else self.minimum
        descriptor = ParameterDescriptor(
            name=self.name,
            type=_TYPES[type(self.default)][0],
            description=self.description,
            read_only=self.when == 'at start',
            additional_constraints=self.range_text if self.or_zero else constraints,
        )
        if self.maximum and isinstance(self.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=minimum, to_value=self.maximum)
            ]
        elif self.maximum:
            descriptor.integer_range = [
                IntegerRange(from_value=int(minimum), to_value=int(self.maximum), step=1)
            ]
        return descriptor


_tracker = TrackerSettings()
_smoothing = SmoothingSettings()
_governor = GovernorSettings()

TABLE: Sequence[Row] = (
    Row(
        'autostart',
        True,
        'Configure and activate at start; false waits for a lifecycle manager.',
        when='at start',
    ),
    Row(
        'cameras',
        [''],
        'Topics of the cameras, where there are several or one of another name; those that end in '
        '/compressed carry JPEG or PNG. Empty names are left out; without any, it is image.',
        fault=fault_of_topics,
        when='on activate',
    ),
    Row(
        'camera.compressed',
        False,
        'Subscribe to image/compressed (JPEG, PNG) in place of image, where cameras has no names.',
        when='on activate',
    ),
    Row(
        'camera.reliability',
        'auto',
        'Quality of service of the subscriptions; auto is what the publisher offers.',
        choices=('auto', 'reliable', 'best_effort'),
        when='on activate',
    ),
    Row(
        'camera.max_rate',
        0.0,
        'Frames a second that are processed at most, of all cameras together; 0 is every frame '
        'there is time for.',
        minimum=LEAST_RATE,
        maximum=HIGHEST_RATE,
        or_zero=True,
    ),
    Row(
        'camera.lazy',
        False,
        'Subscribe only while somebody listens to expressions, expression or image_annotated.',
    ),
    Row(
        'detector.name',
        'auto',
        'Face detector; auto is that of the model file, else BlazeFace, else the Haar cascade.',
        choices=('auto', 'blazeface', 'yunet', 'haar'),
        when='on configure',
    ),
    Row(
        'detector.model',
        '',
        'Path of the detector model file; empty is the one that is installed.',
        when='on configure',
    ),
    Row(
        'detector.min_confidence',
        0.0,
        'Faces below it are not looked at; 0 is the default of the detector.',
        maximum=1.0,
        when='on configure',
    ),
    Row(
        'detector.input_size',
        0,
        'Longer side in pixels of the picture the detector sees: larger finds smaller faces and '
        'costs more; 0 is the default of the detector.',
        minimum=32,
        maximum=4096,
        or_zero=True,
        when='on configure',
    ),
    Row(
        'detector.interval',
        0,
        'The detector runs on every n-th frame; between, faces are followed. 0: every second '
        'frame where frames come at least 20 times a second, else every frame.',
        minimum=1,
        maximum=100,
        or_zero=True,
    ),
    Row(
        'network.model',
        'nano_b',
        'Expression network: a name of this package or the path of an ONNX file.',
        when='on configure',
    ),
    Row(
        'network.threads',
        1,
        'Threads of the expression network; one is the most efficient.',
        minimum=1,
        maximum=64,
        when='on configure',
    ),
    Row(
        'tracker.max_faces',
        _tracker.max_faces,
        'Faces followed at once, the most confident ones.',
        minimum=1,
        maximum=100,
    ),
    Row(
        'tracker.max_missed',
        _tracker.max_missed,
        'Seconds that a face keeps its id while it is not seen.',
        maximum=60.0,
    ),
    Row(
        'tracker.start_confidence',
        _tracker.start_confidence,
        'Confidence of detection that a new face needs; a followed one needs less.',
        maximum=1.0,
    ),
    Row(
        'tracker.min_iou',
        _tracker.min_iou,
        'Overlap with the expected place from which a detection may be a followed face.',
        maximum=1.0,
    ),
    Row(
        'smoothing.time_constant',
        _smoothing.time_constant,
        'Seconds after which an image weighs 1/e of the newest; 0 is no smoothing.',
        maximum=60.0,
    ),
    Row(
        'smoothing.min_confidence',
        _smoothing.min_confidence,
        'Below this probability of the likeliest class the answer is unknown.',
        maximum=1.0,
    ),
    Row(
        'smoothing.switch_margin',
        _smoothing.switch_margin,
        'How much likelier another class must be to replace the present one.',
        maximum=1.0,
    ),
    Row(
        'power.budget',
        0.0,
        'Watts that the computer may draw; 0 is no budget.',
        maximum=10000.0,
    ),
    Row(
        'power.budget_cpu_percent',
        0.0,
        'CPU time that the node may use, in percent of one core, for computers whose watts cannot '
        'be known; 0 is no such budget.',
        maximum=6400.0,
    ),
    Row(
        'power.min_rate',
        0.0,
        'Frames a second that are wanted at least under a budget.',
        maximum=1000.0,
    ),
    Row(
        'power.min_rate_wins',
        False,
        'Whether power.min_rate holds even where the budget is then exceeded.',
    ),
    Row(
        'power.target_rate',
        _governor.target_rate,
        'Frames a second up to which cheaper operating points are taken for more rate; above it '
        'quality comes first.',
        minimum=0.1,
        maximum=1000.0,
    ),
    Row(
        'power.sensor',
        'auto',
        'Power sensor: auto (the best that works), jetson, raspberry_pi_5, hwmon or hwmon:CHIP, '
        'battery, rapl, cpu_time.',
        when='on configure',
    ),
    Row(
        'power.model',
        '',
        'Path of the file of calibrate_power, for the sensor cpu_time; empty is uncalibrated.',
        when='on configure',
    ),
    Row(
        'power.operating_points',
        '',
        'Path of the file of profile_power; empty is the built-in table of estimates.',
        when='on configure',
    ),
    Row(
        'power.sysfs_root',
        '/sys',
        'Where the kernel shows its devices; another place in some containers.',
        when='on configure',
    ),
    Row(
        'power.proc_root',
        '/proc',
        'Where the kernel shows its processes.',
        when='on configure',
    ),
)
ROWS: Mapping[str, Row] = {row.name: row for row in TABLE}


def declare(node: Node) -> None:
    """Declare all parameters; a bad override raises rclpy's exception with the reason."""
    for row in TABLE:
        node.declare_parameter(row.name, row.default, row.descriptor())


def check(changes: Sequence[Parameter]) -> SetParametersResult:
    """Refuse what rclpy lets pass: a string that is no choice, a number just out of range."""
    for parameter in changes:
        row = ROWS.get(parameter.name)
        # One that is not set, as by an empty list in a parameter file, is its default.
        reason = row.refusal(parameter.value) if row and parameter.value is not None else ''
        if reason:
            return SetParametersResult(successful=False, reason=reason)
    return SetParametersResult(successful=True)


def values(node: Node) -> dict[str, Value]:
    """Read all parameters at one moment."""
    found = {row.name: node.get_parameter_or(row.name).value for row in TABLE}
    return {name: ROWS[name].default if v is None else v for name, v in found.items()}


def pipeline_settings(value: Mapping[str, Value]) -> PipelineSettings:
    """Turn the values of all parameters into the pipeline's settings."""

    def of(room: str, *names: str) -> dict[str, Value]:
        return {name: value[f'{room}.{name}'] for name in names}

    return PipelineSettings(
        detector_interval=int(value['detector.interval']),
        tracker=TrackerSettings(
            **of('tracker', 'max_faces', 'max_missed', 'start_confidence', 'min_iou')
        ),
        smoothing=SmoothingSettings(
            **of('smoothing', 'time_constant', 'min_confidence', 'switch_margin')
        ),
    )


def yaml() -> str:
    """Render the parameter file: every parameter at its default, commented."""
    lines = [
        '# Every parameter of the node at its default. A change takes effect at once, unless',
        '# said otherwise: on activate (deactivate, activate), on configure (deactivate, cleanup,',
        '# configure, activate) or at start.',
        '/**:',
        '  ros__parameters:',
    ]
    group = ''
    for row in TABLE:
        *groups, name = row.name.split('.')
        if groups and groups[0] != group:
            group = groups[0]
            lines.append(f'    {group}:')
        indent = '      ' if groups else '    '
        notes = [row.description]
        if row.range_text:
            notes.append(f'Range: {row.range_text}.')
        if row.when != 'at once':
            notes.append(f'Takes effect {row.when}.')
        wrapped = textwrap.wrap(' '.join(notes), 92)
        lines += [f'{indent}# {line}' for line in wrapped]
        lines.append(f'{indent}{name}: {_yaml_value(row.default)}')
    return '\n'.join(lines) + '\n'


def markdown() -> str:
    """Render the table of the README."""
    lines = [
        '| parameter | type | default | range | takes effect | what it is |',
        '|---|---|---|---|---|---|',
    ]
    lines += [
        f'| `{row.name}` | {row.type_name} | `{_yaml_value(row.default)}` | {row.range_text} '
        f'| {row.when} | {row.description} |'
        for row in TABLE
    ]
    return '\n'.join(lines) + '\n'


def _yaml_value(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if value != '' else "''"


if __name__ == '__main__':
    sys.stdout.write({'yaml': yaml, 'markdown': markdown}[sys.argv[1]]())
