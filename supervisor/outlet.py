"""Where log records leave the house: standard output, or a file. Never waits, and never breaks a line.

What cannot be written now is kept, up to a limit, and what does not fit any more is counted.
"""

import os
import select
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from shared.deadline import Deadline
from shared.errors import ConfigurationFault

MOST_KEPT = 1_048_576  # bytes
PARTING_SECONDS = 1.0


class Outlet:
    """``file`` of ``None`` is standard output. Raises ``ConfigurationFault`` if it cannot be opened.

    ``lost`` is how many records were given up since ``take_lost``.
    """

    def __init__(self, file: Path | None, most_kept: int = MOST_KEPT) -> None:
        self.path = file
        self._most_kept = most_kept
        self._fd, self._put = _standard_output() if file is None else _appending(file)
        self._kept = bytearray()
        self._lost = 0
        self.stuck = False  # the reader of our pipe is slow: it is worth waiting for room

    def fileno(self) -> int:
        return self._fd

    def write(self, lines: bytes) -> None:
        """Write whole lines, or keep them, or count them as lost."""
        if self._kept:
            self.flush()
        if self._kept:
            self._keep(lines)
            return
        taken = self._try(lines)
        if taken < len(lines):
            self._keep(lines[taken:], begun=taken > 0)

    def flush(self) -> None:
        """Write what was kept, as far as there is room."""
        while self._kept and (taken := self._try(self._kept)):
            del self._kept[:taken]

    def take_lost(self) -> int:
        """How many records were lost, once the trouble is over; zero while it goes on."""
        if self._kept:
            return 0
        lost, self._lost = self._lost, 0
        return lost

    def reopen(self) -> None:
        """Open the file anew: it may have been renamed. ``ConfigurationFault`` leaves the old one open."""
        if self.path is not None:
            fd, put = _appending(self.path)
            os.close(self._fd)
            self._fd, self._put = fd, put

    def close(self) -> None:
        """Give a slow reader a last moment."""
        end = Deadline(PARTING_SECONDS)
        self.flush()
        while self._kept and self.stuck and not end.passed():
            select.select((), (self._fd,), (), end.left())
            self.flush()
        os.close(self._fd)

    def _keep(self, lines: bytes, *, begun: bool = False) -> None:
        """The rest of a record of which a part is written is kept, whatever the limit says."""
        end = lines.find(b"\n") + 1 if begun else 0
        if len(self._kept) + len(lines) - end > self._most_kept:
            self._lost += lines.count(b"\n", end)
            lines = lines[:end]
        self._kept += lines

    def _try(self, data: bytes | bytearray) -> int:
        try:
            taken = self._put(data)
        except (
            OSError
        ) as fault:  # a full disk or a closed pipe must not end the work: the next write tries again
            self.stuck = isinstance(fault, BlockingIOError)
            return 0
        self.stuck = taken < len(data)
        return taken


Put = Callable[[bytes | bytearray], int]


def _appending(path: Path) -> tuple[int, Put]:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY, 0o600)
    except OSError as fault:
        raise ConfigurationFault(
            f"{path}: {fault.strerror}: make it writable for this user, or set supervisor.log.file"
        ) from fault
    return fd, _writer(fd)


def _standard_output() -> tuple[int, Put]:
    """A description of our own where possible: O_NONBLOCK set on a shared one is set for everybody."""
    if sys.__stdout__ is None:
        return _appending(Path(os.devnull))
    mode = os.fstat(1).st_mode
    if stat.S_ISSOCK(mode):  # systemd's journal: cannot be opened again, but every send can say "do not wait"
        fd = os.dup(1)
        return fd, _sender(fd)
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY
        try:
            fd = os.open("/proc/self/fd/1", flags)
        except OSError:  # another user's, or nobody reads the pipe
            fd = os.dup(1)
            return fd, _careful_writer(fd)
        return fd, _writer(fd)
    # A regular file opened again would have a position of its own, and overwrite standard error's lines.
    fd = os.dup(1)
    return fd, _writer(fd)


def _writer(fd: int) -> Put:
    return lambda data: os.write(fd, data)


def _careful_writer(fd: int) -> Put:
    """For what would block: no more at a time than there is room for when ``poll`` says that there is any.

    A pipe then has room for PIPE_BUF bytes (pipe(7)), a terminal for no more than one.
    """
    piece = 1 if os.isatty(fd) else select.PIPE_BUF
    room = select.poll()
    room.register(fd, select.POLLOUT)

    def put(data: bytes | bytearray) -> int:
        taken = 0
        while taken < len(data) and room.poll(0):
            taken += os.write(fd, data[taken : taken + piece])
        return taken

    return put


def _sender(fd: int) -> Put:
    def send(data: bytes | bytearray) -> int:
        with socket.socket(fileno=os.dup(fd)) as sock:
            return sock.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    return send
