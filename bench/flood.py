"""A server that answers the few calls of a start and then floods the socket with other people's chat.

The sandbox cannot outrun a worker; this one sends blocks of ready-made frames, which say what the
sandbox would have said. It serves one client at a time, in threads of our own process.
"""

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import BinaryIO

from websockets.utils import accept_key

from bench.stage import Broken, Stage
from bench.twitch import CLIENT_ID, FILLING, SCOPES, Person
from sandbox import chat, clock, messages, wire
from sandbox.subscriptions import Subscription
from sandbox.users import User, Users

BLOCK = 256  # frames in one send
PATIENCE_SECONDS = 30.0
SETTLE_SECONDS = 0.5  # a worker that has just subscribed asks for its current color
LONGEST_FLOOD_SECONDS = 120.0
SESSION = "flood"
CHAT = "channel.chat.message"

PERSON = Person("alice", "1001", access_token="a" * 30, refresh_token="r" * 50)
ANSWERS: dict[tuple[str, str], tuple[int, object]] = {
    ("GET", "/oauth2/validate"): (
        200,
        {
            "client_id": CLIENT_ID,
            "login": PERSON.login,
            "user_id": PERSON.id,
            "scopes": SCOPES,
            "expires_in": 14_000,
        },
    ),
    ("GET", "/helix/users"): (200, {"data": [{"id": PERSON.id, "login": PERSON.login}]}),
    ("GET", "/helix/chat/color"): (200, {"data": [{"user_id": PERSON.id, "color": "#FF0000"}]}),
    ("POST", "/helix/eventsub/subscriptions"): (202, {"data": [{"id": "s"}]}),
    ("PUT", "/helix/chat/color"): (204, None),
}


class Flood:
    def __init__(self, listener: socket.socket, tls: ssl.SSLContext) -> None:
        self._listener = listener
        self._tls = tls
        self._sockets: SimpleQueue[ssl.SSLSocket] = SimpleQueue()
        self._subscribed = threading.Event()
        self._changed: SimpleQueue[float] = SimpleQueue()
        self._chat = _Chat()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        self.urls = {
            "oauth_url": f"https://{host}/oauth2",
            "helix_url": f"https://{host}/helix",
            "eventsub_url": f"wss://{host}/ws",
        }

    def serve(self) -> None:
        """Until the listener is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def attach(self) -> ssl.SSLSocket:
        """The socket of the next client that comes and subscribes."""
        try:
            client = self._sockets.get(timeout=PATIENCE_SECONDS)
        except Empty:
            raise Broken("nobody came to be flooded") from None
        if not self._subscribed.wait(PATIENCE_SECONDS):
            raise Broken("the client to be flooded does not subscribe")
        self._subscribed.clear()
        time.sleep(SETTLE_SECONDS)
        return client

    def flood(self, client: ssl.SSLSocket, blocks: int) -> float:
        """Seconds from the first frame to the color change for an own message behind the last one."""
        begun = time.perf_counter()
        for _ in range(blocks):
            client.sendall(self._chat.block)
        client.sendall(self._chat.own_message())
        try:
            return self._changed.get(timeout=LONGEST_FLOOD_SECONDS) - begun
        except Empty:
            raise Broken("the message behind the flood was not answered") from None

    def _converse(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):  # it left; whoever waits for it will say so
            client = self._tls.wrap_socket(connection, server_side=True)
            incoming = client.makefile("rb")
            while head := _head(incoming):
                method, path, headers = head
                incoming.read(int(headers.get("content-length", "0")))
                if path == "/ws":
                    client.sendall(_upgrade(headers["sec-websocket-key"]))
                    client.sendall(wire.text_frame(messages.welcome(SESSION, "", 600)))
                    self._sockets.put(client)
                    return  # what it says from here on (pongs, a goodbye) needs no answer
                client.sendall(_answer(method, path))
                if method == "POST":
                    self._subscribed.set()
                if method == "PUT":
                    self._changed.put(time.perf_counter())


class _Chat:
    """Frames as the sandbox makes them."""

    def __init__(self) -> None:
        self._users = Users()
        self._alice = self._users.add(PERSON.login, now=0.0, id_=PERSON.id)
        strangers = [self._users.add(f"stranger{n}", now=0.0) for n in range(50)]
        condition = {"broadcaster_user_id": PERSON.id, "user_id": PERSON.id}
        self._subscription = Subscription(
            type=CHAT,
            version="1",
            condition=condition,
            cost=0,
            owner=(CLIENT_ID, PERSON.id),
            session_id=SESSION,
            connected_at="",
            created_at=clock.now(),
            id="s",
            joins=None,
        ).as_message_part
        self.block = b"".join(
            self._frame(strangers[n % len(strangers)], f"message {n}") for n in range(BLOCK)
        )

    def own_message(self) -> bytes:
        return self._frame(self._alice, "my own")

    def _frame(self, chatter: User, text: str) -> bytes:
        event = chat.message_event(
            self._alice, chatter, text + FILLING, id_=messages.message_id(), users=self._users
        )
        return wire.text_frame(messages.notification(self._subscription, CHAT, "1", event))


def _head(incoming: BinaryIO) -> tuple[str, str, dict[str, str]] | None:
    """Method, path and headers of the next request; ``None`` at the end."""
    first = incoming.readline().decode().split()
    if not first:
        return None
    headers = {}
    while line := incoming.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return first[0], first[1].partition("?")[0], headers


def _answer(method: str, path: str) -> bytes:
    status, content = ANSWERS.get((method, path), (404, {}))
    body = b"" if content is None else json.dumps(content).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _upgrade(key: str) -> bytes:
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
    ).encode()


@contextmanager
def flooding(stage: Stage) -> Iterator[Flood]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(stage.server_pem)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        flood = Flood(listener, tls)
        threading.Thread(target=flood.serve, daemon=True).start()
        try:
            yield flood
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # closing alone does not end the accept
