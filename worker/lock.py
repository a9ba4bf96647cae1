"""At most one live worker of a user, whatever happens to supervisors.

The kernel lets go of the lock when its holder dies, so it is never stale; it outlives a `kill -9`
of the supervisor for exactly as long as the orphan lives.
"""

import fcntl
import os
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from worker.waiting import Waiter

ASK_SECONDS = 0.5


class UserLock:
    """Raises ``OSError`` if the file cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def fileno(self) -> int:
        return self._file

    def acquire(self, waiter: Waiter, log: FilteringBoundLogger) -> None:
        """Have the lock when this returns, waiting for another holder to leave."""
        told = False
        while not self._try():
            if not told:
                holder = os.pread(self._file, 32, 0).decode(errors="replace").strip()
                waiter.vitals.phase = "waiting"
                waiter.vitals.say(f"another worker (pid {holder}) still holds {self._path}")
                log.warning("another worker is still alive", pid=os.getpid(), holder=holder)
                told = True
            waiter.pause(ASK_SECONDS)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
