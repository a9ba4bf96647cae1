"""A supervisor in the test's own hands, with tiny workers in real processes: the test turns its loop."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from shared.entry import Entry
from shared.errors import ConfigurationFault
from shared.settings import Settings, User
from supervisor.config import Loaded
from supervisor.config_users import Rejected
from supervisor.journal import Journal
from supervisor.loop import Supervisor
from supervisor.nursery import Nursery

PATIENCE = 10.0
TINY = "tests.supervisor.tiny"
ROOT = str(Path(__file__).parents[2])


def nursery(preload: str = TINY, **more: Any) -> Nursery:
    if ROOT not in sys.path:
        sys.path.append(ROOT)
    return Nursery(worker=Entry(f"{TINY}:run"), preload=(preload,), **more)


def loaded(
    folder: Path,
    *users: str | User,
    rejected: dict[str, str] | None = None,
    path: Path | None = None,
    **rules: Any,
) -> Loaded:
    """A configuration of ``users`` (a name: of usual manners) under ``rules`` of the supervisor."""
    rules = {
        "backoff": {"first": 1e-6, "cap": 1e-6},
        "watch": False,
        "log": {"file": folder / "crew.log"},
        **rules,
    }
    everybody = [
        User(username=user, channels=("usual",)) if isinstance(user, str) else user for user in users
    ]
    return Loaded(
        settings=Settings(supervisor=rules, users=tuple(everybody)),
        path=path,
        state_dir=folder,
        runtime_dir=folder,
        rejected=tuple(Rejected(name, reason) for name, reason in (rejected or {}).items()),
        origins={},
    )


class Crew:
    """``next_configuration`` is what a reload finds: a configuration, or an exception to raise."""

    def __init__(self, folder: Path, first: Loaded, preload: str = TINY) -> None:
        self.log_file = first.settings.supervisor.log.file
        self.next_configuration: Loaded | Exception = first
        self.journal = Journal(self.log_file)
        self.supervisor = Supervisor(first, self._load, self.journal, nursery(preload))

    def _load(self) -> Loaded:
        if isinstance(self.next_configuration, Exception):
            raise self.next_configuration
        return self.next_configuration

    def row(self, name: str) -> dict[str, Any]:
        return self.supervisor.status([name])[0]

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, self.supervisor.status()
            self.supervisor.turn(at_most=0.05)
        return found

    def until_state(self, state: str, *names: str) -> dict[str, Any]:
        for name in names or self.supervisor.names():
            self.until(lambda name=name: self.row(name)["state"] == state)
        return self.row(names[0] if names else self.supervisor.names()[0])

    def until_replaced(self, name: str, pid: int) -> dict[str, Any]:
        self.until(lambda: self.row(name)["state"] == "RUNNING" and self.row(name)["pid"] != pid)
        return self.row(name)

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        pid = self.row(name)["pid"]
        os.kill(pid, number)
        return pid

    def do(self, name: str, action: str, *args: str) -> tuple[bool, str]:
        answers: list[tuple[bool, str]] = []
        self.supervisor.do(name, action, list(args), lambda ok, text: answers.append((ok, text)))
        self.until(lambda: answers)
        return answers[0]

    def reload(self, configuration: Loaded | Exception) -> dict[str, Any]:
        self.next_configuration = configuration
        return self.supervisor.reload()

    def records(self, event: str, **facts: Any) -> list[dict[str, Any]]:
        found = [orjson.loads(line) for line in self.log_file.read_bytes().splitlines()]
        return [
            record for record in found if record.get("event") == event and facts.items() <= record.items()
        ]


@contextlib.contextmanager
def at_work(
    folder: Path, *users: str | User, ready: bool = True, preload: str = TINY, **rules: Any
) -> Iterator[Crew]:
    """A crew whose workers are all RUNNING, and all gone afterwards."""
    crew = Crew(folder, loaded(folder, *users, **rules), preload)
    crew.supervisor.open()
    try:
        if ready:
            crew.until_state("RUNNING")
        yield crew
    finally:
        crew.supervisor.shutdown()
        for row in crew.supervisor.status():
            if row["pid"]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(row["pid"], signal.SIGKILL)
        crew.until(lambda: crew.supervisor.is_over)
        crew.supervisor.close()
        crew.journal.close()


def user(name: str, manner: str, **more: Any) -> User:
    return User(username=name, channels=(manner,), **more)


def broken(*faults: str) -> ConfigurationFault:
    return ConfigurationFault("\n".join(faults))
