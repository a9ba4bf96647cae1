"""The command's end of the control socket: ask, and read answers. Blocking, with a deadline for each answer.

Only the standard library: `roost status` must be there before one notices.
"""

import contextlib
import json
import os
import socket
import struct
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from shared.errors import ConfigurationFault, RoostError
from supervisor.faults import CommandFault, NotThere

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 20.0  # a worker has 10 s for a ``do``; everything else is answered at once
LONGEST_PATH = 107


class Client:
    """A conversation with one supervisor; ``with Client(path) as supervisor: supervisor.ask("pid")``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sock = _connect(path)
        self._lines = self._sock.makefile("rb", buffering=262_144)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._lines.close()
        self._sock.close()

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """The answer to one request. Raises ``CommandFault`` with what the supervisor says against it."""
        self._sock.settimeout(ANSWER_SECONDS)
        try:
            self._sock.sendall(json.dumps({"op": op, **fields}).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has hung up, perhaps after a word of explanation, which is still to be read
        except TimeoutError:
            raise self._silent() from None
        line = self._line()
        if line is None:
            raise NotThere("the supervisor hung up without an answer: it may be stopping: see its log")
        answer: dict[str, Any] = json.loads(line)
        if answer["ok"]:
            return answer
        raise (NotThere if answer["code"] == "no-such-name" else CommandFault)(answer["error"])

    def status(self, names: Collection[str] = ()) -> list[dict[str, Any]]:
        """The rows of ``names``; of everybody if there are none, or `all` is among them."""
        rows: list[dict[str, Any]] = self.ask("status", **_only(names))["workers"]
        return rows

    def tail(self, names: Collection[str], lines: int, *, follow: bool) -> list[bytes]:
        """The newest ``lines`` log records, each with its newline. With ``follow``, go on to ``news``."""
        announced = self.ask("tail", lines=lines, follow=follow, **_only(names))["lines"]
        return [line for _ in range(announced) if (line := self._line())]

    def news(self) -> Iterator[bytes]:
        """Every new log record, until the supervisor is gone."""
        self._sock.settimeout(None)
        while line := self._line():
            yield line

    def hung_up(self, seconds: float) -> bool:
        """Wait for the supervisor to end; false if it has not within ``seconds``."""
        self._sock.settimeout(seconds)
        try:
            return not self._lines.read(1)
        except TimeoutError:
            return False

    def _line(self) -> bytes | None:
        """The next line with its newline; ``None`` at the end. After a time-out nothing more can be read."""
        try:
            line = self._lines.readline()
        except ConnectionResetError:
            return None
        except TimeoutError:
            raise self._silent() from None
        return line if line.endswith(b"\n") else None

    def _silent(self) -> CommandFault:
        return CommandFault(f"{self._path}: the supervisor does not answer: see its log, or restart it")


def running_on(file: Path, sockets: Iterable[Path]) -> Client | None:
    """The first supervisor at one of ``sockets`` that says that ``file`` is its configuration."""
    for path in sockets:
        with contextlib.suppress(RoostError):
            supervisor = Client(path)
            config = supervisor.ask("info")["config"]
            if config and os.path.realpath(config) == os.path.realpath(file):
                return supervisor
            supervisor.close()
    return None


def _only(names: Collection[str]) -> dict[str, list[str]]:
    return {"names": list(names)} if names and "all" not in names else {}


def _connect(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(CONNECT_SECONDS)
        sock.connect(os.fspath(path))
        _refuse_strangers(sock, path)
    except OSError as fault:
        sock.close()
        raise _explained(path, fault) from fault
    except CommandFault:
        sock.close()
        raise
    return sock


def _refuse_strangers(sock: socket.socket, path: Path) -> None:
    """A directory under /tmp may have been made by anybody: believe only our own supervisor, or root's."""
    peer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    _, uid, _ = struct.unpack("iII", peer)
    if os.getuid() not in {0, uid} and uid != 0:
        raise CommandFault(f"{path}: this belongs to user {uid}, not to you: run this as that user (sudo -u)")


def _explained(path: Path, fault: OSError) -> RoostError:
    if isinstance(fault, PermissionError):
        return CommandFault(
            f"{path}: not for this user: run this as the supervisor's user (sudo -u), or as root"
        )
    if isinstance(fault, TimeoutError | BlockingIOError):
        return CommandFault(f"{path}: the supervisor does not answer: see its log, or restart it")
    if len(os.fsencode(path)) > LONGEST_PATH:
        return ConfigurationFault(
            f"{path}: too long for a socket: set supervisor.runtime_dir to a shorter path"
        )
    return NotThere(f"no supervisor at {path}: start one with `roost run`, or name its file with --config")
