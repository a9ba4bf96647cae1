"""Twitch's REST API, as much of it as the jobs use. https://dev.twitch.tv/docs/api/reference/"""

import enum
import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import requests

from shared.errors import TryLater
from shared.settings import HEX, Twitch
from worker.patience import RateLimited
from worker.twitch.access import Access
from worker.twitch.http import Http, build, json_object, message_of
from worker.twitch.oauth import SignInNeeded

BUCKET_SECONDS = 60.0  # the points bucket refills within a minute
LONGEST_WAIT_SECONDS = 3600.0
FRESH_TOKENS_REFUSED = 3  # in a row, before a person is asked: Twitch may take a moment to know its own token


class ColorRefused(Exception):
    """Twitch answered 400 to a color. For a hex color it usually means: no Turbo and no Prime."""


class Subscribed(enum.Enum):
    YES = "subscribed"
    NO_ACCESS = "no access to this channel"
    NO_SUCH_USER = "no such channel"
    NO_SESSION = "the session is gone"
    NO_ROOM = "too many subscriptions or connections"


class Helix:
    """Every method may raise ``TryLater`` (``RateLimited`` among them) and ``SignInNeeded``."""

    def __init__(self, http: Http, twitch: Twitch, access: Access) -> None:
        self._http = http
        self._url = twitch.helix_url
        self._access = access
        self._client_id = twitch.client_id or ""
        self._not_before = 0.0
        self._refused = 0
        self._color_request = self._build("PUT", "chat/color")

    def users(self, logins: list[str]) -> dict[str, str]:
        """Ids by login, at most 100 at a time. Logins that nobody has are absent."""
        answer = self._get("users", [("login", login) for login in logins])
        try:
            return {str(row["login"]): str(row["id"]) for row in answer}
        except KeyError as lacking:
            raise TryLater(f"GET users: a row of the answer lacks {lacking}") from None

    def color(self, user_id: str) -> str | None:
        """The current chat color as ``#rrggbb``, ``None`` if it was never chosen."""
        rows = self._get("chat/color", [("user_id", user_id)])
        color = str(rows[0].get("color")).lower() if rows else ""
        return color if HEX.fullmatch(color) else None

    def change_color(self, user_id: str, color: str) -> None:
        """Set a named color or ``#rrggbb``. Raises ``ColorRefused``."""
        self._color_request.url = f"{self._url}/chat/color?user_id={user_id}&color={quote(color, safe='')}"
        response = self._send(self._color_request)
        if response.status_code == 400:
            raise ColorRefused(message_of(response))
        if response.status_code not in {200, 204}:
            raise TryLater(f"{message_of(response)} (HTTP {response.status_code})")

    def subscribe(self, kind: str, version: str, condition: dict[str, str], session: str) -> Subscribed:
        """Ask for one kind of event on a WebSocket session. An existing subscription (409) is a yes."""
        body = {
            "type": kind,
            "version": version,
            "condition": condition,
            "transport": {"method": "websocket", "session_id": session},
        }
        response = self._send(self._build("POST", "eventsub/subscriptions", body=body))
        match response.status_code:
            case 202 | 409:
                return Subscribed.YES
            case 403:
                return Subscribed.NO_ACCESS
            case 429:
                return Subscribed.NO_ROOM
            case 400:
                return Subscribed.NO_SESSION if "session" in message_of(response) else Subscribed.NO_SUCH_USER
            case status:
                raise TryLater(f"{message_of(response)} (HTTP {status})")

    def _get(self, path: str, params: list[tuple[str, str]]) -> list[dict[str, Any]]:
        response = self._send(self._build("GET", path, params=params))
        if response.status_code != 200:
            raise TryLater(f"{message_of(response)} (HTTP {response.status_code})")
        rows = json_object(response).get("data")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise TryLater(f"GET {path}: the answer has no list `data`")
        return rows

    def _build(
        self,
        method: str,
        path: str,
        *,
        params: list[tuple[str, str]] | None = None,
        body: object = None,
    ) -> requests.PreparedRequest:
        headers = {"Client-Id": self._client_id}
        return build(method, f"{self._url}/{path}", headers=headers, params=params, body=body)

    def _send(self, request: requests.PreparedRequest) -> requests.Response:
        """Send with the current token; once more with a fresh one if Twitch no longer knows it."""
        wait = self._not_before - time.monotonic()
        if wait > 0:
            raise RateLimited(wait)
        response = self._send_signed(request)
        if response.status_code == 401:
            self._access.refresh()
            response = self._send_signed(request)
            if response.status_code == 401:
                self._refused += 1
                refusal = f"Twitch refuses a fresh token ({message_of(response)})"
                raise (SignInNeeded if self._refused >= FRESH_TOKENS_REFUSED else TryLater)(refusal)
        self._refused = 0
        # A 429 with points left is not the bucket: waiting for its reset would not help.
        if response.status_code == 429 and response.headers.get("Ratelimit-Remaining", "0") == "0":
            wait = _until_reset(response)
            self._not_before = time.monotonic() + wait
            raise RateLimited(wait)
        return response

    def _send_signed(self, request: requests.PreparedRequest) -> requests.Response:
        request.headers["Authorization"] = self._access.bearer
        return self._http.send(request)


def _until_reset(response: requests.Response) -> float:
    """Seconds until the bucket is full again, by the server's own clock: ours may be wrong by hours."""
    try:
        reset = float(response.headers["Ratelimit-Reset"])
        there = parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return BUCKET_SECONDS
    return min(max(reset - there, 1.0), LONGEST_WAIT_SECONDS)
