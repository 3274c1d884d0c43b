# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measures networks, stages and peers on this machine; writes a report.

python -m emotionnet_ros.benchmarks [--quick] [--only a,d] [--output DIR]

a classifier, b stages of the pipeline, c the whole node over DDS, d peers, e the limit of this
core, f growth with faces and cameras, g detection on every n-th frame, h the node's start.
c and h need ROS 2: ros2 run emotionnet_ros benchmark.
Run it while nothing else is busy.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2

from emotionnet_ros.benchmarks import classifiers, following, limit, peers, stages
from emotionnet_ros.benchmarks.machine import describe
from emotionnet_ros.benchmarks.pictures import draw
from emotionnet_ros.benchmarks.report import Result, as_json, as_markdown
from emotionnet_ros.benchmarks.settings import Settings
from emotionnet_ros.benchmarks.timing import QUICK, Effort, Label
from emotionnet_ros.faces.detection import DetectorError
from emotionnet_ros.imaging.sources import SourceError
from emotionnet_ros.inference.classifier import ModelError, shipped_networks

Subject = Callable[[Settings], Result]


def without_ros(letter: str, title: str) -> Subject:
    """Make a subject that says why it is not measured here."""
    reason = 'needs ROS 2: ros2 run emotionnet_ros benchmark, or make bench'
    return lambda _: Result(letter, title, [], {'node': reason})


SUBJECTS: Mapping[str, Subject] = {
    'a': classifiers.run,
    'b': stages.run_stages,
    'c': without_ros('c', 'The node over DDS'),
    'd': peers.run,
    'e': limit.run,
    'f': stages.run_growth,
    'g': following.run,
    'h': without_ros('h', "The node's start"),
}


def main(
    arguments: Sequence[str] | None = None, subjects: Mapping[str, Subject] = SUBJECTS
) -> int:
    """Return the exit status: 0 done, 1 something could not be measured or written."""
    parser = _parser()
    options = parser.parse_args(arguments)
    letters = options.only.replace(',', '') if options.only else ''.join(subjects)
    if unknown := set(letters) - set(subjects):
        parser.error(f'--only {options.only}: {", ".join(sorted(unknown))} is none of a to h')
    settings = Settings(
        effort=QUICK if options.quick else Effort(),
        pictures=options.pictures,
        networks=tuple(dict.fromkeys((*shipped_networks(), *options.networks))),
        network=options.network,
        yunet_model=options.yunet,
    )
    cv2.setNumThreads(1)
    machine = describe()
    results: list[Result] = []
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        for letter in letters:
            print(f'{letter} ...', file=sys.stderr, flush=True)
            results.append(subjects[letter](settings))
            _write(options.output, machine, results)  # whatever becomes of the next
        names = _draw(results, options.output)
        report = _write(options.output, machine, results, names)
    except (DetectorError, ModelError, SourceError, OSError) as error:
        print(f'benchmark: {error}', file=sys.stderr)
        return 1
    print(report)
    print(f'Written: {options.output}/report.md, report.json and {len(names)} pictures')
    return 0


def _write(
    folder: Path,
    machine: Mapping[str, Label],
    results: Sequence[Result],
    pictures: Sequence[str] = (),
) -> str:
    """Write the report as it stands; give its Markdown."""
    report = as_markdown(machine, results, pictures)
    (folder / 'report.md').write_text(report, encoding='utf-8')
    document = json.dumps(as_json(machine, results), indent=1)
    (folder / 'report.json').write_text(document + '\n', encoding='utf-8')
    return report


def _draw(results: Sequence[Result], folder: Path) -> list[str]:
    try:
        return draw(results, folder)
    except ImportError as error:
        print(f'No pictures: pip install matplotlib ({error})', file=sys.stderr)
        return []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='benchmark', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--quick', action='store_true', help='a tenth of the time, more noise')
    parser.add_argument('--only', default='', metavar='a,d', help='subjects to measure')
    parser.add_argument('--output', type=Path, default=Path('benchmark'), metavar='DIR')
    parser.add_argument(
        '--pictures', default='', metavar='SOURCE',
        help='your own video or folder of pictures for b and d, in place of the scenes',
    )  # fmt: skip
    parser.add_argument(
        '--weights', dest='networks', action='append', default=[], metavar='FILE',
        help='a further weight file to measure beside the shipped ones; may be repeated',
    )  # fmt: skip
    parser.add_argument(
        '--network', default='nano_b', help='what the pipeline runs: a network or a weight file'
    )
    parser.add_argument('--yunet', default='', metavar='FILE', help="YuNet's model file")
    return parser
