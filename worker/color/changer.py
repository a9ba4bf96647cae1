"""The one change that is pending, and when it may be tried. Pure: told the time.

Only the newest color matters, so a newer wish replaces an older one, and nothing queues up. After
`BREAKER_FAILURES` failures in a row the breaker opens: nothing is tried for `BREAKER_SECONDS`,
then one try decides whether it closes again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

BREAKER_FAILURES = 6
BREAKER_SECONDS = 60.0


@dataclass(frozen=True)
class Change:
    """``explicit``: somebody asked for exactly this color. Times are monotonic seconds."""

    color: str
    channel: str
    asked_at: float
    explicit: bool = False


class Changer:
    def __init__(self, delays: Callable[[], Iterator[float]]) -> None:
        self.pending: Change | None = None
        self.limited = False  # whether `pending` waits because we were told to
        self.superseded = 0
        self._new_delays = delays
        self._delays = delays()
        self._failures = 0
        self._not_before = 0.0

    @property
    def broken(self) -> bool:
        """Whether the breaker is open (or half open: the next try decides)."""
        return self._failures >= BREAKER_FAILURES

    def want(self, change: Change) -> None:
        """Make ``change`` the next one, in place of any older."""
        if self.pending is not None:
            self.superseded += 1
        self.pending = change

    def drop(self) -> None:
        """Nobody wants the pending change any more."""
        self.pending = None
        self.limited = False

    def due(self) -> float | None:
        """When to try ``pending``: a time that may have passed, or ``None``."""
        return None if self.pending is None else self._not_before

    def settled(self) -> None:
        """The other side answered for good, yes or no: the pending change is done."""
        self.drop()
        self._failures = 0
        self._not_before = 0.0
        self._delays = self._new_delays()

    def failed(self, now: float) -> float:
        """The try failed and may work later; return the seconds until the next."""
        self.limited = False
        self._failures += 1
        wait = BREAKER_SECONDS if self.broken else next(self._delays)
        self._not_before = now + wait
        return wait

    def held(self, now: float, seconds: float) -> None:
        """We were told to wait, which is no failure."""
        self.limited = True
        self._not_before = now + seconds
