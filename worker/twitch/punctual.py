"""HTTP connections whose time-outs bound the whole of a thing: finding a live address, one answer.

Those of plain sockets bound each single wait: a host with many dead addresses, or a server that
sends a byte now and then, could hold the worker for minutes without ever being late.
"""

import http.client
import io
import math
import socket
import time
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

MOST_BYTES = 4 * 2**20  # of an answer


class _UntilThen(io.RawIOBase):
    """Reads from ``raw``, the stream of ``sock``, until the monotonic time ``end``."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, end: float) -> None:
        self._raw = raw
        self._sock = sock
        self._end = end
        self._room = MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer was not complete in time")
        self._sock.settimeout(left)
        taken = self._raw.readinto(buffer)
        self._room -= taken or 0
        if self._room < 0:
            raise OSError(f"the answer is longer than {MOST_BYTES} bytes")
        return taken

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        """The time-out of ``sock`` becomes that of the answer."""
        super().__init__(sock, *args, **kwargs)
        stream: Any = self.fp
        end = time.monotonic() + (sock.gettimeout() or math.inf)
        self.fp = io.BufferedReader(_UntilThen(stream.detach(), sock, end))


def _dial(connection: HTTPConnection) -> socket.socket:
    """A connected socket. Each address gets its share of the time; the TLS handshake has as much again."""
    seconds = connection.timeout or math.inf
    try:
        found = socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)
    except OSError as nowhere:
        raise NameResolutionError(connection.host, connection, nowhere) from nowhere  # type: ignore[arg-type]
    end = time.monotonic() + seconds
    fault: OSError = OSError("no address")
    for waiting, (family, kind, protocol, _, address) in zip(range(len(found), 0, -1), found, strict=True):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max((end - time.monotonic()) / waiting, 0.01))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
        except OSError as refused:
            sock.close()
            fault = refused
        else:
            sock.settimeout(seconds)
            return sock
    if isinstance(fault, TimeoutError):
        raise ConnectTimeoutError(connection, str(fault)) from fault
    raise NewConnectionError(connection, str(fault)) from fault


class Plain(HTTPConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _dial(self)


class Encrypted(HTTPSConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _dial(self)


class PlainPool(HTTPConnectionPool):
    ConnectionCls = Plain


class EncryptedPool(HTTPSConnectionPool):
    ConnectionCls = Encrypted
