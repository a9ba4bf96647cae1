"""What a worker's beat tells: phase, counters, and the newest facts."""

from collections import Counter
from collections.abc import Callable

from shared.messages import Beat

Fact = str | int | float | bool | None


class Vitals:
    """Written by whoever knows, read by the beat.

    ``changed`` tells whether a beat has news. ``describe`` is called before such a beat: what only
    people look at is worked out once a second, not once a message.
    """

    def __init__(self) -> None:
        self.changed = True
        self.describe: Callable[[], None] = _nothing
        self.counters: Counter[str] = Counter()
        self._phase = "starting"
        self._detail = ""
        self._detail_at: float | None = None
        self._facts: dict[str, Fact] = {}

    @property
    def phase(self) -> str:
        return self._phase

    @phase.setter
    def phase(self, phase: str) -> None:
        self.changed |= phase != self._phase
        self._phase = phase

    def count(self, what: str, by: int = 1) -> None:
        self.counters[what] += by
        self.changed = True

    def say(self, detail: str, at: float | None = None) -> None:
        """A short sentence for people; ``at`` is when its last clause happened (Unix seconds)."""
        self.changed |= (detail, at) != (self._detail, self._detail_at)
        self._detail, self._detail_at = detail, at

    def fact(self, **facts: Fact) -> None:
        if any(self._facts.get(name, self) != value for name, value in facts.items()):
            self._facts.update(facts)
            self.changed = True

    def beat(self) -> Beat:
        if self.changed:
            self.describe()
        self.changed = False
        return Beat(
            phase=self._phase,
            detail=self._detail,
            detail_at=self._detail_at,
            counters=dict(self.counters),
            facts=dict(self._facts),
        )


def _nothing() -> None:
    """Until a job has something to tell."""
