"""`roost tail`: the log, for people or as it is."""

import json
from collections import deque
from typing import Any

import click

from supervisor import rendering
from supervisor.faults import NotThere
from supervisor.invocation import Invocation, about_a_configuration

MOST_LINES = 10_000  # what the supervisor gives at once


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…|all")
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option(
    "--lines", "-n", type=click.IntRange(0, MOST_LINES), default=20, help="How many to begin with: 20."
)
@click.option(
    "--level", type=click.Choice(rendering.LEVELS), default="debug", help="Nothing below this level."
)
@click.option("--json", "as_json", is_flag=True, help="The records as they were written, one a line.")
@about_a_configuration
def tail(
    call: Invocation, *, names: tuple[str, ...], follow: bool, lines: int, level: str, as_json: bool
) -> None:
    """Show the newest records of workers' logs; `all` shows the supervisor's own, too."""
    enough = lines if level == "debug" else MOST_LINES  # those below the level lie between those we want
    try:
        with call.supervisor() as supervisor:
            recent = supervisor.tail(names, enough, follow=follow)
            for line in deque((line for line in recent if _reaches(level, line)), maxlen=lines):
                _show(call, line, as_json)
            if not follow:
                return
            for line in supervisor.news():
                if _reaches(level, line):
                    _show(call, line, as_json)
    except KeyboardInterrupt:
        return
    raise NotThere("the supervisor has ended: what follows will be in the next one's log")


def _reaches(level: str, line: bytes) -> bool:
    """Whether a record is of ``level`` or above; what has no level is not ours to leave out."""
    if level == "debug":
        return True
    found = _parsed(line).get("level")
    return found not in rendering.LEVELS or rendering.LEVELS.index(found) >= rendering.LEVELS.index(level)


def _show(call: Invocation, line: bytes, as_json: bool) -> None:
    if as_json:
        click.echo(line, nl=False)
        return
    for text in rendering.log_lines(_parsed(line), call.paint):
        click.echo(text, color=True)


def _parsed(line: bytes) -> dict[str, Any]:
    """A record, or a stand-in for a line that is none, such as the torn last words of a killed worker."""
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    return record if isinstance(record, dict) else {"event": line.decode(errors="replace").rstrip("\n")}
