"""Reading the JSON file of the older color changer as if it were one of ours.

    {"users": [{"username": "alice", "client_id": "…", "client_secret": "…", "channels": ["alice"],
                "is_prime_or_turbo": true, "enabled": true,
                "access_token": "…", "refresh_token": "…", "token_expiry": "2026-05-01T12:00:00"}]}

or a single such user at the top. Pure, and it never writes the file: what the older program kept in
it, its tokens, is taken over by the user's worker once.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.settings import PLACEHOLDER

ONLY_THERE = frozenset({"is_prime_or_turbo", "access_token", "refresh_token", "token_expiry"})
MAY_BE_EMPTY = ("client_id", "client_secret", "access_token", "refresh_token", "channels")


def modernised(tree: dict[str, Any]) -> dict[str, Any]:
    """``tree`` in the form of today; the same if it is of today already. Expects that it came from JSON."""
    if "username" in tree:
        tree = {"users": [tree]}
    users = tree.get("users")
    if not isinstance(users, list):
        return tree
    return {**tree, "users": [_user(user) if _is_older(user) else user for user in users]}


def _is_older(user: object) -> bool:
    return isinstance(user, dict) and not ONLY_THERE.isdisjoint(user)


def _user(older: Mapping[str, Any]) -> dict[str, Any]:
    user = {key: value for key, value in older.items() if key not in MAY_BE_EMPTY or value}
    turbo = user.pop("is_prime_or_turbo", True)
    user.setdefault("color", {"mode": "random" if turbo else "presets"})
    tokens = {key: user.pop(key, None) for key in ("access_token", "refresh_token")}
    expires_at = _unix_seconds(user.pop("token_expiry", None))
    seed = {key: token for key, token in tokens.items() if token and not _is_placeholder(token)}
    if seed:
        user["seed"] = {**seed, "expires_at": expires_at}
    return user


def _is_placeholder(token: object) -> bool:
    return isinstance(token, str) and PLACEHOLDER.search(token) is not None


def _unix_seconds(expiry: object) -> float | None:
    """``None`` for what cannot be read: a program wrote it, and the platform knows better anyway."""
    if isinstance(expiry, bool):
        return None
    try:
        if isinstance(expiry, int | float):
            return float(expiry) if math.isfinite(expiry) else None
        moment = datetime.fromisoformat(str(expiry))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
