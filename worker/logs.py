"""The worker's end of its log queue: a kernel pipe of ready-made JSON lines, no lock and no thread.

Nothing here ever waits for the reader. What does not fit into the pipe is kept here, and when that
is full too the oldest debug and info records go first; how many went is told as soon as there is
room again.
"""

import os
import select
import time
from collections import deque

import orjson

from shared.logs import timestamp

KEPT_RECORDS = 2_000
EXPENDABLE = {"debug", "info"}


class LogQueue:
    def __init__(self, pipe: int, kept: int = KEPT_RECORDS) -> None:
        os.set_blocking(pipe, False)
        self.pipe = pipe
        self.dropped = 0
        self._kept: deque[tuple[bytes, str]] = deque()
        self._room = kept
        self._torn = b""  # the rest of a record of which the pipe took a part
        self._reported = 0

    def put(self, line: bytes, level: str) -> None:
        """Queue one record (a line with its newline)."""
        self._kept.append((line, level))
        if len(self._kept) > self._room:
            self._give_one_up()
        self.drain()

    @property
    def waiting(self) -> bool:
        """Whether records wait here for room in the pipe."""
        return bool(self._kept or self._torn)

    def drain(self) -> None:
        """Move to the pipe what fits without waiting."""
        try:
            while self._torn:
                self._torn = self._torn[os.write(self.pipe, self._torn) :]
            while self._kept:
                line = self._kept[0][0]
                taken = os.write(self.pipe, line)
                self._kept.popleft()
                self._torn = line[taken:]
                if self._torn:
                    return
            if self.dropped > self._reported:
                self._tell_drops()
        except BlockingIOError:
            return
        except BrokenPipeError:  # the supervisor is gone: nobody will ever read these
            self._kept.clear()
            self._torn = b""

    def fileno(self) -> int:
        return self.pipe

    def flush(self, seconds: float) -> None:
        """Wait at most ``seconds`` for the reader to take everything."""
        end = time.monotonic() + seconds
        self.drain()
        while self.waiting and (left := end - time.monotonic()) > 0:
            select.select((), (self.pipe,), (), left)
            self.drain()

    def _give_one_up(self) -> None:
        """Drop the oldest expendable record, or the oldest of all when every one is dear."""
        expendable = (place for place, (_, level) in enumerate(self._kept) if level in EXPENDABLE)
        del self._kept[next(expendable, 0)]
        self.dropped += 1

    def _tell_drops(self) -> None:
        count, self._reported = self.dropped - self._reported, self.dropped
        record = {
            "ts": timestamp(time.time()),
            "level": "warning",
            "event": "log records dropped",
            "pid": os.getpid(),
            "count": count,
        }
        self._kept.append((orjson.dumps(record) + b"\n", "warning"))
        self.drain()
