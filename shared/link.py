"""One end of the link between the supervisor and a worker.

A SOCK_SEQPACKET pair: records keep their edges, a dead peer is end-of-file after what it had sent,
and no send ever blocks. Neither side trusts the other's bytes.
"""

import socket
from collections.abc import Iterator
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from shared.messages import DOWN, UP, Beat, Do, Done, Failed, Message, NeedsSignIn, Ready, Stop

LARGEST_RECORD = 65_536

Heard = TypeVar("Heard")


class LinkClosed(Exception):
    """The other side is gone."""


class Link(Generic[Heard]):
    """``Heard`` are the messages that may arrive at this end."""

    def __init__(self, sock: socket.socket, heard: TypeAdapter[Heard]) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._heard = heard

    def fileno(self) -> int:
        return self.sock.fileno()

    def send(self, message: Message) -> bool:
        """Send one message; false if the other side is gone or not reading, and it was dropped."""
        try:
            self.sock.send(message.model_dump_json().encode())
        except OSError:
            return False
        return True

    def receive(self) -> Iterator[Heard]:
        """Yield what has arrived, without waiting. Raise ``LinkClosed`` at the end of it.

        A record that is not one of ours is passed over: it can only come from a process that is
        already lost, and its exit code will tell.
        """
        while True:
            try:
                record = self.sock.recv(LARGEST_RECORD)
            except BlockingIOError:
                return
            except OSError as lost:
                raise LinkClosed from lost
            if not record:
                raise LinkClosed
            try:
                yield self._heard.validate_json(record)
            except ValidationError:
                continue

    def close(self) -> None:
        self.sock.close()


SupervisorEnd = Link[Ready | Beat | NeedsSignIn | Failed | Done]
WorkerEnd = Link[Stop | Do]


def pair() -> tuple[SupervisorEnd, socket.socket]:
    """Make a link: the supervisor's end, and the bare socket that is handed to the worker."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Link(ours, UP), theirs


def worker_end(sock: socket.socket) -> WorkerEnd:
    return Link(sock, DOWN)
