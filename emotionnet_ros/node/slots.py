# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A place for the newest frame of each camera, so that the worker never waits behind old ones."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from emotionnet_ros.node.rate_limit import RateLimit

Source = TypeVar('Source', bound=Hashable)
Item = TypeVar('Item')


class LatestSlots(Generic[Source, Item]):
    """Holds one item of each source, a newer one replaces it; gives the sources their turns.

    Of the sources that have something, the one that was taken from longest ago is next: once an
    item of a source lies here, every other source is taken from at most once before it. Safe
    between threads.

    Parameters
    ----------
    sources
        At least one.
    rate_hz
        Items a second that are given out at most, of all sources together; 0 is no limit.
    clock
        Gives the seconds of a steady clock.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        rate_hz: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._condition = threading.Condition()
        self._items: dict[Source, Item | None] = dict.fromkeys(sources)
        self._turns = list(self._items)
        self._limit = RateLimit(rate_hz)
        self._clock = clock
        self._closed = False

    def limit(self, rate_hz: float) -> None:
        """Set the limit of the rate."""
        with self._condition:
            self._limit.rate_hz = rate_hz
            self._condition.notify()

    def put(self, source: Source, item: Item) -> int:
        """Lay an item in; give how many were passed over with that: 0 or 1, it or another."""
        with self._condition:
            # The one image that comes when it is due is fresher than one kept until then. With
            # several sources, one that comes rarely must be able to wait for its turn.
            if len(self._items) == 1 and not self._limit.allows(self._clock()):
                return 1
            replaced = self._items[source] is not None
            self._items[source] = item
            self._condition.notify()
            return int(replaced)

    def take(self) -> tuple[Source, Item] | None:
        """Wait for an item and take it out; None once the slots are closed."""
        with self._condition:
            while not self._closed:
                delay = self._delay()
                if delay <= 0 and (taken := self._take_due()):
                    return taken
                self._condition.wait(None if math.isinf(delay) else max(delay, 0.0))
            return None

    def take_due(self) -> tuple[Source, Item] | None:
        """Take out the item that is due now; None where there is none."""
        with self._condition:
            return None if self._closed or self._delay() > 0 else self._take_due()

    def clear(self, source: Source) -> int:
        """Drop the item of a source; give how many that were."""
        with self._condition:
            dropped, self._items[source] = self._items[source], None
            return int(dropped is not None)

    def close(self) -> None:
        """Wake whoever waits; items that lie here are dropped."""
        with self._condition:
            self._closed = True
            self._items = dict.fromkeys(self._items)
            self._condition.notify_all()

    def _delay(self) -> float:
        """Seconds until something may be taken; infinite where nothing lies here."""
        if all(item is None for item in self._items.values()):
            return math.inf
        return 0.0 if len(self._items) == 1 else self._limit.delay(self._clock())

    def _take_due(self) -> tuple[Source, Item] | None:
        if len(self._items) > 1 and not self._limit.allows(self._clock()):
            return None
        for source in self._turns:
            item = self._items[source]
            if item is not None:
                self._items[source] = None
                self._turns.remove(source)
                self._turns.append(source)
                return source, item
        return None
