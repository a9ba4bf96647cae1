"""What an operator sees: status rows and log records as lines of text.

Pure. Everything a worker says is laid bare of control characters: words from a chat must not drive
the operator's terminal.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any

RED, GREEN, YELLOW, BLUE, CYAN, BOLD, DIM = "31", "32", "33", "34", "36", "1", "2"

STATE_STYLE = {
    "RUNNING": GREEN,
    "STARTING": CYAN,
    "STOPPING": CYAN,
    "BACKOFF": YELLOW,
    "FATAL": RED,
    "EXITED": YELLOW,
    "STOPPED": DIM,
}
LEVEL_STYLE = {"debug": DIM, "info": BLUE, "warning": YELLOW, "error": RED, "critical": RED}
LEVELS = tuple(LEVEL_STYLE)

NOT_FACTS = frozenset({"ts", "level", "event", "worker", "pid", "traceback"})
# Also what turns the direction of text round, and halves of characters, which cannot be printed.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
PAINT = re.compile(r"(\x1b\[\d+m)")
NOBODY = "nobody: the configuration has no enabled user"
PLAIN_VALUE = re.compile(r"[^\s=\"']+")

Paint = Callable[[str, str], str]


def in_color(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m"


def plain(text: str, style: str) -> str:
    return text


def duration(seconds: float) -> str:
    """As supervisorctl writes an uptime: 3:12:07, and 2d 3:12:07."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return (f"{days}d " if days else "") + f"{hour}:{minute:02d}:{second:02d}"


def age(seconds: float) -> str:
    """One number and one letter: 12s, 3m, 2h, 5d."""
    whole = max(0, int(seconds))
    for letter, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if whole >= size:
            return f"{whole // size}{letter}"
    return f"{whole}s"


def status_lines(rows: Iterable[Mapping[str, Any]], now: float, paint: Paint = plain) -> list[str]:
    """One line a worker, in columns; ``now`` in Unix seconds."""
    table = [(safe(row["name"]), row["state"], _life(row), _work(row, now)) for row in rows]
    name_width, state_width, life_width = (max((len(line[i]) for line in table), default=0) for i in range(3))
    lines = []
    for name, state, life, work in table:
        painted = paint(state.ljust(state_width), STATE_STYLE.get(state, BOLD))
        lines.append(f"{name:{name_width}}   {painted}   {life:{life_width}}   {work}".rstrip())
    return lines or [NOBODY]


def _life(row: Mapping[str, Any]) -> str:
    parts = []
    if row["pid"] is not None:
        parts.append(f"pid {row['pid']}")
    if row["uptime"] is not None:
        parts.append(f"uptime {duration(row['uptime'])}")
    if row["next_start_in"] is not None:
        parts.append(f"next start in {age(row['next_start_in'])}")
    return ", ".join(parts)


def _work(row: Mapping[str, Any], now: float) -> str:
    if sign_in := row["sign_in"]:
        return _sign_in(sign_in, now)
    if row["pid"] is None:
        return safe(row["reason"] or row["exit"] or "")
    phase, detail = safe(row["phase"] or ""), safe(row["detail"] or "")
    work = detail if detail.startswith(phase) else ", ".join(filter(None, (phase, detail)))
    if work and row["detail_at"] is not None:
        work += f" {age(now - row['detail_at'])} ago"
    return work


def _sign_in(sign_in: Mapping[str, Any], now: float) -> str:
    url, code, left = safe(sign_in["url"]), safe(sign_in["code"]), sign_in["expires_at"] - now
    if left <= 0:
        return f"the code {code} has expired, a new one is on its way"
    why = f" ({safe(sign_in['why'])})" if sign_in["why"] else ""
    return f"sign in at {url} with code {code}, within {age(left)}{why}"


def log_lines(record: Mapping[str, Any], paint: Paint = plain, zone: tzinfo | None = None) -> Iterator[str]:
    """One record as a line, and its traceback as indented ones; ``zone`` defaults to the local one."""
    if "dropped" in record and "event" not in record:
        yield paint(
            f"… {safe(str(record['dropped']))} records are missing: they came faster than they were read",
            YELLOW,
        )
        return
    level = safe(str(record.get("level", "")))
    facts = " ".join(
        f"{paint(safe(str(key)), DIM)}={_value(value)}"
        for key, value in record.items()
        if key not in NOT_FACTS and not (key == "user" and value == record.get("worker"))
    )
    line = (
        f"{paint(_when(record.get('ts'), zone), DIM)} "
        f"{paint(level.upper().ljust(7), LEVEL_STYLE.get(level, BOLD))} "
        f"{safe(str(record.get('worker', ''))):<12} {safe(str(record.get('event', '')))}  {facts}"
    )
    yield line.rstrip()
    for trace in str(record.get("traceback", "")).splitlines():
        yield f"    {safe(trace)}"


def _when(ts: object, zone: tzinfo | None) -> str:
    if ts is None:
        return ""
    try:
        return datetime.fromisoformat(str(ts)).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        return safe(str(ts))


def _value(value: object) -> str:
    text = safe(str(value))
    return text if PLAIN_VALUE.fullmatch(text) else '"' + text.replace('"', "'") + '"'


def cut(line: str, width: int) -> str:
    """At most ``width`` visible characters of a painted line."""
    kept, visible = [], 0
    for piece in PAINT.split(line):
        if PAINT.fullmatch(piece):
            kept.append(piece)
        else:
            kept.append(piece[: width - visible])
            visible += len(kept[-1])
    return "".join(kept)


def safe(text: str) -> str:
    """``text`` with every control character replaced, so that it can only be read."""
    return CONTROL.sub("�", text)
