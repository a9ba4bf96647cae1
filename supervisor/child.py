"""One worker process seen from outside: its link, its log pipe, its pidfd, its exit code.

It begins before its process does: the forkserver tells the pid when it comes to it, or it dies, and
then nobody was born.

Two things tell of a death. The pidfd says *that* it is dead, whoever its parent is. The sentinel, a
pipe of the forkserver, says *how* it died; its end-of-file only means that the forkserver is gone,
and then the exit code comes from the reaper.
"""

import contextlib
import itertools
import os
import selectors
import signal
import struct
import time
from collections.abc import Callable
from fcntl import F_SETPIPE_SZ, fcntl
from multiprocessing.connection import Connection, Pipe
from typing import Protocol

from shared.link import LinkClosed, SupervisorEnd, pair
from shared.messages import Beat, Done, Failed, NeedsSignIn, Ready, Stop
from shared.settings import WorkerSettings
from supervisor.feed import Feed
from supervisor.nursery import Birth, Nursery, StartFailed
from supervisor.orders import Orders

Heard = Ready | Beat | NeedsSignIn | Failed | Done

# Bytes that a worker can be ahead of us before it has to keep records itself. Not more: all pipes of an
# unprivileged user share 64 MiB, and beyond that each new one gets 8 KiB (pipe(7), pipe-user-pages-soft).
LOG_ROOM = 262_144
MESSAGES_A_TURN = 64  # so that one that talks without end cannot hold the loop
NUMBER = struct.Struct("q")  # as the forkserver writes pids and exit codes


class Board(Protocol):
    def watch_descriptor(self, fd: int, events: int, callback: Callable[[], None]) -> None: ...
    def unwatch(self, fd: int) -> None: ...


class Child:
    """Made by ``bear``. ``pid`` and ``code``, its exit code, are there as soon as they are known.

    ``code`` is negative for a signal. ``attend`` comes first. ``stopped_because`` is why we have told
    it to leave or killed it, if we have.
    """

    def __init__(self, birth: Birth, link: SupervisorEnd, log_pipe: "Connection[bytes, bytes]") -> None:
        self.pid: int | None = None
        self.asked_at = self.born_at = self.heard_at = time.monotonic()
        self.ready_at: float | None = None
        self.is_dead = False
        self.code: int | None = None
        self.stopped_because: str | None = None
        self._ended_by: signal.Signals | None = None
        self.orders = Orders(link)
        self._birth = birth
        self._link = link
        self._log_pipe = log_pipe
        self._pidfd: int | None = None
        self._forkserver_lives = True
        self._link_is_open = True
        self._watched: set[int] = set()
        os.set_blocking(birth.sentinel, False)

    @property
    def is_unreported(self) -> bool:
        """Whether it is dead and its forkserver, though alive, has not said how it died."""
        return self.is_dead and self.code is None and self._forkserver_lives

    def attend(
        self,
        board: Board,
        *,
        write: Callable[[bytes], None],
        torn: Callable[[str], None],
        born: Callable[[int], None],
        talks: Callable[[], None],
        dies: Callable[[], None],
    ) -> None:
        """Call back from now on: ``write`` with its records, ``torn`` with a fragment of one, ``born``
        with its pid, ``talks`` when its link has something to say, ``dies`` when there is news
        of its death. Before its birth nothing is heard of it but that there will be none.
        """
        self._board, self._born, self._talks, self._dies = board, born, talks, dies
        self._feed = Feed(self._log_pipe.fileno(), write, torn)
        self._watch(self._birth.sentinel, self._read_sentinel)

    def hear(self, at_most: int | None = MESSAGES_A_TURN) -> list[Heard]:
        """What it has said since the last time."""
        heard: list[Heard] = []
        try:
            for message in itertools.islice(self._link.receive(), at_most):
                heard.append(message)  # noqa: PERF402  what came before the end of the link counts
        except LinkClosed:
            self._link_is_open = False
            self._unwatch(self._link.fileno())
            self._perhaps_dead()
        if heard:
            self.heard_at = time.monotonic()
        return heard

    def stop(self, because: str) -> None:
        """Ask it to leave, by both ways: its loop may be deaf to one of them."""
        self.stopped_because = self.stopped_because or because
        self._link.send(Stop())
        self._end(signal.SIGTERM)

    def kill(self, because: str) -> None:
        self.stopped_because = self.stopped_because or because
        self._end(signal.SIGKILL)

    def note_exit(self, code: int) -> None:
        """Its parent has collected it: the forkserver, or we."""
        self.code = code
        self._note_death()

    def bury(self) -> list[Heard]:
        """Read what it had written before it died, close everything, and return its last words."""
        last_words = self.hear(at_most=None)
        self._feed.finish()
        for fd in list(self._watched):
            self._unwatch(fd)
        self._link.close()
        self._log_pipe.close()
        self._birth.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
        return last_words

    def _move_records(self) -> None:
        self._feed.read()
        if self._feed.ended:
            self._unwatch(self._log_pipe.fileno())

    def _read_sentinel(self) -> None:
        told = os.read(self._birth.sentinel, NUMBER.size)
        if told and self.pid is None:
            self._be_born(NUMBER.unpack(told)[0])
            return
        self._unwatch(self._birth.sentinel)
        if told:
            self.note_exit(NUMBER.unpack(told)[0])
            return
        self._forkserver_lives = False
        if self.pid is None:
            self._note_death()
        else:
            self._perhaps_dead()

    def _be_born(self, pid: int) -> None:
        self.pid = pid
        self.born_at = self.heard_at = time.monotonic()
        self._pidfd = _pidfd(pid)
        self._watch(self._link.fileno(), self._talks)
        self._watch(self._log_pipe.fileno(), self._move_records)
        if self._pidfd is not None:
            self._watch(self._pidfd, self._note_death)
        if self._ended_by:
            self._end(self._ended_by)
        self._born(pid)

    def _note_death(self) -> None:
        self.is_dead = True
        if self._pidfd is not None:
            self._unwatch(self._pidfd)
        self._dies()

    def _perhaps_dead(self) -> None:
        """Without a pidfd, a closed link and a silent forkserver are all the proof there is."""
        if self._pidfd is None and not self._link_is_open and not self._forkserver_lives:
            self._note_death()

    def _end(self, number: signal.Signals) -> None:
        self._ended_by = number  # the unborn will be, at their birth
        with contextlib.suppress(ProcessLookupError):
            if self._pidfd is not None:
                signal.pidfd_send_signal(self._pidfd, number)
            elif self.pid and not self.is_dead:  # its number may be somebody else's soon
                os.kill(self.pid, number)

    def _watch(self, fd: int, callback: Callable[[], None]) -> None:
        self._board.watch_descriptor(fd, selectors.EVENT_READ, callback)
        self._watched.add(fd)

    def _unwatch(self, fd: int) -> None:
        if fd in self._watched:
            self._watched.remove(fd)
            self._board.unwatch(fd)


def bear(nursery: Nursery, settings: WorkerSettings) -> Child:
    """Have a worker process started. Raises ``StartFailed``."""
    with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
        try:
            link, their_link = pair()
            ours.callback(link.close)
            theirs.enter_context(their_link)
            log_pipe, their_log_pipe = Pipe(duplex=False)
            ours.enter_context(log_pipe)
            theirs.enter_context(their_log_pipe)
        except OSError as fault:
            raise StartFailed(f"{type(fault).__name__}: {fault}") from fault
        with contextlib.suppress(
            PermissionError
        ):  # the user's pages for pipes are used up: the default will do
            fcntl(log_pipe.fileno(), F_SETPIPE_SZ, LOG_ROOM)
        birth = nursery.start(settings.username, settings, their_link, their_log_pipe)
        ours.pop_all()  # born: from here on they are closed by its burial
        return Child(birth, link, log_pipe)


def _pidfd(pid: int) -> int | None:
    """``None`` where the kernel or a sandbox has no such thing, and for one that is dead already."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
