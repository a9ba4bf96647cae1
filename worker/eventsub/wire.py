"""One WebSocket, from the first packet to the last: the socket is ours, the protocol is `websockets`'.

Nothing here waits. Connecting, the TLS handshake, the WebSocket handshake, reading and saying
goodbye each go on whenever the worker's one wait finds the socket ready, so that an old link is
read while a new one is being dialled, and a server that accepts and then says nothing holds up
nobody. (Looking up a host name does block: the resolver offers no other way without a thread.)

The stock synchronous client can hang for ever inside `connect()` over TLS 1.3 on Python 3.11 (its
reading thread and the connecting one share an SSL object) and costs a thread a user; this does neither.
"""

import selectors
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, Literal

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidURI
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from worker.waiting import Waiter

READ_BYTES = 65_536
READS_A_TURN = 64  # then others get their turn
LARGEST_MESSAGE = 2**20

Step = Literal["connecting", "encrypting", "open", "over"]


class Wire:
    """``on_text`` receives each whole text message; ``on_end``, once, the close code and reason."""

    def __init__(
        self,
        url: str,
        *,
        tls: ssl.SSLContext,
        waiter: Waiter,
        on_text: Callable[[bytes], None],
        on_end: Callable[[int | None, str], None],
    ) -> None:
        self._tls = tls
        self._waiter = waiter
        self._on_text = on_text
        self._on_end = on_end
        self._step: Step = "connecting"
        self._sock: socket.socket | None = None
        self._unsent = b""
        self._watched = 0
        self._parts: list[bytes] = []
        try:
            self._uri = parse_uri(url)
            self._protocol = ClientProtocol(self._uri, max_size=LARGEST_MESSAGE)
            self._addresses = _addresses(self._uri.host, self._uri.port)
        except (InvalidURI, OSError) as fault:
            self._end(None, f"{type(fault).__name__}: {fault}")
            return
        self._try_next_address("no address")

    def close(self) -> None:
        """Say goodbye; what is still coming is read, and ``on_end`` follows."""
        if self._step == "open" and self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            self._flush()
        elif self._step != "open":
            self.drop()

    def drop(self) -> None:
        """Cut the connection; ``on_end`` is not called."""
        self._step = "over"
        if self._sock is not None:
            self._waiter.unwatch(self._sock)
            self._sock.close()
            self._sock = None

    def _end(self, code: int | None, reason: str) -> None:
        if self._step != "over":
            self.drop()
            self._on_end(code, reason)

    def _try_next_address(self, reason: str) -> None:
        address = next(self._addresses, None)
        if address is None:
            self._end(None, reason)
            return
        family, where = address
        self._sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.connect_ex(where)
        self._waiter.watch(self._sock, selectors.EVENT_WRITE, self._go_on)

    def _go_on(self, _: int) -> bool:
        """Take the next step that the socket is ready for; return whether more may be read at once."""
        try:
            if self._step == "connecting":
                self._connected()
            elif self._step == "encrypting":
                self._encrypt()
            elif self._step == "open":
                if self._unsent:
                    self._flush()
                return self._read()
        except (OSError, ssl.SSLError) as fault:
            self._fail(f"{type(fault).__name__}: {fault}")
        return False

    def _fail(self, reason: str) -> None:
        """Before the handshake another address may do better; later the connection is lost."""
        if self._step == "open" or self._sock is None:
            self._end(None, reason)
            return
        self._waiter.unwatch(self._sock)
        self._sock.close()
        self._sock = None
        self._step = "connecting"
        self._try_next_address(reason)

    def _connected(self) -> None:
        sock = self._socket()
        fault = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if fault:
            raise OSError(fault, f"connect to {self._uri.host}:{self._uri.port} failed")
        if not self._uri.secure:
            self._begin_handshake()
            return
        self._waiter.unwatch(sock)
        self._sock = self._tls.wrap_socket(
            sock, server_hostname=self._uri.host, do_handshake_on_connect=False
        )
        self._step = "encrypting"
        self._encrypt()

    def _encrypt(self) -> None:
        sock = self._socket()
        assert isinstance(sock, ssl.SSLSocket)  # noqa: S101  # for the type checker: set two lines above
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            self._waiter.watch(sock, selectors.EVENT_READ, self._go_on)
        except ssl.SSLWantWriteError:
            self._waiter.watch(sock, selectors.EVENT_WRITE, self._go_on)
        else:
            self._begin_handshake()

    def _begin_handshake(self) -> None:
        self._step = "open"
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def _read(self) -> bool:
        """Read what is there, up to a fair share; return whether there may be more."""
        for _ in range(READS_A_TURN):
            if self._sock is None:
                return False
            try:
                data = self._sock.recv(READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            self._take_events()
            if self._protocol.writes:
                self._flush()
            refused = self._protocol.handshake_exc is not None
            if refused or not data or self._protocol.state is State.CLOSED:
                self._end(*self._epitaph())
                return False
        return True

    def _take_events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                continue  # a refused handshake shows as `handshake_exc` and the end of the connection
            self._take_frame(event)

    def _take_frame(self, event: object) -> None:
        if not isinstance(event, Frame) or event.opcode not in {Opcode.TEXT, Opcode.CONT}:
            return  # pings and closes were answered by the protocol
        if event.fin and not self._parts:
            self._on_text(bytes(event.data))
            return
        self._parts.append(bytes(event.data))
        if event.fin:
            whole, self._parts = b"".join(self._parts), []
            self._on_text(whole)

    def _flush(self) -> None:
        """Send what the protocol has to say, as far as the socket takes it."""
        if self._sock is None:
            return
        self._unsent += b"".join(self._protocol.data_to_send())
        try:
            while self._unsent:
                self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        if events != self._watched:
            self._watched = events
            self._waiter.watch(self._sock, events, self._go_on)

    def _epitaph(self) -> tuple[int | None, str]:
        protocol = self._protocol
        if protocol.handshake_exc is not None:
            return None, f"handshake refused: {protocol.handshake_exc}"
        if protocol.close_rcvd is not None:
            return protocol.close_rcvd.code, f"closed by the server: {protocol.close_rcvd}"
        if protocol.close_sent is not None:
            return None, f"closed: {protocol.close_sent}"
        return None, "connection lost"

    def _socket(self) -> socket.socket:
        if self._sock is None:
            raise OSError("the connection is gone")
        return self._sock


def _addresses(host: str, port: int) -> Iterator[tuple[int, Any]]:
    """Where ``host`` is, in the resolver's order. Raises ``OSError`` if it is nowhere."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return iter([(family, address) for family, _, _, _, address in found])
