# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""e. The limit: what this core can multiply and add at most, and what each network reaches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emotionnet_ros.benchmarks.onnx_models import matrix_product
from emotionnet_ros.benchmarks.peers import NETWORK, open_peers, session
from emotionnet_ros.benchmarks.report import Result, Row
from emotionnet_ros.benchmarks.settings import Settings
from emotionnet_ros.benchmarks.timing import Case, Label, measure

SIDE = 1024


def run(settings: Settings) -> Result:
    """Time a large float32 matrix product beside the networks.

    The limit is the best turn of the faster product. An int8 network may reach more than all of
    a float32 limit.
    """
    cases, skipped = [], {}
    generator = np.random.default_rng(0)
    a, b = generator.random((2, SIDE, SIDE), dtype=np.float32)
    out = np.empty_like(a)
    products = [_product('NumPy', lambda: np.matmul(a, b, out=out))]
    try:
        opened = session(matrix_product(SIDE))
        products.append(_product('ONNX Runtime', lambda: opened.run(None, {'a': a, 'b': b})))
        peers, _ = open_peers(settings)
        cases = [c for c in peers if c.labels['what'] == NETWORK and c.multiply_adds]
    except ImportError as error:
        skipped['networks'] = f'pip install onnx ({error})'
    timings = measure([*products, *cases], settings.effort)
    limit = max(t.case.multiply_adds / t.cpu.least for t in timings[: len(products)])
    rows = [
        Row.of(
            timing,
            **{
                'million multiply-adds': timing.case.multiply_adds / 1e6,
                'billion multiply-adds a CPU second': timing.case.multiply_adds
                / timing.cpu.median
                / 1e9,
                'share of the limit': timing.case.multiply_adds / timing.cpu.median / limit,
            },
        )
        for timing in timings
    ]
    title = f'The limit: {limit / 1e9:.1f} billion float32 multiply-adds a second on one core'
    return Result('e', title, rows, skipped)


def _product(library: str, run: Callable[[], object]) -> Case:
    labels: dict[str, Label] = {'what': f'matrix product {SIDE}x{SIDE}', 'peer': library}
    return Case(labels, run, multiply_adds=float(SIDE) ** 3)
