"""Signals as a list that the loop reads when it is ready for them.

No handler does anything: Python writes the signal's number into the wake-up descriptor, and that is
all that happens until the loop comes round.
"""

import signal
import socket
from typing import Self

TAKEN = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1)


class Signals:
    """In force while open, in the main thread only; closing puts back what was there before."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._old_wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._old = {number: signal.signal(number, _note) for number in TAKEN}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        return self._reader.fileno()

    def take(self) -> list[signal.Signals]:
        """What has come since the last call, in order."""
        try:
            numbers = self._reader.recv(65_536)
        except BlockingIOError:
            return []
        return [signal.Signals(number) for number in numbers if number in TAKEN]

    def close(self) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_wakeup)
        self._reader.close()
        self._writer.close()


def _note(*_: object) -> None:
    """Being handled at all is what makes Python write the number down."""
