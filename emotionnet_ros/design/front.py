# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a study has found: the front as a table, a picture and files, beside what it is up to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import onnx

from emotionnet_ros.design.explore import SAMPLERS, Row, judged, read_baselines, violations
from emotionnet_ros.design.latency import interleaved_ms
from emotionnet_ros.design.pareto import hypervolume, pareto_front
from emotionnet_ros.design.prototype import Constraints
from emotionnet_ros.design.study import DESIGNS, replace_json
from emotionnet_ros.inference.classifier import Classifier, ModelError
from emotionnet_ros.networks.network_file import write_network
from emotionnet_ros.networks.tables import multiply_adds, parameter_count
from emotionnet_ros.training.evaluate import evaluate
from emotionnet_ros.training.ferplus import DataError


@dataclass(frozen=True)
class Trained:
    """A weight file, evaluated on validation; accuracies after training, not predicted."""

    name: str
    latency_ms: float
    parameters: int
    accuracy: float
    balanced_accuracy: float


def front_of(rows: Sequence[Row], constraints: Constraints) -> list[Row]:
    """Those designs within the constraints that none other beats in both costs."""
    kept = [
        row for row in rows if all(miss <= 0 for miss in violations(constraints, row).values())
    ]
    return [kept[index] for index in pareto_front([row.costs for row in kept])]


def trained_figures(weights: Sequence[Path], data_folder: Path) -> list[Trained]:
    """Latency and validation accuracy of weight files, in turns on one thread.

    Any file that the classifier takes will do, other projects' too.

    Raises
    ------
    DataError
        If a weight file or the data cannot be read.
    """
    try:
        classifiers = [Classifier(str(path), threads=1) for path in weights]
    except ModelError as error:
        raise DataError(str(error)) from error
    found = []
    for path, latency in zip(weights, interleaved_ms(classifiers), strict=True):
        result = evaluate(path, data_folder, 'valid')
        parts = onnx.load(path).graph.initializer
        floats = [part for part in parts if part.data_type == onnx.TensorProto.FLOAT]
        count = sum(_size(part.dims) for part in floats)
        figures = (result['accuracy'], result['balanced_accuracy'])
        found.append(Trained(path.stem, latency, count, *figures))
    return found


def _size(dimensions: Sequence[int]) -> int:
    size = 1
    for dimension in dimensions:
        size *= dimension
    return size


def write_front(
    folder: Path, constraints: Constraints, trained: Sequence[Trained] = ()
) -> list[Row]:
    """Write ``front.md``, ``front.png``, ``front.json`` and a file of every network on the front.

    Returns
    -------
    list[Row]
        The front, fastest first.

    Raises
    ------
    StudyError
        If the folder's files cannot be read.
    """
    found = {kind: judged(folder, kind) for kind in SAMPLERS}
    baselines = read_baselines(folder)
    front = front_of(found['search'], constraints)
    designs = folder / DESIGNS
    designs.mkdir(exist_ok=True)
    for row in front:
        comment = (
            f'Predicted by the supernet: accuracy {row.accuracy:.1%}, balanced '
            f'{row.balanced_accuracy:.1%}. {row.latency_ms:.2f} ms a face where it was measured.'
        )
        write_network(designs / f'{row.network.name}.yaml', row.network, comment)
    volumes = _hypervolumes(found, baselines, constraints)
    content = {
        'front': [row.as_dict() for row in front],
        'baselines': {name: row.as_dict() for name, row in baselines.items()},
        'judged': {kind: len(rows) for kind, rows in found.items()},
        'hypervolume': volumes,
        'trained': [asdict(one) for one in trained],
    }
    replace_json(folder / 'front.json', content)
    text = front_table(front, found, baselines, volumes, trained, constraints.watts)
    (folder / 'front.md').write_text(text + '\n', encoding='utf-8')
    _picture(folder / 'front.png', front, found, baselines, trained, constraints.watts)
    return front


def _hypervolumes(
    found: dict[str, list[Row]], baselines: dict[str, Row], constraints: Constraints
) -> dict[str, float]:
    """Area of costs, of latency times likelihood, that each way of searching beats.

    Measured up to the worst of either cost within all ways' fronts.
    """
    fronts = {kind: front_of(rows, constraints) for kind, rows in found.items()}
    scaled = [row for name, row in baselines.items() if name.startswith('prototype_')]
    fronts['prototype'] = front_of(scaled, constraints)
    every = [row.costs for rows in fronts.values() for row in rows]
    if not every:
        return {}
    worst = (max(one[0] for one in every), max(one[1] for one in every))
    return {
        kind: round(hypervolume([row.costs for row in rows], worst), 5)
        for kind, rows in fronts.items()
    }


def front_table(
    front: Sequence[Row],
    found: dict[str, list[Row]],
    baselines: dict[str, Row],
    volumes: dict[str, float],
    trained: Sequence[Trained],
    watts: float | None,
) -> str:
    """Markdown of the front, of what stands beside it, and of fully trained weight files."""
    heads = ['network', 'latency (ms)', 'parameters', 'multiply-adds (M)', 'likelihood cost']
    heads += ['accuracy', 'balanced', 'mJ a face'] if watts else ['accuracy', 'balanced']
    lines = ['Accuracies as the supernet predicts them, on a part of validation.', '']
    lines += ['| ' + ' | '.join(heads) + ' |', '|' + '---|' * len(heads)]
    for row in (*front, *sorted(baselines.values(), key=lambda row: row.latency_ms)):
        cells = [
            row.network.name,
            f'{row.latency_ms:.3f}',
            f'{parameter_count(row.network):,}',
            f'{multiply_adds(row.network) / 1e6:.1f}',
            f'{row.likelihood_cost:.4f}',
            f'{row.accuracy:.1%}',
            f'{row.balanced_accuracy:.1%}',
        ]
        cells += [f'{watts * row.latency_ms:.2f}'] if watts else []
        lines.append('| ' + ' | '.join(cells) + ' |')
    lines += ['', '| way of searching | designs judged | area beaten |', '|---|---|---|']
    for kind, volume in volumes.items():
        count = len(found[kind]) if kind in found else sum(n.startswith(kind) for n in baselines)
        lines.append(f'| {kind} | {count} | {volume:.4f} |')
    if trained:
        lines += ['', 'Fully trained, on the whole of validation:', '']
        lines += [
            '| weights | latency (ms) | parameters | accuracy | balanced |',
            '|' + '---|' * 5,
        ]
        lines += [
            f'| {one.name} | {one.latency_ms:.3f} | {one.parameters:,} | {one.accuracy:.1%} | '
            f'{one.balanced_accuracy:.1%} |'
            for one in trained
        ]
    return '\n'.join(lines)


def _picture(
    path: Path,
    front: Sequence[Row],
    found: dict[str, list[Row]],
    baselines: dict[str, Row],
    trained: Sequence[Trained],
    watts: float | None,
) -> None:
    # The class for pictures without a window: pyplot would look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plots: list[tuple[str, Callable[[Row], float]]] = [
        ('latency (ms)', lambda row: row.latency_ms),
        ('parameters', lambda row: parameter_count(row.network)),
    ]
    if watts:
        plots.append((f'mJ a face at {watts:g} W', lambda row: watts * row.latency_ms))
    count = len(plots) + bool(trained)
    figure = Figure(figsize=(1 + 5 * count, 5), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, count)
    for axis, (label, across) in zip(axes, plots, strict=False):
        for kind, marker in (('random', 'x'), ('search', '.')):
            rows = found[kind]
            points = ([across(row) for row in rows], [row.accuracy for row in rows])
            axis.plot(*points, marker, alpha=0.4, label=kind)
        ordered = sorted(front, key=across)
        axis.plot([across(r) for r in ordered], [r.accuracy for r in ordered], 'o-', label='front')
        scaled = [row for name, row in baselines.items() if name.startswith('prototype_')]
        scaled.sort(key=across)
        axis.plot(
            [across(r) for r in scaled], [r.accuracy for r in scaled], 's:', label='prototype'
        )
        for name, row in baselines.items():
            if not name.startswith('prototype_'):
                axis.plot(across(row), row.accuracy, '*', markersize=12, label=name)
        axis.set(xlabel=label, ylabel='accuracy predicted by the supernet')
        axis.legend(fontsize='small')
    if trained:
        for one in trained:
            axes[-1].plot(one.latency_ms, one.accuracy, 'o', label=one.name)
        axes[-1].set(xlabel='latency (ms)', ylabel='validation accuracy, fully trained')
        axes[-1].legend(fontsize='small')
    figure.savefig(path, dpi=80)
