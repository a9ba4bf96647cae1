"""What we want to hear, kept apart from what Twitch sends us. Pure: told the time.

A topic that was refused or revoked costs its channel only. It is asked for again now and then,
because bans end and accounts come back.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """One subscription that we want; ``channel`` is its name for people."""

    kind: str
    version: str
    condition: tuple[tuple[str, str], ...]
    channel: str


class Subscriptions:
    """Those of one session after the other. ``missing`` says why of each topic that was refused."""

    def __init__(self, wanted: Iterable[Topic]) -> None:
        self.wanted = tuple(wanted)
        self.active: set[Topic] = set()
        self.missing: dict[Topic, str] = {}
        self._ask_at: dict[Topic, float] = {}
        self._not_before = 0.0

    def begin(self) -> None:
        """A session is new: everything is to be asked for at once."""
        self.active.clear()
        self.missing.clear()
        self._ask_at = dict.fromkeys(self.wanted, 0.0)
        self._not_before = 0.0

    def end(self) -> None:
        """The session is over, and everything that belonged to it."""
        self.active.clear()
        self._ask_at.clear()

    @property
    def answered(self) -> bool:
        """Whether each topic has had its yes or no."""
        return len(self.active) + len(self.missing) == len(self.wanted)

    def due(self) -> float | None:
        """When ``next`` has something to ask for."""
        first = min(self._ask_at.values(), default=None)
        return None if first is None else max(first, self._not_before)

    def next(self, now: float) -> Topic | None:
        if now < self._not_before:
            return None
        return next((topic for topic, at in self._ask_at.items() if now >= at), None)

    def postpone(self, until: float) -> None:
        """There was no answer, or one that concerns all: ask for nothing before ``until``."""
        self._not_before = until

    def granted(self, topic: Topic) -> None:
        self.active.add(topic)
        self.missing.pop(topic, None)
        del self._ask_at[topic]

    def refused(self, topic: Topic, why: str, ask_again: float) -> None:
        """Refused, or taken away again."""
        self.active.discard(topic)
        self.missing[topic] = why
        self._ask_at[topic] = ask_again

    def like(self, kind: str, condition: dict[str, object]) -> list[Topic]:
        """The active topics that a message about this kind and condition is about."""
        return [t for t in self.active if t.kind == kind and dict(t.condition) == condition]
