"""Helix's points: a bucket that refills steadily. Pure.

One bucket per client id and user; all app-token calls of a client share one.
https://dev.twitch.tv/docs/api/guide/#twitch-rate-limits
"""

import math
from dataclasses import dataclass


@dataclass
class Bucket:
    size: float
    window: float  # seconds from empty to full
    points: float
    at: float

    @classmethod
    def full(cls, size: float, window: float, now: float) -> "Bucket":
        return cls(size, window, size, now)

    def take(self, now: float) -> bool:
        """Spend one point, or say that none is left."""
        refilled = (now - self.at) * self.size / self.window
        self.points, self.at = min(self.size, self.points + refilled), now
        if self.points < 1:
            return False
        self.points -= 1
        return True

    def headers(self) -> dict[str, str]:
        full_again = self.at + (self.size - self.points) * self.window / self.size
        return {
            "Ratelimit-Limit": str(int(self.size)),
            "Ratelimit-Remaining": str(int(self.points)),
            "Ratelimit-Reset": str(math.ceil(full_again)),
        }
