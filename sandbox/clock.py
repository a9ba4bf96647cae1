"""Unix time that never jumps, and the way Twitch writes it down."""

import functools
import time

_OFFSET_NS = time.time_ns() - time.monotonic_ns()


def now() -> float:
    """Seconds since 1970, advanced by the monotonic clock: deadlines survive a corrected wall clock."""
    return now_ns() / 1e9


def now_ns() -> int:
    return time.monotonic_ns() + _OFFSET_NS


def stamp(at_ns: int) -> str:
    """RFC 3339 in UTC with nanoseconds, as every EventSub message carries it."""
    seconds, fraction = divmod(at_ns, 1_000_000_000)
    return f"{_whole_seconds(seconds)}.{fraction:09d}Z"


def stamp_seconds(at: float) -> str:
    """RFC 3339 in UTC to the second, as Helix writes ``created_at`` and ``started_at``."""
    return _whole_seconds(int(at)) + "Z"


@functools.lru_cache(maxsize=4)
def _whole_seconds(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
