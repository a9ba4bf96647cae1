"""A true sandbox process per test worker, and short ways to speak with it."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

PUBLIC = "sandboxpublicclient000000000000"
ALL_SCOPES = ["user:read:chat", "user:manage:chat_color"]
PATIENCE = 5.0

# Pace and limits of a test; Twitch's own would make it wait.
BRISK = {
    "token_life": 14400,
    "device_interval": 5,
    "device_life": 1800,
    "device_slow_down": False,
    "unused_seconds": 10,
    "handover_seconds": 30,
    "handover_keeps_id": False,
    "handover_duplicates": False,
    "bucket": 800,
    "bucket_window": 60,
    "chat_joins": 100,
    "ping_seconds": 10,
    "pong_seconds": 10,
    "keepalive_min": 1,
    "journal_chat": True,
}


@dataclass
class Person:
    """A user who has signed in with a client."""

    id: str
    login: str
    access_token: str
    refresh_token: str
    client_id: str = PUBLIC

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}", "Client-Id": self.client_id}


@dataclass
class Sandbox:
    where: dict[str, str]
    http: requests.Session = field(default_factory=requests.Session)

    def ask(self, path: str, **fields: Any) -> requests.Response:
        return self.http.post(self.where["control_url"] + path, json=fields, timeout=PATIENCE)

    def control(self, path: str, **fields: Any) -> dict[str, Any]:
        answer = self.ask(path, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def forget(self, path: str) -> dict[str, Any]:
        return self.http.delete(self.where["control_url"] + path, timeout=PATIENCE).json()

    def state(self) -> dict[str, Any]:
        return self.http.get(self.where["control_url"] + "/state", timeout=PATIENCE).json()

    def journal(self, **query: Any) -> dict[str, Any]:
        return self.http.get(
            self.where["control_url"] + "/journal", params=query, timeout=2 * PATIENCE
        ).json()

    def wait_for(self, kind: str, **query: Any) -> dict[str, Any]:
        entries = self.journal(kind=kind, wait=PATIENCE, **query)["entries"]
        assert entries, f"no {kind!r} came"
        return entries[-1]

    def sign_in(
        self, login: str, scopes: list[str] = ALL_SCOPES, client_id: str = PUBLIC, **user: Any
    ) -> Person:
        known = {u["login"]: u for u in self.state()["users"]}
        made = known.get(login) or self.control("/users", login=login)
        token = self.control("/tokens", login=login, scopes=scopes, client_id=client_id)
        return Person(made["id"], login, token["access_token"], token["refresh_token"], client_id)

    def helix(self, method: str, path: str, person: Person | None, **more: Any) -> requests.Response:
        headers = {**(person.headers if person else {}), **more.pop("headers", {})}
        url = self.where["helix_url"] + path
        return self.http.request(method, url, headers=headers, timeout=PATIENCE, **more)

    def oauth(self, path: str, **form: str) -> requests.Response:
        return self.http.post(self.where["oauth_url"] + path, data=form, timeout=PATIENCE)

    def subscribe(
        self,
        reader: Person,
        session: str,
        channel: str | None = None,
        kind: str = "channel.chat.message",
        **more: Any,
    ) -> requests.Response:
        body = {
            "type": kind,
            "version": "1",
            "condition": {"broadcaster_user_id": channel or reader.id, "user_id": reader.id},
            "transport": {"method": "websocket", "session_id": session},
        }
        return self.helix("POST", "/eventsub/subscriptions", reader, json={**body, **more})


@dataclass
class Socket:
    """An EventSub client that takes messages as they come."""

    raw: ClientConnection

    def receive(self, timeout: float = PATIENCE) -> dict[str, Any]:
        return json.loads(self.raw.recv(timeout=timeout))

    def expect(self, kind: str) -> dict[str, Any]:
        message = self.receive()
        assert message["metadata"]["message_type"] == kind
        return message

    def welcomed(self) -> str:
        return self.expect("session_welcome")["payload"]["session"]["id"]


def start(*arguments: str, **more: Any) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    process = subprocess.Popen([sys.executable, "-m", "sandbox", *arguments], stdout=subprocess.PIPE, **more)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], dict[str, str]]]]:
    """Start a process that is gone when the tests are over."""
    with contextlib.ExitStack() as stack:

        def launch(*arguments: str, **more: Any) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
            process, where = start(*arguments, **more)
            stack.enter_context(process)
            stack.callback(process.terminate)
            return process, where

        yield launch


@pytest.fixture(scope="session")
def standing(launch: Callable[..., Any]) -> Iterator[Sandbox]:
    # A killed test run leaves nothing behind: its end of the pipe closes with it.
    _, where = launch("--keepalive-min", "1", "--until-stdin-closes", stdin=subprocess.PIPE)
    sandbox = Sandbox(where)
    with sandbox.http:
        yield sandbox


@pytest.fixture
def twitch(standing: Sandbox) -> Sandbox:
    """The sandbox as if nothing had happened yet."""
    standing.control("/reset")
    standing.control("/settings", **BRISK)
    return standing


@pytest.fixture
def dial(twitch: Sandbox) -> Iterator[Callable[..., Socket]]:
    """Open an EventSub socket."""
    with contextlib.ExitStack() as stack:

        def dial(url: str | None = None, **query: Any) -> Socket:
            asked = "&".join(f"{name}={value}" for name, value in query.items())
            url = url or f"{twitch.where['eventsub_url']}?{asked}"
            link = connect(url, ping_interval=None, close_timeout=0.1, proxy=None)
            return Socket(stack.enter_context(link))

        yield dial
        twitch.control("/reset")  # a black hole would not answer the closing handshake


@dataclass
class Reader:
    person: Person
    socket: Socket
    session: str
    subscription: str


@pytest.fixture
def reading(twitch: Sandbox, dial: Callable[..., Socket]) -> Callable[..., Reader]:
    """Somebody who reads their own channel."""

    def reading(login: str = "alice", **query: Any) -> Reader:
        person, socket = twitch.sign_in(login), dial(**query)
        session = socket.welcomed()
        made = twitch.subscribe(person, session)
        assert made.status_code == 202, made.text
        return Reader(person, socket, session, made.json()["data"][0]["id"])

    return reading
