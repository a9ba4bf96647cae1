"""Whether the kernel has killed somebody for want of memory: what an unexplained SIGKILL often is."""

from pathlib import Path

OF_OURS = "out of memory"
OF_ANYBODY = "perhaps out of memory: the kernel has killed a process of this machine for that"


class OomKills:
    """Counts of the kernel, compared with the last time we asked."""

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        events = _memory_events(proc, cgroups)
        # The whole machine's count is the second best: it also counts what is none of ours.
        self._file, self._verdict = (events, OF_OURS) if events else (proc / "vmstat", OF_ANYBODY)
        self._seen = self._count()

    def verdict(self) -> str | None:
        """What to say of a worker that was killed just now by somebody else than us."""
        before, self._seen = self._seen, self._count()
        return self._verdict if self._seen > before else None

    def _count(self) -> int:
        try:
            words = self._file.read_text().split()
        except OSError:
            return 0
        return int(words[words.index("oom_kill") + 1]) if "oom_kill" in words else 0


def _memory_events(proc: Path, cgroups: Path) -> Path | None:
    """Of our own control group (version 2); the root group has none."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        hierarchy, _, group = line.split(":", 2)
        events = cgroups / group.lstrip("/") / "memory.events"
        if hierarchy == "0" and events.exists():
            return events
    return None
