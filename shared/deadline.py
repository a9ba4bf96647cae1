"""One budget of time for several steps."""

import time


class Deadline:
    """A moment in the future of the monotonic clock; ``None`` seconds never comes."""

    def __init__(self, seconds: float | None) -> None:
        self.at = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """Seconds that remain, never negative; ``None`` if there is no end."""
        return None if self.at is None else max(0.0, self.at - time.monotonic())

    def passed(self) -> bool:
        return self.at is not None and time.monotonic() >= self.at
