# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every subject of the benchmark is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from emotionnet_ros.benchmarks.timing import Effort
from emotionnet_ros.inference.classifier import shipped_networks


@dataclass(frozen=True, slots=True)
class Settings:
    """How to measure and on what.

    Parameters
    ----------
    effort
        How long.
    pictures
        A user's own pictures: a video or a folder; '' for the scenes made here.
    networks
        Names of shipped networks and paths of weight files.
    network
        The one that the pipeline runs.
    yunet_model
        YuNet's model file, which no wheel ships; '' leaves YuNet out.
    """

    effort: Effort = field(default_factory=Effort)
    pictures: str = ''
    networks: tuple[str, ...] = field(default_factory=lambda: tuple(shipped_networks()))
    network: str = 'nano_b'
    yunet_model: str = ''

    @property
    def network_name(self) -> str:
        """What reports call the pipeline's network."""
        return Path(self.network).stem
