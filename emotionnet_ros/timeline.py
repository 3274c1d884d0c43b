# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers over time as one picture: expressions of each face, age of the answers, watts."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from emotionnet_ros.expressions import EXPRESSION_NAMES, UNKNOWN
from emotionnet_ros.imaging.annotation import COLOURS_RGB

MOST_LANES = 12
# A face that was not seen for so many pictures, and at least so long, has a gap in its lane.
_GAP_PICTURES = 4
_GAP_SECONDS = 0.3
_LANE_HEIGHT = 0.85


@dataclass(frozen=True, slots=True)
class FaceMoment:
    """One face at one time; ``expression`` indexes EXPRESSION_NAMES, ``confidence`` is 0..1."""

    face_id: str
    expression: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known of one time.

    Parameters
    ----------
    time
        Seconds of any clock.
    faces
        The answer to one picture, empty where nobody was there; None where it is no answer.
    age
        Seconds since that picture was taken; None or NaN where that is not known.
    watts
        What the computer draws; None where that is not known.
    """

    time: float
    faces: tuple[FaceMoment, ...] | None = ()
    age: float | None = None
    watts: float | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A face with one expression, without a gap.

    ``times`` are the seconds at which each of the ``confidences`` begins, and the end.
    """

    expression: int
    times: tuple[float, ...]
    confidences: tuple[float, ...]


def of_answer(time: float, message: Any) -> Moment:
    """Give the moment of an emotionnet_ros/ExpressionArray, from whatever read it."""
    faces = tuple(
        FaceMoment(face.face_id, min(int(face.expression), UNKNOWN), float(face.confidence))
        for face in message.expressions
    )
    return Moment(time, faces, float(message.timing.age))


def of_power(time: float, message: Any) -> Moment:
    """Give the moment of an emotionnet_ros/PowerState, from whatever read it."""
    return Moment(time, None, watts=float(message.power))


def summary(moments: Sequence[Moment]) -> str:
    """Say in one sentence what there was: answers, faces, and the shares of the expressions."""
    answers = [moment for moment in moments if moment.faces is not None]
    faces = [face for answer in answers for face in answer.faces or ()]
    seconds = answers[-1].time - answers[0].time if answers else 0.0
    text = f'{len(answers)} answers in {seconds:.1f} s; faces: {len({f.face_id for f in faces})}'
    return f'{text}; {shares(faces)}' if faces else text


def shares(faces: Sequence[FaceMoment]) -> str:
    """Say which expressions faces had, the most frequent first."""
    counts = Counter(EXPRESSION_NAMES[face.expression] for face in faces).most_common()
    return ', '.join(f'{name} {count / len(faces):.0%}' for name, count in counts)


def runs_of_faces(moments: Sequence[Moment]) -> dict[str, list[Run]]:
    """Give the runs of each face, the faces in the order of their appearance.

    Parameters
    ----------
    moments
        In the order of time.
    """
    answers = [moment for moment in moments if moment.faces is not None]
    steps = [later.time - earlier.time for earlier, later in pairwise(answers)]
    step = statistics.median(steps) if steps else 0.0
    longest = max(_GAP_SECONDS, _GAP_PICTURES * step)
    seen: dict[str, list[tuple[float, FaceMoment]]] = {}
    for answer in answers:
        for face in answer.faces or ():
            seen.setdefault(face.face_id, []).append((answer.time, face))
    return {face_id: list(_runs(face, step, longest)) for face_id, face in seen.items()}


def _runs(seen: Sequence[tuple[float, FaceMoment]], step: float, longest: float) -> Iterator[Run]:
    times: list[float] = []
    confidences: list[float] = []
    ends = [time for time, _ in seen[1:]] + [float('inf')]
    following = [face.expression for _, face in seen[1:]] + [-1]
    for (time, face), next_time, next_expression in zip(seen, ends, following, strict=True):
        times.append(time)
        confidences.append(face.confidence)
        gap = next_time - time > longest
        if gap or next_expression != face.expression:
            end = time + step if gap else next_time
            yield Run(face.expression, (*times, end), tuple(confidences))
            times, confidences = [], []


def draw(moments: Sequence[Moment], path: Path, title: str = '') -> None:
    """Draw moments and write the picture.

    Each face has a lane; the colour is the expression, the height the confidence. Age and watts
    are drawn below where they are known.

    Parameters
    ----------
    moments
        In the order of time, at least one.
    path
        The file to write; its suffix says the format, e.g. ``.png`` or ``.svg``.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    ValueError
        There are no moments, or the format is unknown.
    OSError
        The file cannot be written.
    """
    if not moments:
        raise ValueError('there is nothing to draw: no moments')
    # The class for pictures without a window: pyplot would look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    start, end = moments[0].time, moments[-1].time
    faces = runs_of_faces(moments)
    shown = sorted(faces, key=lambda face: faces[face][0].times[0] - faces[face][-1].times[-1])
    lanes = {face: runs for face, runs in faces.items() if face in shown[:MOST_LANES]}
    curves = [
        (label, points)
        for label, points in (
            ('age, ms', [(m.time - start, m.age * 1e3) for m in moments if m.age is not None]),
            ('watts', [(m.time - start, m.watts) for m in moments if m.watts is not None]),
        )
        if any(value == value for _, value in points)
    ]
    lane_inches = max(1.6, 0.5 * len(lanes) + 0.8)
    heights = [lane_inches, *(1.3 for _ in curves)]
    figure = Figure(figsize=(11, sum(heights) + 0.9), layout='constrained')
    FigureCanvasAgg(figure)
    panels = figure.subplots(
        len(heights), 1, sharex=True, squeeze=False, gridspec_kw={'height_ratios': heights}
    )[:, 0]
    _draw_lanes(panels[0], lanes, start, len(faces) - len(lanes))
    panels[0].set_title(title)
    for panel, (label, points) in zip(panels[1:], curves, strict=True):
        panel.plot(*zip(*points, strict=True), color='0.2', linewidth=1)
        panel.set(ylabel=label)
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
    panels[-1].set_xlim(0, max(end - start, 1.0))
    panels[-1].set_xlabel('time, s' if end - start <= 180 else 'time, min:s')
    if end - start > 180:
        panels[-1].xaxis.set_major_locator(MaxNLocator(9, steps=[1.5, 3, 6, 10]))
        panels[-1].xaxis.set_major_formatter(
            FuncFormatter(lambda seconds, _: f'{int(seconds // 60)}:{seconds % 60:02.0f}')
        )
    figure.savefig(path, dpi=100)


def _draw_lanes(panel: Any, lanes: dict[str, list[Run]], start: float, left_out: int) -> None:
    from matplotlib.patches import Patch

    # The first lane is the uppermost: the axis points downwards.
    for lane, runs in enumerate(lanes.values()):
        bottom = lane + _LANE_HEIGHT
        panel.axhspan(lane, bottom, color='0.88', zorder=0)
        for run in runs:
            tops = [bottom - _LANE_HEIGHT * confidence for confidence in run.confidences]
            panel.fill_between(
                [time - start for time in run.times],
                bottom,
                [*tops, tops[-1]],
                step='post',
                **_look(run.expression),
            )
    panel.set_yticks([lane + _LANE_HEIGHT / 2 for lane in range(len(lanes))], list(lanes))
    panel.set_ylim(max(len(lanes), 1), -0.1)
    panel.set_ylabel('face' if not left_out else f'face ({left_out} shorter ones left out)')
    expressions = sorted({run.expression for runs in lanes.values() for run in runs})
    if expressions:
        panel.legend(
            handles=[Patch(label=EXPRESSION_NAMES[e], **_look(e)) for e in expressions],
            loc='upper left',
            bbox_to_anchor=(1.0, 1.0),
            title='height: confidence',
            frameon=False,
        )
    else:
        panel.text(0.5, 0.5, 'nobody there', transform=panel.transAxes, ha='center')


def _look(expression: int) -> dict[str, Any]:
    red, green, blue = COLOURS_RGB[EXPRESSION_NAMES[expression]]
    return {
        'facecolor': (red / 255, green / 255, blue / 255),
        'edgecolor': '0.3',
        'linewidth': 0.5,
        'hatch': '////' if expression == UNKNOWN else None,
    }
