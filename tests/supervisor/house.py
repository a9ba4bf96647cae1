"""A small house for the control socket's tests: a real selector loop, and workers that are only rows.

It stands where the supervisor's loop would, with `living` to run it beside a test.
"""

import contextlib
import heapq
import itertools
import os
import selectors
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from shared.logs import logger
from supervisor.control import ControlServer
from supervisor.premises import Premises

PATIENCE = 10.0


def row(name: str, state: str = "RUNNING", **facts: Any) -> dict[str, Any]:
    alive = state in {"STARTING", "RUNNING", "STOPPING"}
    return {
        "name": name,
        "kind": "user",
        "state": state,
        "pid": 4242 if alive else None,
        "uptime": 11527.4 if alive else None,
        "restarts": 0,
        "phase": "listening" if state == "RUNNING" else "",
        "detail": "",
        "detail_at": None,
        "counters": {},
        "facts": {},
        "sign_in": None,
        "reason": None,
        "next_start_in": None,
        "exit": None,
        **facts,
    }


def sign_in(code: str = "ABCD-EFGH", expires_in: float = 1800.5, why: str = "") -> dict[str, Any]:
    return {
        "url": "https://id.example/activate",
        "code": code,
        "expires_at": time.time() + expires_in,
        "why": why,
    }


class House:
    """``ways[name, order]`` are what happens to a row after an order, a change each hundredth of a second."""

    def __init__(self, *names: str) -> None:
        self.rows = {name: row(name) for name in names}
        self.ways: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.orders: list[tuple[str, ...]] = []
        self.answers: dict[str, tuple[bool, str] | None] = {}
        self.reloaded: dict[str, Any] = {
            "ok": True,
            "faults": [],
            "started": [],
            "stopped": [],
            "restarted": [],
            "kept": 1,
        }
        self.healthy = (True, "2 of 2 workers are running")
        self.config: Path | None = None
        self.rules = {"grace_seconds": 0.0, "start_deadline_seconds": 0.0}
        self.records: list[bytes] = []
        self.followers: list[Callable[[bytes], None]] = []
        self.complaints: list[bytes] = []
        self.pids = itertools.count(5000)
        self.ended = False
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._errands: deque[Callable[[], None]] = deque()
        self._bell, self._ringer = os.pipe()
        os.set_blocking(self._bell, False)
        self._selector.register(self._bell, selectors.EVENT_READ, self._run_errands)

    # What a test does to it.

    def visit(self, errand: Callable[[], Any]) -> Any:
        """Run ``errand`` inside the loop and return its result."""
        done, results = threading.Event(), []

        def run() -> None:
            results.append(errand())
            done.set()

        self._errands.append(run)
        os.write(self._ringer, b"!")
        assert done.wait(PATIENCE)
        return results[0]

    def write(self, block: bytes) -> None:
        for take in list(self.followers):
            take(block)

    def end(self) -> None:
        self.ended = True
        os.write(self._ringer, b"!")

    def run(self) -> None:
        while not self.ended:
            left = self._timers[0][0] - time.monotonic() if self._timers else None
            for key, _ in self._selector.select(None if left is None else max(0.0, left)):
                key.data()
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()

    def close(self) -> None:
        self._selector.close()
        os.close(self._bell)
        os.close(self._ringer)

    def _run_errands(self) -> None:
        os.read(self._bell, 100)
        while self._errands:
            self._errands.popleft()()

    def _change(self, name: str, order: str) -> None:
        if name not in self.rows:
            raise KeyError(name)
        self.orders.append((order, name))
        for number, change in enumerate(self.ways.get((name, order), [])):
            self.call_at(
                time.monotonic() + number / 100, lambda change=change: self.rows[name].update(change)
            )

    # What the control socket asks of it.

    def names(self) -> list[str]:
        return list(self.rows)

    def info(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "version": "0.1.0",
            "started_at": 1.5,
            "config": self.config,
            **self.rules,
        }

    def status(self, names: list[str] | None = None) -> list[dict[str, Any]]:
        return [self.rows[name] for name in (self.rows if names is None else names)]

    def start(self, name: str) -> None:
        self._change(name, "start")

    def stop(self, name: str) -> None:
        self._change(name, "stop")

    def restart(self, name: str) -> None:
        self._change(name, "restart")

    def reload(self) -> dict[str, Any]:
        self.orders.append(("reload",))
        return self.reloaded

    def shutdown(self) -> None:
        self.orders.append(("shutdown",))
        self.call_at(time.monotonic() + 0.02, lambda: setattr(self, "ended", True))

    def do(self, name: str, action: str, args: list[str], answer: Callable[[bool, str], None]) -> None:
        self.orders.append(("do", name, action, *args))
        if words := self.answers.get(name):
            self.call_at(time.monotonic() + 0.01, lambda: answer(*words))

    def health(self) -> tuple[bool, str]:
        return self.healthy

    def recent(self, names: list[str] | None, lines: int) -> list[bytes]:
        wanted = [
            r for r in self.records if names is None or any(f'"{name}"'.encode() in r for name in names)
        ]
        return wanted[len(wanted) - lines :] if lines < len(wanted) else wanted

    def follow(self, names: list[str] | None, take: Callable[[bytes], None]) -> Callable[[], None]:
        self.followers.append(take)
        return lambda: self.followers.remove(take)

    def watch_descriptor(self, fd: int, events: int, callback: Callable[[], None]) -> None:
        try:
            self._selector.modify(fd, events, callback)
        except KeyError:
            self._selector.register(fd, events, callback)

    def unwatch(self, fd: int) -> None:
        self._selector.unregister(fd)

    def call_at(self, monotonic: float, callback: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (monotonic, next(self._numbers), callback))


@contextlib.contextmanager
def living(house: House, runtime_dir: Path, **limits: Any) -> Iterator[House]:
    """``house`` at work in ``runtime_dir``, with its control socket open, until the block ends."""
    log = logger(lambda line, _: house.complaints.append(line), "info", worker="supervisor")
    server = ControlServer(house, Premises(runtime_dir), log, **limits)

    def live() -> None:
        house.run()
        server.close()

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield house
    finally:
        house.end()
        thread.join(PATIENCE)
        house.close()


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """A place for a socket: pytest's own are too deep for a socket's path."""
    directory = tempfile.mkdtemp(prefix="roost-", dir="/tmp")
    try:
        yield Path(directory)
    finally:
        shutil.rmtree(directory)


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Look until ``condition`` holds; fail after a while."""
    pause = threading.Event()
    give_up_at = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up_at, f"never came true: {what}"
        pause.wait(0.005)
