"""The restart policy: when a dead worker deserves another life. Pure: it is told the time.

A crash loop is judged by deaths within a window, and not only by how early a worker dies: one that
dies a minute after every start is in a loop all the same.
"""

import random
from collections import deque
from collections.abc import Callable

from shared.backoff import delays
from shared.settings import Backoff, SupervisorSettings


class RestartPolicy:
    """What one worker's deaths amount to. A new one remembers none."""

    def __init__(
        self, settings: SupervisorSettings, jitter: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._start_seconds = settings.start_seconds
        self._backoff: Backoff = settings.backoff
        self._give_up = settings.give_up
        self._jitter = jitter
        self._deaths: deque[float] = deque(maxlen=max(1, settings.give_up.deaths))
        self._start_over()

    def next_delay(self, now: float, lived: float) -> float | None:
        """Seconds until the next start of a worker that died at ``now``; ``None``: give it up.

        ``lived`` is how long it did, zero if it could not even be started. The first delay is due
        again when it lived ``start_seconds`` and had not died within ``backoff.cap`` before.
        """
        calm = not self._deaths or now - self._deaths[-1] >= self._backoff.cap
        if calm and lived >= self._start_seconds:
            self._start_over()
        self._deaths.append(now)
        if self._is_a_loop(now):
            return None
        return next(self._delays)

    def _is_a_loop(self, now: float) -> bool:
        return (
            0 < self._give_up.deaths == len(self._deaths)
            and now - self._deaths[0] <= self._give_up.within_seconds
        )

    def _start_over(self) -> None:
        self._delays = delays(self._backoff.first, self._backoff.factor, self._backoff.cap, self._jitter)
