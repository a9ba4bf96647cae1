"""`roost status`, `pid` and `health`: questions, answered at once."""

import json
import shutil
import time
from collections.abc import Collection
from typing import Any

import click

from shared.errors import RoostError
from supervisor import rendering
from supervisor.client import Client
from supervisor.faults import NotRunning
from supervisor.invocation import Invocation, about_a_configuration, on_terminal

REDRAW_SECONDS = 1.0
HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]…")
@click.option("--json", "as_json", is_flag=True, help="A JSON list of workers, on one line.")
@click.option("--watch", is_flag=True, help="Draw it again every second, until Ctrl-C.")
@about_a_configuration
def status(call: Invocation, names: tuple[str, ...], as_json: bool, watch: bool) -> None:
    """Who is doing what. Exits with 3 if somebody asked about is not RUNNING."""
    with call.supervisor() as supervisor:
        if watch:
            _watch(call, supervisor, names, as_json)
            return
        rows = supervisor.status(names)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        for line in rendering.status_lines(rows, time.time(), call.paint):
            call.say(line)
    if any(row["state"] != "RUNNING" for row in rows):
        raise click.exceptions.Exit(NotRunning.code)


def _watch(call: Invocation, supervisor: Client, names: Collection[str], as_json: bool) -> None:
    redraw = on_terminal() and not as_json
    try:
        if redraw:
            click.echo(HOME + CLEAR_BELOW, nl=False)
        while True:
            rows = supervisor.status(names)
            if as_json:
                click.echo(json.dumps(rows, ensure_ascii=False))
            elif redraw:
                click.echo(_screen(call, rows), nl=False, color=True)
            else:
                click.echo(
                    "\n".join(rendering.status_lines(rows, time.time(), call.paint)) + "\n", color=True
                )
            time.sleep(REDRAW_SECONDS)
    except KeyboardInterrupt:
        return


def _screen(call: Invocation, rows: list[dict[str, Any]]) -> str:
    """The table over what was drawn before, cut to the window: a line that wraps would scroll it away."""
    size = shutil.get_terminal_size()
    lines = rendering.status_lines(rows, time.time(), call.paint)
    shown = [rendering.cut(line, size.columns) for line in lines[: size.lines - 1]]
    return HOME + "".join(f"{line}{CLEAR_LINE}\n" for line in shown) + CLEAR_BELOW


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Also version, start and configuration file.")
@about_a_configuration
def pid(call: Invocation, as_json: bool) -> None:
    """Print the supervisor's process id."""
    with call.supervisor() as supervisor:
        if as_json:
            facts = supervisor.ask("info")
            click.echo(json.dumps({key: facts[key] for key in ("pid", "version", "started_at", "config")}))
        else:
            click.echo(supervisor.ask("pid")["pid"])


@click.command()
@click.option("--json", "as_json", is_flag=True, help='{"healthy": …, "reason": …}')
@about_a_configuration
def health(call: Invocation, as_json: bool) -> None:
    """Exit with 0 if all is well, 1 if not, and say why in one line: for container health checks."""
    try:
        with call.supervisor() as supervisor:
            answer = supervisor.ask("health")
        healthy, reason = answer["healthy"], answer["reason"]
    except RoostError as fault:
        healthy, reason = False, str(fault)
    if as_json:
        click.echo(json.dumps({"healthy": healthy, "reason": reason}))
    else:
        call.say(rendering.safe(reason))
    if not healthy:
        raise click.exceptions.Exit(1)
