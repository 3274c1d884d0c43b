# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""a. The classifier alone."""

from __future__ import annotations

from functools import partial

from emotionnet_ros.benchmarks.report import Result, Row
from emotionnet_ros.benchmarks.scenes import crops
from emotionnet_ros.benchmarks.settings import Settings
from emotionnet_ros.benchmarks.timing import Case, measure
from emotionnet_ros.inference.classifier import Classifier

BATCHES = (1, 4, 16)


def run(settings: Settings) -> Result:
    """Time each network on batches of faces."""
    cases = []
    for network in settings.networks:
        classifier = Classifier(network)
        for batch in BATCHES:
            faces = crops(batch)
            cases.append(
                Case(
                    {'network': classifier.path.stem, 'batch': batch},
                    partial(classifier.classify, faces),
                    items=batch,
                )
            )
    timings = measure(cases, settings.effort)
    rows = [Row.of(t, **{'images a CPU second': t.case.items / t.cpu.median}) for t in timings]
    return Result('a', 'Classifier', rows)
