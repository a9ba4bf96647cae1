"""Whose descriptor and whose moment has come: the one selector and the one clock of the supervisor.

There is no tick: with nothing due, ``wait`` waits for ever.
"""

import heapq
import itertools
import selectors
import time
from collections.abc import Callable

Callback = Callable[[], None]


class Switchboard:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int, Callback]] = []
        self._numbers = itertools.count()  # equal moments keep their order

    def watch_descriptor(self, fd: int, events: int, callback: Callback) -> None:
        """Call back whenever ``fd`` is ready for ``events``; a second call for it replaces the first."""
        try:
            self._selector.modify(fd, events, callback)
        except KeyError:
            self._selector.register(fd, events, callback)

    def unwatch(self, fd: int) -> None:
        """Before closing it. Raises ``KeyError`` if it is not watched; after ``close`` nothing is."""
        if self._selector.get_map() is not None:
            self._selector.unregister(fd)

    def call_at(self, monotonic: float, callback: Callback) -> None:
        """Call back once, at that moment or as soon as possible after it. There is no calling it off."""
        heapq.heappush(self._due, (monotonic, next(self._numbers), callback))

    def wait(self, *, at_most: float | None = None) -> None:
        """Wait for a descriptor or a moment, and call back for the descriptors."""
        left = at_most
        if self._due:
            until_due = max(0.0, self._due[0][0] - time.monotonic())
            left = until_due if left is None else min(left, until_due)
        for key, _ in self._selector.select(left):
            # An earlier callback may have closed this one's descriptor and opened another of its number.
            if self._selector.get_map().get(key.fd) is key:
                key.data()

    def ring_the_due(self) -> None:
        """Call back for every moment that has come; what these add waits for the next time."""
        now = time.monotonic()
        come = []
        while self._due and self._due[0][0] <= now:
            come.append(heapq.heappop(self._due)[2])
        for callback in come:
            callback()

    def close(self) -> None:
        self._selector.close()
