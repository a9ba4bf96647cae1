"""A control connection that never waits: for a program that has a loop of its own."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path


class HungUp(Exception):
    """The supervisor is gone."""


class Wire:
    """Raises ``OSError`` while no supervisor listens at ``path``."""

    def __init__(self, path: Path) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._rest = b""
        try:
            self._sock.connect(os.fspath(path))
        except OSError:
            self._sock.close()
            raise

    def fileno(self) -> int:
        return self._sock.fileno()

    def ask(self, op: str, **fields: object) -> None:
        """Send a request, which must be shorter than a socket's buffer. Raises ``HungUp``."""
        try:
            self._sock.sendall(json.dumps({"op": op, **fields}).encode() + b"\n")
        except OSError as fault:
            raise HungUp from fault

    def lines(self) -> Iterator[bytes]:
        """The whole lines that have come. Raises ``HungUp`` after the last."""
        while True:
            try:
                piece = self._sock.recv(262_144)
            except BlockingIOError:
                return
            except OSError as fault:
                raise HungUp from fault
            if not piece:
                raise HungUp
            *whole, self._rest = (self._rest + piece).split(b"\n")
            yield from whole

    def close(self) -> None:
        self._sock.close()
