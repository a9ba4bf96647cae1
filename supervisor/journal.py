"""The one writer for many pipes: moves ready-made records to standard output or the log file.

It does not look into a worker's records, it only finds the ends of lines. The newest records of
every worker are kept in memory for `roost tail`.
"""

import functools
import os
import selectors
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from shared import logs
from supervisor.outlet import Outlet

OUR_OWN = "supervisor"
MOST_KEPT = 131_072  # bytes of each worker's newest records: some six hundred
STAMP = slice(7, 31)  # where a record's time stands: {"ts":"2026-01-02T03:04:05.678Z", …

Take = Callable[[bytes], None]


class Watches(Protocol):
    def watch_descriptor(self, fd: int, events: int, callback: Callable[[], None]) -> None: ...
    def unwatch(self, fd: int) -> None: ...


class Journal:
    """``file`` of ``None`` is standard output. Raises ``ConfigurationFault`` if it cannot be opened."""

    def __init__(self, file: Path | None = None, most_kept: int = MOST_KEPT) -> None:
        self._outlet = Outlet(file)
        self._most_kept = most_kept
        self._rings: dict[str, _Ring] = {}
        self._followers: list[tuple[frozenset[str] | None, Take]] = []
        self._watches: Watches | None = None
        self._watched: int | None = None
        self._complain = self.logger("warning")

    @property
    def path(self) -> Path | None:
        return self._outlet.path

    def logger(self, level: str, user: str | None = None) -> FilteringBoundLogger:
        """For the supervisor's own records; those about ``user`` are filed under that name."""
        bound = {"worker": OUR_OWN, "pid": os.getpid()} | ({} if user is None else {"user": user})
        write = functools.partial(self._write_own, user or OUR_OWN)
        return logs.logger(write, level, **bound)

    def write(self, name: str, lines: bytes) -> None:
        """File a block of whole lines under ``name``, and send it on its way."""
        ring = self._rings.get(name)
        if ring is None:
            ring = self._rings[name] = _Ring(self._most_kept)
        ring.append(lines)
        for names, take in list(self._followers):  # a copy: hearing may end in unfollowing
            if names is None or name in names:
                take(lines)
        self._outlet.write(lines)
        self._look_after_outlet()

    def recent(self, names: list[str] | None, lines: int) -> list[bytes]:
        """The newest ``lines`` records of ``names`` (``None``: everybody), in the order of time."""
        if lines <= 0:
            return []
        rings = self._rings.values() if names is None else filter(None, map(self._rings.get, names))
        found = [line for ring in rings for line in ring.newest(lines)]
        found.sort(key=lambda line: line[STAMP])
        return found[-lines:]

    def follow(self, names: list[str] | None, take: Take) -> Callable[[], None]:
        """Have ``take`` called with each new block of whole lines, until the answer is called."""
        follower = (None if names is None else frozenset(names), take)
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def forget(self, name: str) -> None:
        """Drop what is kept of a worker that is no longer configured."""
        self._rings.pop(name, None)

    def attend(self, watches: Watches | None) -> None:
        """From now on notice when there is room again in a pipe that was full; ``None``: no longer."""
        self._unwatch()
        self._watches = watches
        self._look_after_outlet()

    def move_to(self, file: Path | None) -> None:
        """Write to another place. Raises ``ConfigurationFault``, and goes on writing to the old one."""
        outlet = Outlet(file)
        self._unwatch()
        self._outlet.close()
        self._outlet = outlet

    def reopen(self) -> None:
        """After the file was renamed. Raises ``ConfigurationFault``, and goes on writing to the old one."""
        self._outlet.reopen()

    def close(self) -> None:
        self._unwatch()
        self._outlet.close()

    def _write_own(self, name: str, line: bytes, _: str) -> None:
        self.write(name, line)

    def _look_after_outlet(self) -> None:
        if lost := self._outlet.take_lost():
            self._complain.warning("log records lost", count=lost, why="the log could not be written")
        if self._watches is None or self._outlet.stuck == (self._watched is not None):
            return
        if self._outlet.stuck:
            self._watch(self._watches)
        else:
            self._unwatch()

    def _watch(self, watches: Watches) -> None:
        try:
            watches.watch_descriptor(self._outlet.fileno(), selectors.EVENT_WRITE, self._catch_up)
        except PermissionError:  # a regular file is always writable: what stopped it was the disk
            return
        self._watched = self._outlet.fileno()

    def _unwatch(self) -> None:
        if self._watches is not None and self._watched is not None:
            self._watches.unwatch(self._watched)
            self._watched = None

    def _catch_up(self) -> None:
        self._outlet.flush()
        self._look_after_outlet()


class _Ring:
    """The newest blocks, at most ``most_kept`` bytes of them; the very newest always."""

    def __init__(self, most_kept: int) -> None:
        self._most_kept = most_kept
        self._blocks: deque[bytes] = deque()
        self._size = 0

    def append(self, block: bytes) -> None:
        self._blocks.append(block)
        self._size += len(block)
        while self._size > self._most_kept and len(self._blocks) > 1:
            self._size -= len(self._blocks.popleft())

    def newest(self, lines: int) -> list[bytes]:
        found: deque[bytes] = deque()
        for line in self._backwards():
            found.appendleft(line)
            if len(found) == lines:
                break
        return list(found)

    def _backwards(self) -> Iterator[bytes]:
        for block in reversed(self._blocks):
            yield from (line + b"\n" for line in reversed(block[:-1].split(b"\n")))
