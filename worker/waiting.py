"""The one place where a worker waits.

Whatever the worker is in the middle of (between two subscriptions, in the pause before a retry,
while a person signs in), it waits here, and here the sockets are read into their buffers, pings
answered, orders taken, records moved and beats sent. Nothing that is called from here may take
long, so that a wait can be nested inside any piece of work.
"""

import contextlib
import selectors
import signal
import socket
import time
from collections.abc import Callable
from typing import Protocol

from shared.errors import Stopping
from shared.link import LinkClosed, WorkerEnd
from shared.messages import Do, Done, Message, Ready, Stop
from worker.logs import LogQueue
from worker.vitals import Vitals

BEAT_SECONDS = 1.0  # never two beats within this time
FIRST_BEAT_SECONDS = 0.2  # by then most workers have something better to tell than "starting"
BREATH_SECONDS = 0.1  # work that takes longer looks round before it goes on
QUIET_BEATS = 3  # beats within `silence_seconds` when nothing changes

WhenReady = Callable[[int], bool]


class Source(Protocol):
    def fileno(self) -> int: ...


class Waiter:
    """Owns the selector, the supervisor's link and the beat.

    ``obey`` carries out an operator's order and returns what to answer, or raises ``ValueError``.
    ``wind`` is the dead man's switch, wound up with each beat: a worker that hangs while nobody is
    left to end it is ended by SIGALRM, whose default is to kill.
    """

    def __init__(
        self,
        link: WorkerEnd,
        logs: LogQueue,
        silence_seconds: float,
        wind: Callable[[int], object] = signal.alarm,
    ) -> None:
        self.vitals = Vitals()
        self.obey: Callable[[Do], str] = self._too_early
        self._link = link
        self._logs = logs
        self._wind = wind
        self._stopping = False
        self._dismissed = False
        self._silence = silence_seconds
        self._beaten_at = time.monotonic() - BEAT_SECONDS + FIRST_BEAT_SECONDS
        self._looked_at = time.monotonic()
        self._hungry: dict[Source, WhenReady] = {}
        self._selector = selectors.DefaultSelector()
        self._awaiting_log_room = False
        self.watch(link, selectors.EVENT_READ, self._take_orders)
        self._wake_up = _wake_up_socket()
        self.watch(self._wake_up, selectors.EVENT_READ, self._note_signals)
        signal.signal(signal.SIGTERM, self._ask_to_stop)

    def ready(self) -> None:
        """Tell the supervisor that the loop runs."""
        self.tell(Ready())

    def tell(self, message: Message) -> None:
        self._link.send(message)

    def was_dismissed(self) -> bool:
        """Whether the supervisor wants us to leave, and not only somebody with a signal."""
        if not self._dismissed:
            self._take_orders(0)
        return self._dismissed

    def watch(self, source: Source, events: int, when_ready: WhenReady) -> None:
        """Call ``when_ready(events)`` when the descriptor is; it returns whether it left something unread.

        Watching a source again changes its events.
        """
        try:
            self._selector.modify(source, events, when_ready)
        except KeyError:
            self._selector.register(source, events, when_ready)

    def unwatch(self, source: Source) -> None:
        """Nothing happens if it is not watched."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(source)
        self._hungry.pop(source, None)

    def pause(self, seconds: float) -> None:
        """Let ``seconds`` pass. Raise ``Stopping`` as soon as we are asked to leave."""
        end = time.monotonic() + seconds
        self.turn(0.0)
        while time.monotonic() < end:
            self.turn(end)

    def breathe(self) -> None:
        """Look round, unless that was only just done: called between steps that may each take seconds."""
        if time.monotonic() - self._looked_at > BREATH_SECONDS:
            self.turn(0.0)

    def turn(self, until: float | None) -> None:
        """Wait for anything to happen, at the longest until the monotonic time ``until``.

        Raises ``Stopping`` if we have been asked to leave.
        """
        self._move_logs()
        end = self._beat_when_due()
        if until is not None:
            end = min(end, until)
        hungry, self._hungry = self._hungry, {}
        wait = 0.0 if hungry else max(0.0, end - time.monotonic())
        for key, events in self._selector.select(wait):
            hungry.pop(key.fileobj, None)  # type: ignore[arg-type]
            self._call(key.fileobj, key.data, events)  # type: ignore[arg-type]
        for source, when_ready in hungry.items():
            self._call(source, when_ready, selectors.EVENT_READ)
        self._looked_at = time.monotonic()
        if self._stopping:
            raise Stopping("asked to stop")

    def _call(self, source: Source, when_ready: WhenReady, events: int) -> None:
        if when_ready(events):
            self._hungry[source] = when_ready

    def _beat_when_due(self) -> float:
        """Beat if it is time to, and return when the next one will be due."""
        now = time.monotonic()
        quiet = self._silence / QUIET_BEATS
        pause = BEAT_SECONDS if self.vitals.changed else quiet
        # A worker that is awake anyway beats early, which saves a wake-up of its own later.
        if now - self._beaten_at >= min(pause, quiet / 2):
            self.tell(self.vitals.beat())
            self._beaten_at = now
            pause = quiet
            self._wind(int(self._silence * 2) + 1)
        return self._beaten_at + pause

    def _move_logs(self) -> None:
        """Records that found the pipe full are moved when it has room again."""
        self._logs.drain()
        if self._logs.waiting != self._awaiting_log_room:
            self._awaiting_log_room = self._logs.waiting
            if self._awaiting_log_room:
                self.watch(self._logs, selectors.EVENT_WRITE, lambda _: False)
            else:
                self.unwatch(self._logs)

    def _take_orders(self, _: int) -> bool:
        try:
            for message in self._link.receive():
                if isinstance(message, Stop):
                    self._stopping = self._dismissed = True
                else:
                    self.tell(self._answer(message))
        except LinkClosed:  # the supervisor is gone, however it went: no orphan stays behind
            self._stopping = self._dismissed = True
            self.unwatch(self._link)
        return False

    def _answer(self, order: Do) -> Done:
        try:
            return Done(id=order.id, ok=True, text=self.obey(order))
        except ValueError as refused:
            return Done(id=order.id, ok=False, text=str(refused))

    def _too_early(self, order: Do) -> str:
        raise ValueError(f"{order.action}: not while this worker is {self.vitals.phase}: try again later")

    def _ask_to_stop(self, *_: object) -> None:
        self._stopping = True

    def _note_signals(self, _: int) -> bool:
        self._wake_up.recv(4096)
        return False


def _wake_up_socket() -> socket.socket:
    """Signals write a byte into one end, so that a wait notices them: Python resumes waits by itself."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.detach(), warn_on_full_buffer=False)
    return ours
