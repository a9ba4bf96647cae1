"""What happened, in order, for tests and the demo to read: a ring of entries that can be waited for."""

import asyncio
import time
from dataclasses import dataclass, field

Entry = dict[str, object]
CAPACITY = 200_000


@dataclass(frozen=True)
class Filter:
    kind: str | None = None
    login: str | None = None

    def takes(self, entry: Entry) -> bool:
        return self.kind in (None, entry["kind"]) and self.login in (None, entry.get("login"))


@dataclass
class Journal:
    capacity: int = CAPACITY
    last: int = 0  # the number of the newest entry; the first is 1
    _ring: list[Entry] = field(default_factory=list)
    _waiting: dict[asyncio.Event, Filter] = field(default_factory=dict)

    def note(self, kind: str, at_ns: int | None = None, /, **facts: object) -> None:
        """``at_ns`` is for what happened before it could be noted; else it happens now."""
        self.last += 1
        entry = {"n": self.last, "at_ns": at_ns or time.monotonic_ns(), "kind": kind, **facts}
        if len(self._ring) < self.capacity:
            self._ring.append(entry)
        else:
            self._ring[(self.last - 1) % self.capacity] = entry
        for event, wanted in self._waiting.items():
            if wanted.takes(entry):
                event.set()

    def clear(self) -> None:
        self.last = 0
        self._ring.clear()

    def read(self, after: int, limit: int, wanted: Filter) -> tuple[list[Entry], int]:
        """Return matching entries after ``after``, and the number to ask after next time."""
        oldest = self.last - len(self._ring) + 1
        found = []
        for n in range(max(after + 1, oldest), self.last + 1):
            entry = self._ring[(n - 1) % self.capacity]
            if wanted.takes(entry):
                found.append(entry)
                if len(found) == limit:
                    return found, n
        return found, self.last

    async def wait(self, wanted: Filter, seconds: float) -> None:
        """Until a matching entry comes, or the time is over."""
        arrived = asyncio.Event()
        self._waiting[arrived] = wanted
        try:
            async with asyncio.timeout(seconds):
                await arrived.wait()
        except TimeoutError:
            pass
        finally:
            del self._waiting[arrived]
