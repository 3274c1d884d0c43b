# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Proves the governor on many simulated machines: what happens, and what must then hold.

``python -m emotionnet_ros.power.simulation`` prints the table of scenarios against targets and,
where matplotlib is installed, draws examples.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotionnet_ros.power.plant import DRIFT_TIME, Trace, simulate
from emotionnet_ros.power.scenarios import FAST_LAG, SCENARIOS, Case, Phase, Scenario, draw_case

# Targets.
STEADY_RANGE = (-0.02, 0.0)
MOST_OVERSHOOT = 0.02
RECOVERY_FAST, RECOVERY_SLOW = 1.0, 4.0
LEAST_USEFUL = 0.95
MOST_CHANGES = 1
# Seconds in which a step that we make ourselves can be answered at all: a control period and a
# frame under way.
REACTION = 0.2
# Means are over so long a time; a phase is steady so long after its begin and after a change of
# the operating point; changes are counted in so long a time.
WINDOW = 1.0
SETTLED_AFTER = 12.0
SETTLED_AFTER_MOVE = 5.0
CHANGE_WINDOW = 30.0
# A steady mean is judged where less than this share of the best possible rate is affordable.
LIMITED_BELOW = 0.97


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run reached; NaN where the scenario does not say.

    ``steady`` and ``overshoot`` are shares of the budget, ``recovery`` is in seconds, ``useful``
    a share of the best constant rate, ``changes`` those of the operating point in 30 s.
    """

    scenario: str
    sensor: str
    steady: float
    overshoot: float
    recovery: float
    useful: float
    changes: float
    state_right: bool
    recovery_target: float = RECOVERY_FAST

    @property
    def misses(self) -> list[str]:
        """Names of the targets that were not reached."""
        checks = {
            'steady': not (self.steady < STEADY_RANGE[0] or self.steady > STEADY_RANGE[1]),
            'overshoot': not self.overshoot > MOST_OVERSHOOT,
            'recovery': not self.recovery > self.recovery_target,
            'useful': not self.useful < LEAST_USEFUL,
            'changes': not self.changes > MOST_CHANGES,
            'state': self.state_right,
        }
        return [name for name, reached in checks.items() if not reached]


def run(
    scenario: Scenario, seed: int, sensor: str = '', cost_factor: float = 1.0
) -> tuple[Outcome, Trace, Case]:
    """Draw a case, run a scenario on it and judge it."""
    case = draw_case(random.Random(seed), scenario.least_ours, sensor, cost_factor)
    course, phases = scenario.build(case)
    trace = simulate(case.plant, case.points, course, seed)
    return judge(scenario, case, trace, phases), trace, case


def judge(scenario: Scenario, case: Case, trace: Trace, phases: Sequence[Phase]) -> Outcome:
    """Measure what a run reached against the truth, not against the sensor."""
    record = _Record(case, trace)
    steady, overshoot, useful, changes = [], [], [], []
    recovery = math.nan
    for phase in phases:
        if not phase.held:
            continue
        begins = np.arange(phase.begin + REACTION, phase.end - WINDOW, 0.05)
        over = record.mean_watts(begins, begins + WINDOW) / phase.budget - 1
        if phase.own:
            overshoot.append(float(over.max()))
        else:
            late = begins[over > MOST_OVERSHOOT]
            recovery = float(late.max() + 0.05 - phase.begin) if len(late) else 0.0
        changes.append(record.most_changes(phase))
        found = record.steady(phase)
        if found is not None:
            useful.append(found[0])
            steady.append(found[1])
    right = True
    if scenario.state:
        which, state = scenario.state
        last = np.flatnonzero(record.at < phases[which].end)[-1]
        right = trace.commands[last].state == state
    return Outcome(
        scenario.name,
        case.sensor,
        # The one that is furthest from the middle of the target.
        max(
            (s for s in steady if math.isfinite(s)), key=lambda s: abs(s + 0.01), default=math.nan
        ),
        max(overshoot, default=math.nan),
        recovery,
        min(useful, default=math.nan),
        max(changes, default=0),
        right,
        RECOVERY_SLOW if case.plant.lag > FAST_LAG else RECOVERY_FAST,
    )


class _Record:
    """A trace as arrays, with what the plant truly costs."""

    def __init__(self, case: Case, trace: Trace) -> None:
        self._case = case
        self._times = np.array(trace.times)
        self._joules = np.array(trace.joules)
        self._frames = np.array(trace.frames)
        self.at = np.array(trace.command_times)
        points = {p.name: e for p, e in zip(case.points, case.plant.energies, strict=True)}
        self._costs = np.array([points[c.operating_point.name] for c in trace.commands])
        self._moves = self.at[1:][np.diff(self._costs) != 0]

    def mean_watts(self, begin: NDArray[Any], end: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(self._gain(self._joules, begin, end) / (end - begin))

    def most_changes(self, phase: Phase) -> int:
        """Count the changes of the operating point in the worst 30 s of the steady part."""
        moves = self._moves[
            (self._moves >= phase.begin + SETTLED_AFTER) & (self._moves < phase.end)
        ]
        counts = [int(np.sum((moves >= m) & (moves < m + CHANGE_WINDOW))) for m in moves]
        return max(counts, default=0)

    def steady(self, phase: Phase) -> tuple[float, float] | None:
        """Give the rate over the best constant one, and the mean over the budget less 1.

        The latter is NaN where the budget allows as much as camera and processor give.
        """
        at, plant = self.at, self._case.plant
        since = at - np.maximum.accumulate(np.where(np.isin(at, self._moves), at, -np.inf))
        calm = (at >= phase.begin + SETTLED_AFTER) & (at < phase.end)
        calm &= since >= SETTLED_AFTER_MOVE
        index = np.flatnonzero(calm[:-1])
        if not len(index):
            return None
        begins, ends = at[index], at[index + 1]
        seconds = float((ends - begins).sum())
        warm = plant.drift * (1 - np.exp(-begins / DRIFT_TIME))
        free = phase.budget - plant.idle - warm - phase.foreign
        top = np.minimum(plant.camera_rate, plant.active / self._costs[index])
        best = np.minimum(free / self._costs[index], top)
        rate = float(self._gain(self._frames, begins, ends).sum()) / seconds
        watts = float(self._gain(self._joules, begins, ends).sum()) / seconds
        limited = bool(np.all(best < LIMITED_BELOW * top))
        return rate / float(best.mean()), watts / phase.budget - 1 if limited else math.nan

    def _gain(
        self,
        total: NDArray[Any],
        begin: NDArray[Any],
        end: NDArray[Any],
    ) -> NDArray[Any]:
        return np.asarray(
            np.interp(end, self._times, total) - np.interp(begin, self._times, total)
        )


HEADING = (
    '| scenario | runs | steady mean % of budget: 5 %, median, 95 % | overshoot %: median, 95 % '
    '| recovery s: 95 % fast, 95 % slow | useful rate: 5 %, median | most changes in 30 s '
    '| state right | all targets met |\n|---|---|---|---|---|---|---|---|---|'
)


def row(outcomes: Sequence[Outcome]) -> str:
    """Give a row of the table for the runs of one scenario."""

    def percentiles(values: Sequence[float], *which: float) -> list[float]:
        finite = [v for v in values if math.isfinite(v)]
        return [float(v) for v in np.percentile(finite, which)] if finite else []

    def text(values: Sequence[float], form: str) -> str:
        return ', '.join(format(v, form) for v in values) or '-'

    fast = [o.recovery for o in outcomes if o.recovery_target == RECOVERY_FAST]
    slow = [o.recovery for o in outcomes if o.recovery_target == RECOVERY_SLOW]
    cells = (
        outcomes[0].scenario,
        str(len(outcomes)),
        text(percentiles([100 * o.steady for o in outcomes], 5, 50, 95), '.2f'),
        text(percentiles([100 * o.overshoot for o in outcomes], 50, 95), '.2f'),
        text(percentiles(fast, 95) + percentiles(slow, 95), '.2f'),
        text(percentiles([o.useful for o in outcomes], 5, 50), '.3f'),
        str(max(o.changes for o in outcomes)),
        f'{np.mean([o.state_right for o in outcomes]):.0%}',
        f'{np.mean([not o.misses for o in outcomes]):.0%}',
    )
    return f'| {" | ".join(cells)} |'


def draw(scenario: Scenario, seed: int, folder: Path) -> Path:
    """Draw one run: power against the budget, rate against the limit, operating point."""
    import matplotlib as mpl  # optional

    mpl.use('Agg')
    from matplotlib import pyplot

    _, trace, case = run(scenario, seed)
    phases = scenario.build(case)[1]
    record = _Record(case, trace)
    times = np.arange(WINDOW, record.at[-1], 0.1)
    figure, (power, rate, point) = pyplot.subplots(
        3, 1, sharex=True, figsize=(9, 7), height_ratios=(3, 2, 1)
    )
    power.plot(record.at, [c.power for c in trace.commands], lw=0.5, label='sensor, filtered')
    power.plot(times, record.mean_watts(times - WINDOW, times), label='true, mean of one second')
    for phase in phases:
        power.hlines(phase.budget, phase.begin, phase.end, 'k', 'dashed')
    power.set_ylabel('power, W (dashed: budget)')
    power.legend(loc='lower right')
    ones = np.ones_like(times)
    frames = np.interp(times, trace.times, trace.frames)
    frames -= np.interp(times - WINDOW * ones, trace.times, trace.frames)
    rate.plot(record.at, [c.rate_limit for c in trace.commands], label='limit')
    rate.plot(times, frames / WINDOW, lw=0.8, label='frames processed')
    rate.set_ylabel('rate, Hz')
    rate.legend(loc='lower right')
    names = [p.name for p in case.points]
    point.step(record.at, [names.index(c.operating_point.name) for c in trace.commands])
    point.set_yticks(range(len(names)), names)
    point.invert_yaxis()
    point.set_xlabel('time, s')
    figure.suptitle(f'{scenario.name}; {case.sensor} sensor, lag {case.plant.lag:.2f} s')
    path = folder / f'power_{scenario.name.replace(" ", "_")}.png'
    figure.savefig(path, dpi=100, bbox_inches='tight')
    pyplot.close(figure)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 done, 1 a run whose state was wrong, 2 wrong options."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--seeds', type=int, default=100, help='runs of each scenario (100)')
    parser.add_argument('--first-seed', type=int, default=0)
    parser.add_argument(
        '--cost-factor',
        type=float,
        default=1.0,
        help='what frames cost further, beyond 0.5 to 2 times the table (1)',
    )
    parser.add_argument('--draw', type=Path, metavar='FOLDER', help='draw one run of each there')
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f'--seeds {options.seeds}: at least 1')
    if not 0.01 <= options.cost_factor <= 100:
        parser.error(f'--cost-factor {options.cost_factor:g}: it must lie in 0.01..100')
    print(HEADING, flush=True)
    right = True
    for scenario in SCENARIOS:
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        outcomes = [run(scenario, seed, cost_factor=options.cost_factor)[0] for seed in seeds]
        right = right and all(o.state_right for o in outcomes)
        print(row(outcomes), flush=True)
    if options.draw:
        options.draw.mkdir(parents=True, exist_ok=True)
        try:
            for scenario in SCENARIOS:
                print(draw(scenario, options.first_seed, options.draw), flush=True)
        except ImportError as error:
            print(f'No pictures: {error}; pip install matplotlib', file=sys.stderr)
    return 0 if right else 1


if __name__ == '__main__':
    sys.exit(main())
