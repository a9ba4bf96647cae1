"""One client of the control socket.

Each turn sends once, receives once and serves at most one request, and no request is read while an
answer is still on its way out. So a client that is slow, silent or talks garbage costs a bounded
piece of memory and nobody's time, and one that sends a thousand requests at once gets its answers
between everybody else's.
"""

import contextlib
import selectors
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from supervisor import protocol
from supervisor.protocol import Inbox, Outbox, Refusal, Request

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from supervisor.control import House

PIECE = 65_536  # bytes received in one turn
CREDENTIALS = struct.Struct("iII")  # pid, uid, gid: SO_PEERCRED in unix(7)
ORDERS = frozenset({"start", "stop", "restart", "reload", "shutdown", "do"})


def answer(house: "House", request: Request) -> Mapping[str, Any]:
    """The answer to a request that can be answered at once."""
    match request.op:
        case "status":
            return {"workers": house.status(request.names)}
        case "info":
            return house.info()
        case "pid":
            return {"pid": house.info()["pid"]}
        case "health":
            healthy, reason = house.health()
            return {"healthy": healthy, "reason": reason}
        case "reload":
            return {"reload": house.reload()}
        case "shutdown":
            house.shutdown()
        case "start":
            house.start(request.name)
        case "stop":
            house.stop(request.name)
        case "restart":
            house.restart(request.name)
    return {}


def unknown_name(house: "House", request: Request) -> str | None:
    """What to say if ``request`` asks about somebody who is not here."""
    asked = [request.name] if "name" in protocol.FIELDS[request.op] else request.names or []
    here = dict.fromkeys(house.names() if asked else [])
    stranger = next((name for name in asked if name not in here), None)
    if stranger is None:
        return None
    known = ", ".join(list(here)[:20]) + (f" and {len(here) - 20} more" if len(here) > 20 else "")
    return f"nobody here is called {stranger[:40]!r}: there is {known or 'nobody yet'}"


class Connection:
    """At any moment it is reading, answering, waiting for a worker's answer, or following the log."""

    def __init__(
        self,
        sock: socket.socket,
        house: "House",
        log: "FilteringBoundLogger",
        gone: Callable[["Connection"], None],
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._house = house
        self._log = log
        self._gone = gone
        self._inbox = Inbox()
        self._outbox = Outbox()
        self._last_byte_at = time.monotonic()
        self._worker_is_asked = False
        self._unfollow: Callable[[], None] | None = None
        self._ends = False  # as soon as the outbox is empty
        self._closed = False
        self._watched = 0
        self.pid, self.uid, _ = CREDENTIALS.unpack(
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        )
        self._watch()

    def idle_since(self, moment: float) -> bool:
        content = self._unfollow is not None and not self._outbox
        return self._last_byte_at <= moment and not content

    def turn_away(self, refusal: Refusal) -> None:
        self._outbox.refuse(refusal)
        self.close()

    def close(self) -> None:
        if self._watched:
            self._house.unwatch(self._sock.fileno())
            self._watched = 0
        self.hang_up()

    def hang_up(self) -> None:
        """Close the socket, after one last attempt to send what is on its way."""
        with contextlib.suppress(OSError):
            self._send()
        if self._unfollow:
            self._unfollow()
        self._sock.close()
        self._closed = True
        self._gone(self)

    def _turn(self) -> None:
        try:
            self._send()
            if self._unfollow or not (self._outbox or self._inbox.waiting):
                self._receive()
            if not (self._outbox or self._unfollow or self._ends):
                self._serve()
                self._send()
        except OSError:  # the client is gone, as it may at any time
            self.close()
            return
        if self._ends and not self._outbox:
            self.close()
            return
        self._watch()

    def _watch(self) -> None:
        """Have the next turn when there is something to do in it.

        A request that has already arrived makes no socket readable; that ours is writable stands for it.
        """
        if self._worker_is_asked:
            wanted = 0
        elif self._unfollow:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outbox else 0)
        else:
            busy = self._outbox or self._inbox.waiting
            wanted = selectors.EVENT_WRITE if busy else selectors.EVENT_READ
        if wanted == self._watched:
            return
        self._watched = wanted
        if wanted:
            self._house.watch_descriptor(self._sock.fileno(), wanted, self._turn)
        else:
            self._house.unwatch(self._sock.fileno())

    def _send(self) -> None:
        data = self._outbox.next()
        if data:
            with contextlib.suppress(BlockingIOError):
                self._outbox.sent(self._sock.send(data))
                self._last_byte_at = time.monotonic()

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = self._sock.recv(PIECE)
            self._last_byte_at = time.monotonic()
            if not data or self._unfollow:  # a follower has nothing left to say, so this is its goodbye
                self._ends = True
                self._outbox = Outbox()
            else:
                self._inbox.feed(data)

    def _serve(self) -> None:
        request = self._inbox.take()
        if request is None:
            return
        if isinstance(request, Refusal):
            self._outbox.refuse(request)
            self._ends = request.final
            return
        try:
            if stranger := unknown_name(self._house, request):
                self._outbox.refuse(Refusal(request.id, protocol.NO_SUCH_NAME, stranger))
            else:
                self._obey(request)
        except Exception as fault:  # noqa: BLE001  one bad answer must not end everybody's supervisor
            self._log.error("control request failed", order=request.op, exc_info=fault)
            broken = f"{request.op}: {type(fault).__name__}: this is a fault of the supervisor: see its log"
            self._outbox.refuse(Refusal(request.id, protocol.BROKEN, broken))

    def _obey(self, request: Request) -> None:
        if request.op in ORDERS:
            facts = {"user": request.name} if request.name else {}
            self._log.info("order received", order=request.op, by_pid=self.pid, by_uid=self.uid, **facts)
        match request.op:
            case "tail":
                self._tail(request)
            case "do":
                self._ask_worker(request)
            case _:
                self._outbox.answer(request.id, answer(self._house, request))

    def _tail(self, request: Request) -> None:
        recent = self._house.recent(request.names, request.lines)
        self._outbox.answer(request.id, {"lines": len(recent)})
        self._outbox.lines(recent)
        if request.follow:
            self._unfollow = self._house.follow(request.names, self._hear)

    def _hear(self, block: bytes) -> None:
        self._outbox.records(block)
        self._watch()

    def _ask_worker(self, request: Request) -> None:
        def answered(ok: bool, text: str) -> None:
            if self._closed:
                return
            self._worker_is_asked = False
            if ok:
                self._outbox.answer(request.id, {"text": text})
            else:
                self._outbox.refuse(Refusal(request.id, protocol.REFUSED, text))
            self._watch()

        self._worker_is_asked = True
        try:
            self._house.do(request.name, request.action, request.args, answered)
        except BaseException:
            self._worker_is_asked = False
            raise
