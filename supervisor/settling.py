"""When an order has come to its end, and what to say of it.

Pure: each judgement sees a worker's status row from before the order and the newest one (``None``:
no longer configured), and answers with an outcome, or with ``None`` while it is under way.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Outcome(NamedTuple):
    good: bool
    text: str


Judgement = Callable[[Row | None, Row | None], Outcome | None]


def started(before: Row | None, now: Row | None) -> Outcome | None:
    if now is None:
        return Outcome(False, "ERROR (no longer configured)")
    if now["state"] == "RUNNING":
        already = before is not None and before["state"] == "RUNNING" and before["pid"] == now["pid"]
        return Outcome(True, "already running" if already else f"started{_hint(now)}")
    return _failed(now)


def restarted(before: Row | None, now: Row | None) -> Outcome | None:
    if now is None:
        return Outcome(False, "ERROR (no longer configured)")
    if now["state"] == "RUNNING":
        is_old = before is not None and before["pid"] == now["pid"]
        return None if is_old else Outcome(True, f"restarted{_hint(now)}")
    return _failed(now)


def stopped(before: Row | None, now: Row | None) -> Outcome | None:
    if now is None:
        return Outcome(True, "stopped: no longer configured")
    if now["state"] not in {"STOPPED", "EXITED", "FATAL"}:
        return None
    already = before is not None and before["state"] == now["state"]
    return Outcome(True, "was not running" if already else "stopped")


def _failed(now: Row) -> Outcome | None:
    """Dying is not the end of the story, as it is started again; but it is the end of this order."""
    if now["state"] not in {"BACKOFF", "FATAL", "EXITED"}:
        return None
    return Outcome(False, f"ERROR ({now['reason'] or now['exit'] or now['state']})")


def _hint(now: Row) -> str:
    return f", waits for a sign-in: `roost sign-in {now['name']}`" if now["sign_in"] else ""
