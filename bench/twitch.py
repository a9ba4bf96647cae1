"""The sandbox in a process of its own, steered and read through its control API."""

import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from bench.stage import Broken, Stage, python

CLIENT_ID = "sandboxsecretclient000000000000"  # published by the sandbox
CLIENT_SECRET = "sandboxsecret0000000000000000"
SCOPES = ["user:read:chat", "user:manage:chat_color"]
FILLING = " " + "x" * 180  # a notification has its text twice, and 1.1 KB beside it: 1.5 KB
ANSWER_SECONDS = 10.0
QUIET_SECONDS = 8.0  # nobody has subscribed for so long: nobody will
WITHOUT_LIMITS = {"bucket": 1e9}


@dataclass(frozen=True)
class Person:
    login: str
    id: str
    access_token: str
    refresh_token: str


class Twitch:
    def __init__(self, urls: dict[str, str], tls: ssl.SSLContext | None) -> None:
        self.urls = urls
        self._tls = tls
        self._steering = self._connection()

    def start_over(self, people: int) -> list[Person]:
        """Forget everything, and have this many people who have signed in."""
        self.post("reset")
        self.post("settings", **WITHOUT_LIMITS)
        return [self._person(f"user{n}") for n in range(people)]

    def _person(self, login: str) -> Person:
        user = self.post("users", login=login, turbo=True)
        tokens = self.post("tokens", login=login, client_id=CLIENT_ID, scopes=SCOPES)
        return Person(login, user["id"], tokens["access_token"], tokens["refresh_token"])

    def post(self, path: str, **body: Any) -> Any:
        return _post(self._steering, path, body).answer()

    def journal(self, **query: Any) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = _journal(self._steering, limit=200_000, **query).answer()["entries"]
        return entries

    def position(self) -> int:
        """The number of the newest journal entry."""
        request = _Exchange(self._steering, "GET", "/control/state")
        return int(request.answer()["journal"])

    def without_subscription(self, people: list[Person]) -> list[Person]:
        """Wait until all of ``people`` have subscribed, or no more of them do; those who have not."""
        missing = {person.login: person for person in people}
        after, until = 0, time.monotonic() + QUIET_SECONDS
        while missing and time.monotonic() < until:
            answer = _journal(self._steering, kind="subscribe", after=after, wait=0.5).answer()
            after = answer["next"]
            for entry in answer["entries"]:
                if entry["status"] == 202 and missing.pop(entry["login"], None):
                    until = time.monotonic() + QUIET_SECONDS
        return list(missing.values())

    def converse(self, people: list[Person], count: int) -> None:
        """Have ``people`` speak in turn, each as soon as the last one's color has changed.

        Whoever waits for the color does so before the message is sent, so that between the two stamps
        neither we nor the sandbox have anything to do but the job itself.
        """
        speaking, listening = self._connection(), self._connection()
        after = self.position()
        try:
            for n in range(count):
                login = people[n % len(people)].login
                color = _journal(listening, kind="color", after=after, wait=ANSWER_SECONDS)
                message = {"channel": login, "chatter": login, "text": f"message {n}{FILLING}"}
                spoken = _post(speaking, "chat", message)
                heard = color.answer()
                spoken.answer()
                if not heard["entries"]:
                    raise Broken(f"{login}'s color did not change within {ANSWER_SECONDS:g} s of a message")
                after = heard["next"]
        finally:
            speaking.close()
            listening.close()

    def latencies(self, after: int) -> list[float]:
        """Seconds from each chat message that was handed to its socket to the color change it led to."""
        spoken, found = None, []
        for entry in self.journal(after=after):
            if entry["kind"] == "chat":
                spoken = entry["at_ns"]
            elif entry["kind"] == "color" and entry["accepted"] and spoken is not None:
                found.append((entry["at_ns"] - spoken) / 1e9)
                spoken = None
        return found

    def close(self) -> None:
        self._steering.close()

    def _connection(self) -> HTTPConnection:
        where = urlsplit(self.urls["base"])
        host = where.hostname or ""
        if self._tls:
            return HTTPSConnection(host, where.port, timeout=60, context=self._tls)
        return HTTPConnection(host, where.port, timeout=60)


class _Exchange:
    """A request that has been sent, and whose answer is read when it is wanted."""

    def __init__(self, connection: HTTPConnection, method: str, path: str, body: object = None) -> None:
        self._connection = connection
        connection.request(method, path, None if body is None else json.dumps(body))

    def answer(self) -> Any:
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise Broken(f"the sandbox's control API answered {response.status}: {body[:200]!r}")
        return json.loads(body)


def _post(connection: HTTPConnection, path: str, body: object) -> _Exchange:
    return _Exchange(connection, "POST", f"/control/{path}", body)


def _journal(connection: HTTPConnection, **query: Any) -> _Exchange:
    return _Exchange(connection, "GET", f"/control/journal?{urlencode(query)}")


@contextmanager
def sandbox(stage: Stage, *, tls: bool) -> Iterator[Twitch]:
    more = ["--tls-cert", str(stage.server_pem)] if tls else []
    command = python("sandbox", "--until-stdin-closes", *more)
    with stage.process(command, stdout=subprocess.PIPE) as process:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise Broken(f"the sandbox did not start: {stage.last_errors()}")
        context = ssl.create_default_context(cafile=str(stage.ca_file)) if tls else None
        twitch = Twitch(json.loads(line), context)
        try:
            yield twitch
        finally:
            twitch.close()
