"""Bytes and sockets below HTTP: WebSocket frames, and ways to end a connection that no library offers."""

import asyncio
import socket
import struct

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x81, 0x82, 0x88, 0x89, 0x8A  # each with the FIN bit
_LINGER_NOT_AT_ALL = struct.pack("ii", 1, 0)


def text_frame(payload: bytes) -> bytes:
    return _frame(_TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    return _frame(_BINARY, payload)


def close_frame(code: int) -> bytes:
    return _frame(_CLOSE, struct.pack("!H", code))


def ping_frame() -> bytes:
    return _frame(_PING, b"")


def pong_frame(payload: bytes) -> bytes:
    return _frame(_PONG, payload)


def _frame(first: int, payload: bytes) -> bytes:
    """One unmasked frame, as servers send (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def reset(transport: asyncio.Transport) -> None:
    """End with RST instead of FIN, as a crashed host or a cut route does."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT_AT_ALL)
    transport.abort()
