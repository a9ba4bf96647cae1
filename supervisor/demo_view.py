"""What the demo shows: a screen for a terminal, lines for everything else.

Pure. Made for 80 to 160 columns; what does not fit is cut, never wrapped.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Column, Table
from rich.text import Text

from supervisor.demo_cast import CAST, KILL_EVERY_SECONDS, Player
from supervisor.rendering import duration, safe

LINES_BESIDE_THE_LOG = 9  # and the rows, and a note for each
FEWEST_LOG_LINES = 3

STATE_STYLE = {
    "RUNNING": "bold green",
    "STARTING": "cyan",
    "STOPPING": "cyan",
    "BACKOFF": "bold yellow",
    "EXITED": "yellow",
    "FATAL": "bold red",
    "STOPPED": "dim",
}
LEVEL_STYLE = {"debug": "dim", "warning": "yellow", "error": "bold red", "critical": "bold red"}
NOT_FACTS = {"ts", "level", "event", "worker", "pid", "traceback"}

Row = Mapping[str, Any]

TITLE = " Streamroost demo "
INTRODUCTION = (
    "Four streamers, one worker process each; the built-in sandbox plays Twitch.",
    "Whenever one of the four says something in a chat, that name changes its color.",
)


def screen(
    rows: Sequence[Row], log: Sequence[Row], *, now: float, next_kill_in: float, lines: int
) -> RenderableType:
    """All of it, for a terminal of so many ``lines``; ``now`` in Unix seconds."""
    room = max(FEWEST_LOG_LINES, lines - LINES_BESIDE_THE_LOG - 2 * len(rows))
    return Group(
        _heading(),
        _table(rows),
        Text(),
        *(_one_line(row["name"], note(player, row, next_kill_in)) for player, row in _played(rows)),
        Text(),
        Rule("log", style="dim", align="left"),
        *(log_line(record) for record in list(log)[-room:]),
    )


def note(player: Player, row: Row, next_kill_in: float) -> Text:
    """What this user is there to show, and how far it has come."""
    if player.killed:
        return Text(
            f"is killed (kill -9) every {KILL_EVERY_SECONDS:.0f} s and replaced; next in {next_kill_in:.0f} s"
        )
    if not player.signed_in:
        return _sign_in_note(row)
    if player.turbo:
        return Text("has Turbo: any color, picked at random")
    if row["facts"].get("hex_allowed", True):
        return Text("has no Turbo: Twitch refuses free colors, and will be asked only twice")
    return Text("has no Turbo: free colors were refused twice, so it is presets now")


def _sign_in_note(row: Row) -> Text:
    if wanted := row["sign_in"]:
        note = Text("has to sign in with the code ").append(safe(wanted["code"]), "bold")
        return note.append("; the sandbox confirms it soon")
    if row["phase"] == "listening":
        return Text("had to sign in with a code; the sandbox has confirmed it")
    return Text("has to sign in, with a code that a person confirms")


def log_line(record: Row) -> Text:
    """One record, short enough to be read in passing."""
    line = Text()
    line.append(_clock(record), "dim")
    line.append(f"  {safe(str(record.get('worker', ''))):<10} ", "bold")
    line.append(safe(str(record.get("event", ""))), LEVEL_STYLE.get(str(record.get("level")), ""))
    for key, value in record.items():
        if key not in NOT_FACTS and not (key == "user" and value == record.get("worker")):
            text = safe(value if isinstance(value, str) else json.dumps(value))
            line.append(f"  {safe(key)}=", "dim").append(text, text if _is_color(text) else "")
    return _cut(line)


def _played(rows: Iterable[Row]) -> list[tuple[Player, Row]]:
    players = {player.login: player for player in CAST}
    return [(players[row["name"]], row) for row in rows if row["name"] in players]


def _heading() -> RenderableType:
    title = Text.assemble((TITLE, "bold reverse"), ("   Ctrl-C ends it and leaves nothing behind", "dim"))
    return Group(title, Text(), *(_cut(Text(line)) for line in INTRODUCTION), Text())


def _table(rows: Iterable[Row]) -> Table:
    table = Table(
        Column("USER", style="bold"),
        Column("STATE", min_width=8),
        Column("PHASE", min_width=12),
        Column("PID", justify="right", min_width=7),
        Column("UPTIME", justify="right", min_width=8),
        Column("RESTARTS", justify="right"),
        Column("CHANGES", justify="right"),
        Column("LAST COLOR", min_width=10),
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        header_style="dim",
    )
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> list[RenderableType]:
    return [
        safe(row["name"]),
        Text(row["state"], STATE_STYLE.get(row["state"], "")),
        safe(row["phase"] or "–"),
        "–" if row["pid"] is None else str(row["pid"]),
        _life(row),
        str(row["restarts"]),
        str(row["counters"].get("changes", 0)),
        _swatch(row["facts"].get("last_color")),
    ]


def _life(row: Row) -> str:
    if row["next_start_in"] is not None:
        return f"in {row['next_start_in']:.1f} s"
    return "–" if row["uptime"] is None else duration(row["uptime"])


def _swatch(color: object) -> Text:
    if not isinstance(color, str) or not _is_color(color):
        return Text("–", "dim")
    return Text("██ ", color).append(color, "default")


def _is_color(text: str) -> bool:
    return len(text) == 7 and text[0] == "#" and all(digit in "0123456789abcdefABCDEF" for digit in text[1:])


def _one_line(name: str, text: Text) -> Text:
    return _cut(Text.assemble((f"{safe(name):<7}", "bold"), text))


def _cut(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _clock(record: Row) -> str:
    """The record's time of day, where we are."""
    try:
        return datetime.fromisoformat(str(record.get("ts"))).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return "--:--:--"
