# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs the real node on a simulated board and shows how it holds a budget.

``ros2 run emotionnet_ros trace_power`` prints a table; with ``--draw FILE`` it draws the trace.
The board's watts are computed from the CPU time that the node really spends.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.qos import QoSProfile

from emotionnet_ros.msg import ExpressionArray, PowerState
from emotionnet_ros.node.programs import private_domain, start_program, stop_programs, typed_name
from emotionnet_ros.power.simulated_jetson import IDLE_WATTS, SimulatedJetson

CAMERA_HZ = 30.0
START_TIMEOUT = 60.0
SETTLING = 8.0  # seconds of a phase that the steady mean leaves out
WINDOW = 1.0


@dataclass(frozen=True, slots=True)
class Phase:
    """What happens: shares of what the node draws when free, for ``seconds``."""

    name: str
    seconds: float
    budget_share: float
    foreign_share: float = 0.0


PHASES = (
    Phase('no budget', 10, 0.0),
    Phase('budget: half of what is ours', 25, 0.5),
    Phase('budget up to three quarters', 25, 0.75),
    Phase('another program: + a quarter', 25, 0.75, 0.25),
    Phase('it ends', 25, 0.75),
    Phase('budget down to a third', 25, 1 / 3),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One phase as it went; watts, Hz and seconds of the steady clock."""

    phase: Phase
    begin: float
    end: float
    budget: float
    mean_watts: float
    peak_watts: float
    recovery: float
    rate_hz: float
    point: str

    def text(self) -> str:
        """Give the row of the table."""
        if not self.budget:
            sway = 100 * (self.peak_watts / self.mean_watts - 1)
            return (
                f'| {self.phase.name} | - | {self.mean_watts:.2f} | - | {sway:.1f} over its mean '
                f'| - | {self.rate_hz:.1f} | {self.point} |'
            )
        off = 100 * (self.mean_watts / self.budget - 1)
        over = 100 * max(self.peak_watts / self.budget - 1, 0)
        return (
            f'| {self.phase.name} | {self.budget:.2f} | {self.mean_watts:.2f} | {off:+.2f} '
            f'| {over:.1f} | {self.recovery:.1f} | {self.rate_hz:.1f} | {self.point} |'
        )


HEADING = (
    '| phase | budget W | steady mean W | off % | peak of 1 s mean, % over, steady '
    '| s until the 1 s mean is within 2 % | answers a second | point |\n'
    '|---|---|---|---|---|---|---|---|'
)


def trace(board: SimulatedJetson, seconds_scale: float) -> tuple[list[Row], list[PowerState]]:
    """Play all phases; the messages are the PowerStates that the node published.

    Raises
    ------
    RuntimeError
        The node or the player ended, or nothing came.
    """
    observer = rclpy.create_node('trace_power')
    answers: list[float] = []
    states: list[PowerState] = []
    observer.create_subscription(
        ExpressionArray, 'expressions', lambda _: answers.append(time.monotonic()), 10
    )
    observer.create_subscription(PowerState, 'power', states.append, QoSProfile(depth=10))
    client = observer.create_client(SetParameters, 'emotionnet/set_parameters')
    programs = [
        start_program('emotionnet', 'power.sensor:=jetson', f'power.sysfs_root:={board.root}'),
        start_program('player', f'rate:={CAMERA_HZ}'),
    ]
    rows: list[Row] = []
    try:
        begun = time.monotonic()
        while len(answers) < CAMERA_HZ or not states:
            if time.monotonic() - begun > START_TIMEOUT:
                raise RuntimeError('no answers; see the messages above')
            rclpy.spin_once(observer, timeout_sec=0.1)
        board.watch(programs[0].pid)
        free = math.nan
        for phase in PHASES:
            ours = free - IDLE_WATTS
            budget = IDLE_WATTS + phase.budget_share * ours if phase.budget_share else 0.0
            _set_budget(observer, client, budget)
            board.foreign_watts = phase.foreign_share * ours if phase.foreign_share else 0.0
            begin = time.monotonic()
            end = begin + phase.seconds * seconds_scale
            while time.monotonic() < end:
                if any(program.poll() is not None for program in programs):
                    raise RuntimeError('the node or the player ended; see its message above')
                rclpy.spin_once(observer, timeout_sec=0.1)
            rows.append(_row(board, phase, begin, end, budget, answers, states[-1]))
            print(rows[-1].text(), flush=True)
            if math.isnan(free):
                free = rows[0].mean_watts
    finally:
        stop_programs(programs)
        observer.destroy_node()
    return rows, states


def _row(
    board: SimulatedJetson,
    phase: Phase,
    begin: float,
    end: float,
    budget: float,
    answers: Sequence[float],
    state: PowerState,
) -> Row:
    settled = min(begin + SETTLING, (begin + end) / 2)
    means = _second_means(board, begin, end)
    over = [at for at, watts in means if at < settled and watts > 1.02 * budget]
    return Row(
        phase=phase,
        begin=begin,
        end=end,
        budget=budget,
        mean_watts=board.mean_watts(settled, end),
        peak_watts=max(watts for at, watts in means if at >= settled + WINDOW),
        recovery=max((at - begin for at in over), default=0.0),
        rate_hz=sum(settled <= at < end for at in answers) / (end - settled),
        point=state.operating_point,
    )


def _second_means(board: SimulatedJetson, begin: float, end: float) -> list[tuple[float, float]]:
    """Give (steady time, true mean of the second before it), ten a second."""
    count = int((end - begin - WINDOW) / 0.1)
    times = [begin + WINDOW + 0.1 * number for number in range(count)]
    return [(at, board.mean_watts(at - WINDOW, at)) for at in times]


def _set_budget(observer: Node, client: Any, budget: float) -> None:
    value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=budget)
    request = SetParameters.Request(parameters=[Parameter(name='power.budget', value=value)])
    futures: list[Any] = []
    deadline = time.monotonic() + START_TIMEOUT
    # A server that does not know the client yet drops its answer; asking twice does no harm.
    while not any(future.done() for future in futures):
        if time.monotonic() > deadline:
            raise RuntimeError('the node does not take parameters')
        futures.append(client.call_async(request))
        rclpy.spin_once(observer, timeout_sec=0.5)


def draw(board: SimulatedJetson, rows: Sequence[Row], path: Path) -> None:
    """Draw power against budget over time; needs matplotlib."""
    import matplotlib as mpl  # optional

    mpl.use('Agg')
    from matplotlib import pyplot

    start = rows[0].begin
    figure, axes = pyplot.subplots(figsize=(10, 4.5), layout='constrained')
    means = np.array(_second_means(board, start, rows[-1].end))
    axes.plot(means[:, 0] - start, means[:, 1], label='drawn, mean of one second')
    for row in rows:
        if row.budget:
            axes.hlines(row.budget, row.begin - start, row.end - start, 'k', 'dashed')
        axes.axvline(row.begin - start, color='0.85', zorder=0)
        text = f'{row.phase.name}\n{row.point}, {row.rate_hz:.1f} Hz'
        axes.annotate(text, (row.begin - start + 0.5, 1.01), xycoords=('data', 'axes fraction'),
                      fontsize=7)  # fmt: skip
    axes.set(xlabel='seconds', ylabel='watts', ylim=(IDLE_WATTS - 1, None))
    axes.legend(loc='lower right')
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 when the trace could not be taken."""
    parser = argparse.ArgumentParser(prog=typed_name('trace_power'), description=__doc__)
    parser.add_argument('--draw', type=Path, metavar='FILE', help='picture to write (matplotlib)')
    parser.add_argument('--scale', type=float, default=1.0, help='factor on all durations')
    options = parser.parse_args(arguments)
    os.environ.setdefault('ROS_DOMAIN_ID', private_domain())
    rclpy.init()
    with tempfile.TemporaryDirectory() as folder:
        board = SimulatedJetson(Path(folder) / 'sys')
        try:
            print(HEADING)
            rows, _ = trace(board, options.scale)
        except RuntimeError as error:
            print(f'{parser.prog}: {error}', file=sys.stderr)
            return 1
        finally:
            board.close()
            rclpy.try_shutdown()
    if options.draw:
        try:
            draw(board, rows, options.draw)
        except ImportError as error:
            print(f'No picture: {error}; pip install matplotlib', file=sys.stderr)
            return 1
    return 0
