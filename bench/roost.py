"""Ours: `roost run` with a configuration of its own, read through its log file and control socket."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.stage import Process, Stage, wait_until
from bench.twitch import CLIENT_ID, CLIENT_SECRET, Person
from supervisor.client import Client

ROOST = str(Path(sys.executable).with_name("roost"))
AT_ONCE = {"first": 1e-6, "cap": 1e-6}  # seconds: no back-off at all
START_SECONDS = 60.0
STATE_CHANGED = {"event": "worker state changed"}
LISTENING = {"event": "listening"}

Record = dict[str, Any]


class Roost:
    """One installation; it can be started again and again."""

    def __init__(self, stage: Stage, urls: Mapping[str, str], people: list[Person]) -> None:
        self._stage = stage
        self._folder = stage.new_folder()
        self._config = self._folder / "roost.json"
        self._log = self._folder / "log"
        self._read_to = 0
        self._torn = b""
        self.records: list[Record] = []
        self.people = people
        settings = {
            "supervisor": {
                "state_dir": str(self._folder / "state"),
                "runtime_dir": str(self._folder / "run"),
                "backoff": AT_ONCE,
                "log": {"file": str(self._log)},
            },
            "twitch": {
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "ca_file": str(stage.ca_file),
                **{name: urls[name] for name in ("oauth_url", "helix_url", "eventsub_url")},
            },
            "users": [_user(person) for person in people],
        }
        self._config.touch(mode=0o600)
        self._config.write_text(json.dumps(settings))

    @contextmanager
    def running(self) -> Iterator[Process]:
        with self._stage.process([ROOST, "--config", str(self._config), "run"]) as process:
            yield process

    def wait_for(self, wanted: Mapping[str, object], *, users: set[str], since: int = 0) -> dict[str, Record]:
        """The first record with the facts of ``wanted`` about each of ``users``, waited for.

        ``since`` is a former ``len(records)``: what had been logged by then does not count.
        """
        found: dict[str, Record] = {}

        def all_there() -> bool:
            nonlocal since
            self._read_log()
            for record in self.records[since:]:
                if record.get("user") in users and wanted.items() <= record.items():
                    found.setdefault(record["user"], record)
            since = len(self.records)
            return found.keys() == users

        wait_until(all_there, START_SECONDS, f"{wanted} of {len(users)} workers")
        return found

    def _read_log(self) -> None:
        if not self._log.exists():
            return
        with self._log.open("rb") as log:
            log.seek(self._read_to)
            new = log.read()
        self._read_to += len(new)
        *lines, self._torn = (self._torn + new).split(b"\n")
        self.records += [json.loads(line) for line in lines]

    @property
    def logins(self) -> set[str]:
        return {person.login for person in self.people}

    def pids(self) -> list[int]:
        with self._client() as supervisor:
            return [row["pid"] for row in supervisor.status()]

    def kill(self, login: str) -> float:
        """Kill one worker with SIGKILL; seconds until the supervisor noted that the next one is forked.

        Returns when that one listens, so that its start disturbs no other measurement.
        """
        since = len(self.records)
        with self._client() as supervisor:
            [row] = supervisor.status([login])
        killed_at = time.time()
        os.kill(row["pid"], signal.SIGKILL)
        forked = self.wait_for({**STATE_CHANGED, "state": "STARTING"}, users={login}, since=since)
        self.wait_for(LISTENING, users={login}, since=since)
        return logged_at(forked[login]) - killed_at

    def _client(self) -> Client:
        return Client(self._folder / "run" / "control.sock")


def _user(person: Person) -> dict[str, object]:
    seed = {"access_token": person.access_token, "refresh_token": person.refresh_token}
    return {"username": person.login, "seed": seed}


def logged_at(record: Record) -> float:
    """Unix seconds, to the millisecond that it began in."""
    return datetime.fromisoformat(record["ts"]).timestamp()
