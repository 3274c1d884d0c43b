# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Counts of frames: those that came, were answered, were passed over, and never came."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Frames since activation; see msg/Timing.msg."""

    received: int = 0
    processed: int = 0
    skipped: int = 0
    lost: int = 0


def total(counts: Iterable[FrameCounts]) -> FrameCounts:
    """Add up the counts of several cameras."""
    counts = list(counts)
    names = [field.name for field in fields(FrameCounts)]
    return FrameCounts(**{name: sum(getattr(c, name) for c in counts) for name in names})


class FrameCounter:
    """Counts frames from several threads; the counts are read at one moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = FrameCounts()

    def add(
        self, *, received: int = 0, processed: int = 0, skipped: int = 0, lost: int = 0
    ) -> FrameCounts:
        """Add to some counts and give all of them."""
        with self._lock:
            if received or processed or skipped or lost:
                counts = self._counts
                self._counts = FrameCounts(
                    counts.received + received,
                    counts.processed + processed,
                    counts.skipped + skipped,
                    counts.lost + lost,
                )
            return self._counts


class LossCounter:
    """Frames that one publisher sent and that never came, from the numbers it gives them."""

    def __init__(self) -> None:
        self._last: int | None = None

    def lost_before(self, sequence_number: int) -> int:
        """Take the number of a frame that came; give how many are missing just before it."""
        last, self._last = self._last, sequence_number
        # A number that does not rise is that of another publisher.
        return sequence_number - last - 1 if last is not None and sequence_number > last else 0
