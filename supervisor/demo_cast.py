"""Who plays in the demo, and how the sandbox and the configuration are told of them."""

import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CLIENT_ID = "streamroost-demo"
SCOPES = ["user:read:chat", "user:manage:chat_color"]  # what the color job asks for
KILL_EVERY_SECONDS = 20.0
APPROVAL_SECONDS = 5.0
MESSAGES_PER_SECOND = 6.0
ANSWER_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Player:
    login: str
    turbo: bool
    color: Mapping[str, Any]
    signed_in: bool = True
    killed: bool = False


CAST = (
    Player(login="alice", turbo=True, color={"mode": "random"}),
    Player(login="bob", turbo=False, color={"mode": "random"}),
    Player(login="carol", turbo=True, color={"mode": "rainbow"}, killed=True),
    Player(
        login="dave",
        turbo=True,
        color={"mode": "list", "colors": ["#ff7f50", "#1e90ff", "#9acd32", "#da70d6"]},
        signed_in=False,
    ),
)
KILLED = {player.login for player in CAST if player.killed}


class SandboxRefused(Exception):
    """The sandbox answered with an error; the text is its own."""


class Sandbox:
    """The sandbox's control API, over one connection to loopback."""

    def __init__(self, control_url: str) -> None:
        address = urlsplit(control_url)
        self._prefix = address.path
        self._http = http.client.HTTPConnection(address.netloc, timeout=ANSWER_SECONDS)

    def tell(self, path: str, **fields: object) -> dict[str, Any]:
        """Raises ``SandboxRefused`` and ``OSError``."""
        body, headers = json.dumps(fields), {"Content-Type": "application/json"}
        self._http.request("POST", self._prefix + path, body, headers)
        response = self._http.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        if response.status >= 400:
            raise SandboxRefused(f"{path}: {answer}")
        return answer

    def close(self) -> None:
        self._http.close()


def enter(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """Make everybody known and let them talk. The tokens of those who are signed in, by login."""
    logins = [player.login for player in CAST]
    sandbox.tell("/clients", client_id=CLIENT_ID)
    # Twitch's own five seconds between two looks would only make the onlooker wait.
    sandbox.tell("/settings", device_interval=1.0)
    tokens = {}
    for player in CAST:
        sandbox.tell("/users", login=player.login, turbo=player.turbo)
        if player.signed_in:
            tokens[player.login] = sandbox.tell(
                "/tokens", login=player.login, client_id=CLIENT_ID, scopes=SCOPES
            )
        else:
            sandbox.tell("/devices/auto", login=player.login, after_seconds=APPROVAL_SECONDS)
    sandbox.tell("/simulation", channels=logins, users=logins, per_second=MESSAGES_PER_SECOND)
    return tokens


def configuration(
    addresses: Mapping[str, str], tokens: Mapping[str, Mapping[str, Any]], folder: Path
) -> dict[str, Any]:
    """What a supervisor must know to serve the cast: the content of a roost.json."""
    return {
        "supervisor": {
            "state_dir": str(folder / "state"),
            "runtime_dir": str(folder / "run"),
            "grace_seconds": 0.5,  # the curtain falls within two seconds
        },
        "twitch": {
            "client_id": CLIENT_ID,
            **{key: addresses[key] for key in ("oauth_url", "helix_url", "eventsub_url")},
        },
        "users": [_user(player, tokens.get(player.login)) for player in CAST],
    }


def _user(player: Player, tokens: Mapping[str, Any] | None) -> dict[str, Any]:
    user = {
        "username": player.login,
        "channels": [each.login for each in CAST],
        "color": dict(player.color),
    }
    if tokens is not None:
        user["seed"] = {key: tokens[key] for key in ("access_token", "refresh_token")}
    return user


def summary(rows: Iterable[Mapping[str, Any]], seconds: float, kills: int) -> str:
    """What has happened, in one line, from the last status rows."""
    rows = list(rows)
    changes = sum(row["counters"].get("changes", 0) for row in rows)
    running = sum(row["state"] == "RUNNING" for row in rows)
    told = [
        f"{seconds:.0f} s",
        f"{changes} color change{'s' * (changes != 1)}",
        f"{kills} kill{'s' * (kills != 1)} survived",
        f"{running} of {len(CAST)} workers running",
    ]
    return f"demo: {', '.join(told)}"
