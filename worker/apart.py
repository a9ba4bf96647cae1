"""Finishing what must not be cut short, in a process of its own that no `kill -9` of the worker reaches.

Trading a one-time refresh token is such a thing: between Twitch's answer and its arrival on the disk
there is a moment in which the old token is spent and the new one only in memory.
"""

import io
import os
import pickle
import select
import selectors
import signal
from collections.abc import Callable
from typing import NoReturn, TypeVar

from shared.errors import TryLater
from worker import birth
from worker.waiting import Waiter

Outcome = TypeVar("Outcome")


def apart(work: Callable[[], Outcome], *, keep: set[int], waiter: Waiter) -> Outcome:
    """Return, or raise, what ``work`` does. It runs in a fork that goes on when we die, or leave.

    Of our descriptors it has only ``keep``: the user's lock among them, so that the next worker of
    this user waits until it is done. ``work`` must not use connections that are open here. Raises
    ``TryLater`` if the fork was killed.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _finish(work, writer, keep)
    os.close(writer)
    with open(reader, "rb", buffering=0) as pipe:
        told = _listen(pipe, waiter)
    os.waitpid(pid, 0)
    if not told:
        raise TryLater("the process that was to do it was killed")
    outcome = pickle.loads(told)  # noqa: S301  our own fork wrote it
    if isinstance(outcome, Exception):
        raise outcome
    return outcome  # type: ignore[no-any-return]


def _listen(pipe: io.FileIO, waiter: Waiter) -> bytes:
    """Everything until the other end is closed; the worker's sockets are served meanwhile."""
    told = bytearray()
    over = False

    def take(_: int) -> bool:
        nonlocal over
        some = pipe.read(select.PIPE_BUF)
        told.extend(some or b"")
        over = not some
        return False

    waiter.watch(pipe, selectors.EVENT_READ, take)
    try:
        while not over:
            waiter.turn(None)
    finally:
        waiter.unwatch(pipe)
    return bytes(told)


def _finish(work: Callable[[], object], writer: int, keep: set[int]) -> NoReturn:
    """Nothing may unwind from here into the worker's code: this process has none of its world."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        birth.close_all_but(keep | {0, 1, 2, writer})
        outcome: object
        try:
            outcome = work()
        except Exception as fault:  # noqa: BLE001  it is raised again where somebody waits for it
            outcome = fault
        os.write(writer, pickle.dumps(outcome))
    finally:
        os._exit(0)  # with nobody left to read it, or an outcome that cannot be told, silence tells enough
