"""Whether the configuration file has changed, by asking for its inode, times and size."""

from pathlib import Path

SETTLE_SECONDS = 1.0  # editors write in several steps: truncate, write, rename

Stamp = tuple[int, int, int, int]


class Watch:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed_at: float | None = None
        self.settle()

    def settle(self) -> None:
        """The file as it is now is known."""
        self._stamp = self._look()
        self._changed_at = None

    def has_changed(self, now: float) -> bool:
        """True once for each change, when the file has been left alone for a second since."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp, self._changed_at = stamp, now
            return False
        if self._changed_at is None or now - self._changed_at < SETTLE_SECONDS:
            return False
        self._changed_at = None
        return True

    def _look(self) -> Stamp | None:
        try:
            facts = self._path.stat()
        except OSError:
            return None
        # The last is nobody's to put back; and who may read the file is part of the matter.
        return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
