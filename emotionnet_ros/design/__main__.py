# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Explore designs: ``python -m emotionnet_ros.design COMMAND --study DIR ...``.

In this order: ``supernet`` trains the proxy, ``explore`` searches with it, ``front`` writes what
was found, ``correlate`` says how far the proxy can be trusted; ``layers`` measures a board. Every
command goes on where it was interrupted. docs/design_exploration.md has the rest.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from emotionnet_ros.design.correlation import correlation_table, pairs
from emotionnet_ros.design.explore import (
    POPULATION,
    SAMPLERS,
    Explorer,
    Measure,
)
from emotionnet_ros.design.front import trained_figures, write_front
from emotionnet_ros.design.latency import LatencyCache
from emotionnet_ros.design.layer_latency import measure_table, read_table, report
from emotionnet_ros.design.prototype import DEFAULT_PROTOTYPE, PrototypeError, read_prototype
from emotionnet_ros.design.proxy import VALIDATION_IMAGES, trained_proxy
from emotionnet_ros.design.space import NotInSpaceError
from emotionnet_ros.design.study import LATENCY, StudyError, claim
from emotionnet_ros.design.supernet_run import DEFAULT_CONFIG, train_supernet
from emotionnet_ros.networks.tables import NETWORKS
from emotionnet_ros.training.config import ConfigError, read_config
from emotionnet_ros.training.ferplus import DataError
from emotionnet_ros.training.run import CheckpointError, TrainingError


def _supernet(options: argparse.Namespace) -> None:
    prototype = read_prototype(options.prototype)
    train_supernet(read_config(options.config), prototype, options.data, options.study)


def _explore(options: argparse.Namespace) -> None:
    prototype = read_prototype(options.prototype)
    claim(options.study, prototype)
    torch.set_num_threads(options.threads)
    proxy = trained_proxy(options.study, prototype, options.data, options.validation_images)
    latencies = LatencyCache(options.study / LATENCY)
    table = read_table(options.layer_table) if options.layer_table else None
    measure: Measure = (
        table.milliseconds if table else lambda network: latencies.measure(network).milliseconds
    )
    judged_by = f'{proxy.name}, latency {options.layer_table or "measured here"}'
    explorer = Explorer(
        options.study, prototype, proxy.scores, measure, options.population, judged_by
    )
    explorer.baselines()
    for kind in options.kinds:
        explorer.run(kind, options.trials, options.seed)
    print(f'{len(write_front(options.study, prototype.constraints))} designs on the front')


def _front(options: argparse.Namespace) -> None:
    prototype = read_prototype(options.prototype)
    claim(options.study, prototype)
    if options.weights and not options.data:
        raise StudyError('--weights needs --data to evaluate them on')
    trained = trained_figures(options.weights, options.data) if options.weights else ()
    write_front(options.study, prototype.constraints, trained)
    print((options.study / 'front.md').read_text(encoding='utf-8'), end='')


def _correlate(options: argparse.Namespace) -> None:
    prototype = read_prototype(options.prototype)
    claim(options.study, prototype)
    torch.set_num_threads(options.threads)
    proxy = trained_proxy(options.study, prototype, options.data, options.validation_images)
    text = correlation_table(pairs(options.runs, proxy.scores, options.last))
    (options.study / 'correlation.md').write_text(text + '\n', encoding='utf-8')
    print(text)


def _layers(options: argparse.Namespace) -> None:
    prototype = read_prototype(options.prototype)
    table = measure_table(prototype, options.table, options.networks)
    print(report(table, options.table, tuple(NETWORKS.values())))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m emotionnet_ros.design', description=(__doc__ or '').split(':')[0]
    )
    commands = parser.add_subparsers(required=True, metavar='COMMAND')

    def command(
        name: str, action: Callable[[argparse.Namespace], None], text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(action=action)
        added.add_argument(
            '--prototype', type=Path, default=DEFAULT_PROTOTYPE, help='YAML file of the prototype'
        )
        return added

    supernet = command('supernet', _supernet, 'train the supernet, or go on training it')
    supernet.add_argument('--config', type=Path, default=DEFAULT_CONFIG, help='of the training')
    explore = command('explore', _explore, 'search designs, and as many by chance')
    explore.add_argument('--trials', type=int, default=400, help='designs to judge, of each kind')
    explore.add_argument('--seed', type=int, default=1)
    explore.add_argument('--population', type=int, default=POPULATION, help='in a generation')
    explore.add_argument('--kinds', nargs='+', choices=SAMPLERS, default=tuple(SAMPLERS))
    explore.add_argument('--layer-table', type=Path, help="a board's, in place of measuring here")
    front = command('front', _front, 'write the front as a table, a picture and files')
    front.add_argument('--weights', type=Path, nargs='+', default=(), help='trained, to compare')
    front.add_argument('--data', type=Path, help='folder with the FER+ splits')
    correlate = command('correlate', _correlate, "compare the proxy's order with trained runs'")
    correlate.add_argument('runs', type=Path, nargs='+', metavar='RUN', help='folder of a run')
    correlate.add_argument('--last', type=int, default=3, help='epochs to take means of')
    layers = command('layers', _layers, 'measure the layers of a prototype on this machine')
    layers.add_argument('--table', type=Path, required=True, help='JSON file to write')
    layers.add_argument('--networks', type=int, default=12, help='whole networks to measure')
    for part in (supernet, explore, front, correlate):
        part.add_argument('--study', type=Path, required=True, help='folder of the study')
    for part in (supernet, explore, correlate):
        part.add_argument('--data', type=Path, required=True, help='folder with the FER+ splits')
    for part in (explore, correlate):
        part.add_argument('--threads', type=int, default=1)
        part.add_argument(
            '--validation-images',
            type=int,
            default=VALIDATION_IMAGES,
            help='to judge a design by; 0 for all',
        )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.action(options)
    except (
        PrototypeError,
        StudyError,
        NotInSpaceError,
        ConfigError,
        DataError,
        CheckpointError,
        TrainingError,
    ) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('interrupted: the same command goes on from here', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
