# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How long a design takes for one face: measured in ONNX Runtime on one thread, as in the robot.

A machine that does other work too is slower now and then. So each design takes turns with a
reference network; a measurement during which the reference was slower than it has ever been is
repeated.
"""

from __future__ import annotations

import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from emotionnet_ros.design.study import StudyError, read_json, replace_json
from emotionnet_ros.inference.classifier import CROP_SIZE, Classifier
from emotionnet_ros.networks.modules import NanoModule
from emotionnet_ros.networks.network_file import table_digest
from emotionnet_ros.networks.onnx_file import write_weight_file
from emotionnet_ros.networks.tables import NANO_B, Network

ROUNDS, RUNS = 30, 15  # of every network, and faces a round
ATTEMPTS = 4
DISTURBED = 1.05  # times the reference's lowest latency


@dataclass(frozen=True)
class Latency:
    """Milliseconds a face, and those of the reference network while it was measured."""

    milliseconds: float
    reference: float


def interleaved_ms(
    classifiers: Sequence[Classifier], rounds: int = ROUNDS, runs: int = RUNS
) -> list[float]:
    """Milliseconds a face of each classifier: the lowest of the rounds' medians.

    The classifiers take turns, a round each; a median stands for the round's runs, one face each.
    """
    crop = np.random.default_rng(1).integers(0, 256, (1, CROP_SIZE, CROP_SIZE), dtype=np.uint8)
    lowest = [float('inf')] * len(classifiers)
    for _ in range(rounds):
        for index, classifier in enumerate(classifiers):
            times = []
            for _ in range(runs):
                start = time.perf_counter()
                classifier.classify(crop)
                times.append(time.perf_counter() - start)
            lowest[index] = min(lowest[index], 1000 * statistics.median(times))
    return lowest


def random_classifier(network: Network) -> Classifier:
    """Load a network with random weights, as its weight file would be; none is left behind.

    The state of torch's random numbers stays as it was.
    """
    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        path = Path(folder) / 'random.onnx'
        write_weight_file(path, NanoModule(network), '0')
        return Classifier(str(path), threads=1)


def machine() -> str:
    """Name what latencies hold for: processor, ONNX Runtime and its version."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8', errors='replace').splitlines()
        named = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
        name = named[0] if named else name
    except OSError:
        pass  # no Linux
    return f'{name}, {platform.machine()}, ONNX Runtime {onnxruntime.__version__}'


class LatencyCache:
    """Latencies by table, kept in a file; a network is measured once on a machine."""

    def __init__(self, path: Path, rounds: int = ROUNDS) -> None:
        self.path = path
        self.rounds = rounds
        self._known: dict[str, Latency] = {}
        self._reference: Classifier | None = None
        if path.exists():
            content = read_json(path)
            try:
                if content['machine'] == machine():
                    self._known = {key: Latency(*row) for key, row in content['networks'].items()}
            except (KeyError, TypeError, AttributeError) as error:
                raise StudyError(f'{path} holds no latencies ({error}): delete it') from error

    def measure(self, network: Network) -> Latency:
        """Latency of a network, from the file or measured now."""
        digest = table_digest(network)
        if digest not in self._known:
            self._known[digest] = self._measured(network)
            rows = {key: [row.milliseconds, row.reference] for key, row in self._known.items()}
            replace_json(self.path, {'machine': machine(), 'networks': rows})
        return self._known[digest]

    def _measured(self, network: Network) -> Latency:
        if self._reference is None:
            self._reference = random_classifier(NANO_B)
        both = [random_classifier(network), self._reference]
        found: list[Latency] = []
        lowest = min((row.reference for row in self._known.values()), default=float('inf'))
        for _ in range(ATTEMPTS):
            found.append(Latency(*interleaved_ms(both, self.rounds)))
            lowest = min(lowest, found[-1].reference)
            if len(self._known) + len(found) > 1 and found[-1].reference <= DISTURBED * lowest:
                break
        return min(found, key=lambda row: row.reference)
