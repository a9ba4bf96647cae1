"""Running a worker's code before the fork, so that what Python makes on first use is made once.

Lazy imports, compiled patterns, validators, caches and specialised bytecode then lie in pages that
all workers share. It talks to nobody: the conversation is fed by hand, and HTTP goes through a pair
of connected sockets that is closed again.
"""

import os
import random
import socket
import time
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr
from urllib3 import HTTPConnectionPool
from urllib3.util import Url
from websockets.client import ClientProtocol
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from shared.backoff import delays
from shared.logs import logger
from shared.messages import DOWN, Beat, Stop
from shared.settings import Color, Twitch
from worker import tls
from worker.color.colors import Palette
from worker.color.commands import parse_command
from worker.eventsub.conversation import Conversation
from worker.eventsub.frames import decode
from worker.eventsub.sieve import is_foreign
from worker.twitch import punctual
from worker.twitch.http import Adapter, Http
from worker.twitch.oauth import OAuth

WELCOME = b"""{"metadata":{"message_id":"m","message_type":"session_welcome",
"message_timestamp":"2026-01-02T03:04:05.123456789Z"},"payload":{"session":{"id":"S","status":"connected",
"keepalive_timeout_seconds":10,"reconnect_url":null}}}"""
MESSAGE = b"""{"metadata":{"message_id":"m2","message_type":"notification",
"message_timestamp":"2026-01-02T03:04:05.123456789Z","subscription_type":"channel.chat.message"},
"payload":{"subscription":{"id":"s","status":"enabled","type":"channel.chat.message",
"condition":{"user_id":"1"}},"event":{"chatter_user_id":"1","message_id":"c","message":{"text":"hi"}}}}"""
VALIDATION = b"""{"client_id":"c","login":"l","user_id":"1","scopes":["user:read:chat"],"expires_in":9}"""
ROUNDS = 3


class _AnsweredConnection(punctual.Plain):
    """A connection whose other end has answered already: the kernel's buffers are all the server it needs."""

    def _new_conn(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        theirs.sendall(head % len(VALIDATION) + VALIDATION)
        self._theirs = theirs
        return ours

    def close(self) -> None:
        super().close()
        self._theirs.close()


class _AnsweredPool(HTTPConnectionPool):
    ConnectionCls = _AnsweredConnection


class _AnsweredAdapter(Adapter):
    def new_pool(self, origin: Url) -> HTTPConnectionPool:
        return _AnsweredPool(origin.host or "")


def warm_up(extra: Path | None) -> None:
    for _ in range(ROUNDS):
        _converse()
        _shake_hands()
        _choose()
        _report()
        _call(extra)


def _converse() -> None:
    conversation = Conversation("wss://localhost/ws", delays)
    now = time.monotonic()
    for _ in conversation.wake(now):
        for frame in (WELCOME, MESSAGE):
            is_foreign(frame, b'"2"')
            list(conversation.receive(1, decode(frame), now))


def _shake_hands() -> None:
    client, server = ClientProtocol(parse_uri("ws://localhost/ws")), ServerProtocol()
    client.send_request(client.connect())
    server.receive_data(b"".join(client.data_to_send()))
    for request in server.events_received():
        if isinstance(request, Request):
            server.send_response(server.accept(request))
    server.send_text(MESSAGE)
    client.receive_data(b"".join(server.data_to_send()))
    client.events_received()


def _choose() -> None:
    dice = random.Random()
    for mode in ("random", "rainbow", "presets"):
        Palette(Color(mode=mode), dice).next_color("#ff0000", hex_allowed=True)
    for text in ("cce", "ccc #f0a", "hello"):
        parse_command(text)


def _report() -> None:
    log = logger(lambda line, level: None, "info", pid=os.getpid())
    log.info("color changed", color="#ff0000", latency_ms=1.5)
    Beat(phase="listening", counters={"changes": 1}, facts={"last_color": "#ff0000"}).model_dump_json()
    DOWN.validate_json(Stop().model_dump_json())
    box = Fernet(Fernet.generate_key())
    box.decrypt(box.encrypt(b"{}"))


def _call(extra: Path | None) -> None:
    http = Http(extra)
    http.adapter = _AnsweredAdapter(tls.context(extra))
    OAuth(http, Twitch(client_id="c", oauth_url="http://localhost")).validate(SecretStr("t"))
    http.close()
