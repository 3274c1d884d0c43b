# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The machine half: a search over the designs of a prototype, beside chance and the prototype.

The two costs are the proxy's cost of likelihood and the measured latency. The search is NSGA-II
(Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm", 2002) as Optuna has it, with
Deb's domination under constraints. A design above a limit of size or latency is a trial too, so
that the search learns from it, but the proxy does not judge it and it is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler
from optuna.trial import FrozenTrial, Trial
from tqdm import tqdm

from emotionnet_ros.design.prototype import Constraints, Prototype
from emotionnet_ros.design.proxy import ProxyScores
from emotionnet_ros.design.space import (
    Genes,
    NotInSpaceError,
    contains,
    excess,
    gene_choices,
    genes_of,
    network_of,
    scaled_prototype,
)
from emotionnet_ros.design.study import BASELINES, TRIALS, StudyError, read_json, replace_json
from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.networks.network_file import network_as_dict, network_from, table_digest
from emotionnet_ros.networks.tables import NETWORKS, Network, multiply_adds, parameter_count

# How a search proposes designs, by the name of its trials in the study.
SAMPLERS: dict[str, Callable[[int, int], BaseSampler]] = {
    'search': lambda seed, population: NSGAIISampler(seed=seed, population_size=population),
    'random': lambda seed, _: RandomSampler(seed=seed),
}
POPULATION = 40
SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)  # of the prototype's widths
# Costs of what is not judged: an answer by chance, and longer than anything.
_BY_CHANCE, _UNMEASURED_MS = math.log(len(EXPRESSIONS)), 1e6
_PROPOSALS = 50  # for each design that is judged, before the search gives up
_ROW = 'row'
_DIRECTIONS = ('minimize', 'minimize')

Judge = Callable[[Network], ProxyScores]
Measure = Callable[[Network], float]  # milliseconds a face


@dataclass(frozen=True)
class Row:
    """A design that was judged; accuracies as the proxy predicts them."""

    network: Network
    latency_ms: float
    likelihood_cost: float
    accuracy: float
    balanced_accuracy: float

    @property
    def costs(self) -> tuple[float, float]:
        """What the search lowers: latency and cost of likelihood."""
        return self.latency_ms, self.likelihood_cost

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON, with the table's size."""
        return {
            **asdict(self),
            'network': network_as_dict(self.network),
            'parameters': parameter_count(self.network),
            'multiply_adds': multiply_adds(self.network),
        }


def row_from(content: dict[str, Any]) -> Row:
    """Inverse of ``Row.as_dict``."""
    return Row(
        network_from(content['network']),
        content['latency_ms'],
        content['likelihood_cost'],
        content['accuracy'],
        content['balanced_accuracy'],
    )


def scaled_prototypes(prototype: Prototype) -> dict[str, Network]:
    """Name and make the person's own network at SCALES; of two that are the same, the first."""
    different: dict[str, Network] = {}
    for scale in SCALES:
        genes = scaled_prototype(prototype, scale)
        network = network_of(prototype, genes, f'prototype_{scale:g}')
        different.setdefault(table_digest(network), network)
    return {network.name: network for network in different.values()}


def violations(constraints: Constraints, row: Row) -> dict[str, float]:
    """Limits of latency and accuracy and by how much a design misses each; not above 0: kept."""
    found: dict[str, float] = {}
    limit = constraints.latency_limit_ms()
    if limit is not None:
        found['max_latency_ms'] = row.latency_ms / limit - 1
    for name, least, value in (
        ('min_accuracy', constraints.min_accuracy, row.accuracy),
        ('min_balanced_accuracy', constraints.min_balanced_accuracy, row.balanced_accuracy),
    ):
        if least is not None:
            found[name] = least - value
    return found


class Explorer:
    """A study's trials: proposes designs, judges them and remembers.

    Parameters
    ----------
    folder
        Of the study.
    prototype
        What may vary, and the constraints.
    judge
        The proxy's opinion of a network.
    measure
        Milliseconds a face.
    population
        Designs in a generation of the search.
    judged_by
        What the judge is, for a study not to mix judges: the state of the supernet.
    """

    def __init__(
        self,
        folder: Path,
        prototype: Prototype,
        judge: Judge,
        measure: Measure,
        population: int = POPULATION,
        judged_by: str = '',
    ) -> None:
        self.folder = folder
        self.prototype = prototype
        self.judge = judge
        self.measure = measure
        self.population = population
        self.judged_by = judged_by
        self._choices = gene_choices(prototype)
        self._seen: dict[str, Row] = {}

    def run(self, kind: str, trials: int, seed: int) -> list[Row]:
        """Judge designs until there are ``trials`` different ones; return them all.

        Goes on where an earlier call stopped, and then proposes what it would have proposed
        without the interruption.

        Parameters
        ----------
        kind
            A key of SAMPLERS.
        trials
            Those of earlier calls included.
        seed
            Of the proposals; must be the same when a search goes on.

        Raises
        ------
        StudyError
            If the study was begun with another seed or other constraints, or hardly any proposal
            keeps to the limits.
        """
        kept = open_trials(self.folder, kind)
        self._claim(kept, seed)
        done = kept.get_trials(deepcopy=False)
        # The search itself is held in memory, as a file takes a moment for each of the many genes;
        # what is finished goes to the file at once.
        study = optuna.create_study(directions=_DIRECTIONS)
        study.add_trials(done)
        rows = rows_of(done)
        self._seen.update({table_digest(row.network): row for row in rows})
        distinct = {table_digest(row.network) for row in rows}
        begin = self._begin() if kind != 'random' else []
        with tqdm(total=trials, initial=len(distinct), unit='design', desc=kind) as progress:
            index = len(done)
            while len(distinct) < trials:
                if index >= _PROPOSALS * trials:
                    raise StudyError(
                        f'{index} proposals gave {len(distinct)} different designs within the '
                        'constraints: widen the constraints or the widths'
                    )
                # A sampler of its own for every trial: what it draws depends on the trials told
                # so far, not on where the process began.
                number = np.random.SeedSequence([seed, index]).generate_state(1)[0]
                study.sampler = SAMPLERS[kind](int(number), self.population)
                if index < len(begin):
                    study.enqueue_trial(self._indices(begin[index]))
                trial, row = self._trial(study)
                kept.add_trial(trial)
                index += 1
                if row is not None and table_digest(row.network) not in distinct:
                    distinct.add(table_digest(row.network))
                    rows.append(row)
                    progress.update()
        return rows

    def baselines(self) -> dict[str, Row]:
        """Judge the scaled prototype and this project's own networks, in the space or beside it.

        Networks that the supernet cannot hold are left out; limits are not asked after.
        """
        path = self.folder / BASELINES
        known = read_baselines(self.folder)
        if path.exists() and read_json(path)['judged_by'] != self.judged_by:
            known = {}
        networks = scaled_prototypes(self.prototype)
        networks.update(NETWORKS)
        for name, network in tqdm(networks.items(), unit='design', desc='baselines'):
            if name in known:
                continue
            try:
                scores = self.judge(network)
            except NotInSpaceError:
                continue
            known[name] = _row(network, self.measure(network), scores)
            rows = {key: row.as_dict() for key, row in known.items()}
            replace_json(path, {'judged_by': self.judged_by, 'rows': rows})
        return known

    def _begin(self) -> list[Genes]:
        """Return the genes that a search begins with: the project's networks in the space."""
        found: list[Genes] = []
        for network in NETWORKS.values():
            try:
                genes = genes_of(self.prototype, network)
            except NotInSpaceError:
                continue
            if contains(self.prototype, genes):
                found.append(genes)
        return found

    def _trial(self, study: optuna.Study) -> tuple[FrozenTrial, Row | None]:
        """Propose a design and tell what it costs; no row where a limit forbids to judge it."""
        trial = study.ask()
        network = network_of(self.prototype, self._genes(trial))
        limits = self.prototype.constraints
        sizes = excess(self.prototype, network)
        for name, share in sizes.items():
            trial.set_constraint(name, share)
        if any(share > 0 for share in sizes.values()):
            return study.tell(trial, (_UNMEASURED_MS, _BY_CHANCE)), None
        latency = self.measure(network)
        limit = limits.latency_limit_ms()
        if limit is not None and latency > limit:
            trial.set_constraint('max_latency_ms', latency / limit - 1)
            return study.tell(trial, (latency, _BY_CHANCE)), None
        digest = table_digest(network)
        if digest not in self._seen:
            self._seen[digest] = _row(network, latency, self.judge(network))
        row = self._seen[digest]
        trial.set_user_attr(_ROW, row.as_dict())
        for name, missed in violations(limits, row).items():
            trial.set_constraint(name, missed)
        return study.tell(trial, row.costs), row

    def _genes(self, trial: Trial) -> dict[str, int]:
        return {
            name: values[trial.suggest_int(name, 0, len(values) - 1)]
            for name, values in self._choices.items()
        }

    def _indices(self, genes: Genes) -> dict[str, int]:
        return {name: values.index(genes[name]) for name, values in self._choices.items()}

    def _claim(self, study: optuna.Study, seed: int) -> None:
        ours = {
            'seed': seed,
            'population': self.population,
            'judged_by': self.judged_by,
            'constraints': asdict(self.prototype.constraints),
        }
        if not study.get_trials(deepcopy=False):
            for name, value in ours.items():
                study.set_user_attr(name, value)
        noted = study.user_attrs
        unlike = [name for name, value in ours.items() if noted.get(name) != value]
        if unlike:
            raise StudyError(
                f'{self.folder / TRIALS} was begun with other settings (see {", ".join(unlike)}): '
                'give the old ones, or another --study'
            )


def _row(network: Network, latency_ms: float, scores: ProxyScores) -> Row:
    classified = scores.classified
    figures = (scores.likelihood_cost, classified.accuracy, classified.balanced_accuracy)
    return Row(network, latency_ms, *figures)


def open_trials(folder: Path, kind: str) -> optuna.Study:
    """Open the trials of one kind in a study's folder, or begin them.

    Raises
    ------
    StudyError
        If the file is no study.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = folder / TRIALS
    try:
        return optuna.create_study(
            storage=f'sqlite:///{path.resolve()}',
            study_name=kind,
            directions=_DIRECTIONS,
            load_if_exists=True,
        )
    except Exception as error:  # SQLAlchemy's errors share no base class with Optuna's
        raise StudyError(f'{path} cannot be opened: {error}') from error


def rows_of(trials: list[FrozenTrial]) -> list[Row]:
    """Different designs that were judged, in the order of the trials."""
    rows: dict[str, Row] = {}
    for trial in trials:
        if _ROW in trial.user_attrs:
            row = row_from(trial.user_attrs[_ROW])
            rows.setdefault(table_digest(row.network), row)
    return list(rows.values())


def read_baselines(folder: Path) -> dict[str, Row]:
    """Designs that Explorer.baselines judged, by name; empty before."""
    path = folder / BASELINES
    rows = read_json(path)['rows'] if path.exists() else {}
    return {name: row_from(content) for name, content in rows.items()}


def judged(folder: Path, kind: str) -> list[Row]:
    """Every design that the trials of one kind have judged so far."""
    study = open_trials(folder, kind)
    return rows_of(study.get_trials(deepcopy=False))
