"""A small world for scenarios: the sandbox as Twitch, and the product as a person would run it."""

import contextlib
import copy
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

PATIENCE = 20.0  # seconds until a scenario calls something missing
CLIENT = "sandboxpublicclient000000000000"
DEFAULTS = {"device_life": 1800, "device_interval": 1, "token_life": 14400}  # what scenarios change
SCOPES = ["user:read:chat", "user:manage:chat_color"]
NOBODY = {"username": "nobody", "enabled": False}  # a configuration without anybody is refused
ROOST = [str(Path(sys.executable).with_name("roost"))]


class Twitch:
    """The sandbox, steered through its control API. ``mark`` is how far its journal has been read."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--until-stdin-closes", "--keepalive-min", "1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.urls: dict[str, str] = json.loads(self.process.stdout.readline())
        self.http = requests.Session()
        self.http.trust_env = False
        self.mark = 0

    def reset(self) -> None:
        self.heal()
        self.post("reset")
        self.post("settings", **DEFAULTS)
        self.mark = 0

    def post(self, path: str, **body: Any) -> Any:
        response = self.http.post(f"{self.urls['control_url']}/{path}", json=body, timeout=PATIENCE)
        assert response.ok, response.text
        return response.json() if response.content else {}

    def get(self, path: str, **params: Any) -> Any:
        response = self.http.get(f"{self.urls['control_url']}/{path}", params=params, timeout=PATIENCE)
        assert response.ok, response.text
        return response.json()

    def heal(self) -> None:
        self.http.delete(f"{self.urls['control_url']}/faults", timeout=PATIENCE).raise_for_status()

    def fault(self, target: str, kind: str, **more: Any) -> None:
        self.post("faults", target=target, kind=kind, **more)

    def user(self, login: str, *, turbo: bool = True) -> dict[str, Any]:
        return self.post("users", login=login, turbo=turbo)

    def tokens(self, login: str, **more: Any) -> dict[str, Any]:
        return self.post("tokens", login=login, client_id=CLIENT, **{"scopes": SCOPES, **more})

    def chat(self, channel: str, chatter: str, text: str = "hello", **more: Any) -> dict[str, Any]:
        return self.post("chat", channel=channel, chatter=chatter, text=text, **more)

    def color_of(self, login: str) -> str:
        users = self.get("state")["users"]
        return next(user["color"] for user in users if user["login"] == login)

    def expect(self, kind: str, *, count: int = 1, seconds: float = PATIENCE, **facts: Any) -> list[Any]:
        """The next ``count`` journal entries of ``kind`` that have ``facts``; later ones stay unread."""
        end, found, after = time.monotonic() + seconds, [], self.mark
        while len(found) < count:
            left = end - time.monotonic()
            assert left > 0, f"no {kind} {facts} within {seconds} s; found {found}"
            answer = self.get("journal", after=after, wait=min(left, 5.0), kind=kind, limit=1000)
            after = answer["next"]
            found += [entry for entry in answer["entries"] if facts.items() <= entry.items()]
        found = found[:count]
        self.mark = found[-1]["n"]
        return found

    def entries(self, kind: str, after: int = 0, **facts: Any) -> list[Any]:
        found = self.get("journal", after=after, kind=kind, limit=200_000)["entries"]
        return [entry for entry in found if facts.items() <= entry.items()]

    def close(self) -> None:
        self.http.close()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


class House:
    """One installation: a folder with a configuration, and `roost run` on it.

    The process stays when a scenario has left it as it was, because starting one is most of what a
    scenario costs: the next scenario's users move in by a reload. A scenario with settings of its own
    beside the users gets a process of its own.
    """

    def __init__(self, twitch: Twitch) -> None:
        self.twitch = twitch
        self.folder = Path(tempfile.mkdtemp(prefix="roost-", dir="/tmp"))
        self.config = self.folder / "roost.json"
        self.process: subprocess.Popen[bytes] | None = None
        self.started_with: dict[str, Any] = {}
        self.settings = self.usual_settings()
        self._log = (self.folder / "log").open("ab")

    def usual_settings(self) -> dict[str, Any]:
        return {
            "supervisor": {
                "state_dir": str(self.folder / "state"),
                "runtime_dir": str(self.folder / "run"),
                "backoff": {"first": 0.05, "cap": 0.2},
                "log": {"level": "debug"},
                "watch": False,
            },
            "twitch": {
                "client_id": CLIENT,
                **{name: self.twitch.urls[name] for name in ("oauth_url", "helix_url", "eventsub_url")},
            },
            "users": [],
        }

    def hire(self, login: str, *, turbo: bool = True, signed_in: bool = True, **user: Any) -> None:
        """Give ``login`` a Twitch account and a place in the configuration."""
        self.twitch.user(login, turbo=turbo)
        if signed_in:
            tokens = self.twitch.tokens(login)
            user["seed"] = {name: tokens[name] for name in ("access_token", "refresh_token")}
        self.settings["users"].append({"username": login, **user})

    def write(self) -> None:
        draft = self.config.with_suffix(".new")
        draft.write_text(json.dumps(self.settings))
        draft.chmod(0o600)
        draft.rename(self.config)

    def open(self, *logins: str, phase: str = "listening") -> None:
        """Start, and wait until each of ``logins`` (else everyone) has come to ``phase``."""
        self.write()
        if self.is_running and self.started_with == self.rules:
            changes = self.ask("reload")["reload"]
            assert changes["ok"], changes
        else:
            self._start()
        wanted = logins or [user["username"] for user in self.settings["users"]]
        self.until(lambda rows: all(rows.get(login, {}).get("phase") == phase for login in wanted))

    def _start(self) -> None:
        if self.is_running:
            self.stop()
        self.started_with = self.rules
        self.process = subprocess.Popen(
            [*ROOST, "--config", str(self.config), "run"], stdout=self._log, stderr=self._log
        )

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def rules(self) -> dict[str, Any]:
        """The settings that are nobody's in particular."""
        return copy.deepcopy({name: value for name, value in self.settings.items() if name != "users"})

    def ask(self, op: str, **more: Any) -> dict[str, Any]:
        with self._connect() as lines:
            return self._exchange(lines, {"op": op, **more})

    def status(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.ask("status")["workers"]}

    def until(
        self, happened: Callable[[dict[str, Any]], object], seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """Wait for ``happened(rows by name)``; it is asked again after every log record and every beat."""
        end = time.monotonic() + seconds
        rows: dict[str, Any] = {}
        while time.monotonic() < end:
            with contextlib.suppress(OSError), self._connect() as lines:
                while time.monotonic() < end:
                    rows = {row["name"]: row for row in self._exchange(lines, {"op": "status"})["workers"]}
                    if happened(rows):
                        return rows
                    self._next_record(0.02)
            self._next_record(0.05)
        raise AssertionError(f"not within {seconds} s: {json.dumps(rows, indent=1)}\n{self.log()[-6000:]}")

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def records(self, event: str | None = None, **facts: Any) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [
            record for record in found if event in {None, record["event"]} and facts.items() <= record.items()
        ]

    def expect_record(self, event: str, **facts: Any) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while not (found := self.records(event, **facts)):
            assert time.monotonic() < end, f"no record {event!r} {facts}\n{self.log()[-6000:]}"
            self._next_record(0.05)
        return found[0]

    def roost(self, *args: str, expect: int | None = 0, **more: Any) -> str:
        """Run a command as an operator would; return what it printed."""
        done = subprocess.run(
            [*ROOST, "--config", str(self.config), *args],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            **more,
        )
        assert expect is None or done.returncode == expect, (done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def children(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def clear(self) -> None:
        """Send everybody home and forget them: the next scenario finds what it would find alone."""
        try:
            self._send_everybody_home()
        except BaseException:  # whatever is wrong with the process is this scenario's, and no other's
            self.kill()
            raise
        finally:
            self.settings = self.usual_settings()
            shutil.rmtree(self.folder / "state", ignore_errors=True)
            self._log.truncate(0)

    def _send_everybody_home(self) -> None:
        self.settings = self.usual_settings()
        if self.is_running and self.started_with != self.rules:
            self.stop()
        if self.is_running:
            self.settings["users"] = [NOBODY]
            self.write()
            assert self.ask("reload")["reload"]["ok"]
            self.until(lambda rows: not rows)

    def kill(self) -> None:
        """Its workers leave with it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.is_running:
            self.stop()
        self._log.close()
        shutil.rmtree(self.folder)

    @contextlib.contextmanager
    def _connect(self) -> Iterator[Any]:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(str(self.folder / "run" / "control.sock"))
            with sock.makefile("rwb") as lines:
                yield lines

    @staticmethod
    def _exchange(lines: Any, request: dict[str, Any]) -> dict[str, Any]:
        lines.write(json.dumps(request).encode() + b"\n")
        lines.flush()
        answer = lines.readline()
        if not answer:
            raise ConnectionResetError("the supervisor hung up")
        return json.loads(answer)

    def _next_record(self, seconds: float) -> None:
        """Wait for more log, or a little: beats change the status without a record."""
        assert self.process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)


@pytest.fixture(scope="session")
def running_twitch() -> Iterator[Twitch]:
    twitch = Twitch()
    yield twitch
    twitch.close()


@pytest.fixture
def twitch(running_twitch: Twitch) -> Twitch:
    running_twitch.reset()
    return running_twitch


@pytest.fixture(scope="session")
def standing_house(running_twitch: Twitch) -> Iterator[House]:
    house = House(running_twitch)
    yield house
    house.close()


@pytest.fixture
def house(standing_house: House, twitch: Twitch) -> Iterator[House]:
    yield standing_house
    standing_house.clear()
