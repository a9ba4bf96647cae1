"""`roost sign-in` and `roost color`: what an operator does for one user."""

import time
from typing import Any

import click

from supervisor import rendering
from supervisor.client import Client
from supervisor.faults import CommandFault, NotRunning
from supervisor.invocation import Invocation, about_a_configuration

LOOK_SECONDS = 0.25
RESTING = {"FATAL", "EXITED", "STOPPED", "BACKOFF"}
# While a worker says one of these, nobody knows yet whether the platform accepts its user.
UNDECIDED = {"", "starting", "waiting", "validating", "signing-in"}


@click.command("sign-in")
@click.argument("user")
@about_a_configuration
def sign_in(call: Invocation, user: str) -> None:
    """Sign USER in: show the address to open and the code to enter there, and wait until it is done.

    Ctrl-C only ends the waiting: the code stays valid, and `roost status` shows it.
    """
    with call.supervisor() as supervisor:
        row = _row(supervisor, user)
        if _is_signed_in(row):
            call.say(f"{user}: already signed in ({rendering.safe(row['phase'])})")
            return
        if row["state"] in RESTING:
            supervisor.ask("start", name=user)
            time.sleep(LOOK_SECONDS)
        _wait_for_sign_in(call, supervisor, user)
    call.say(f"{user}: signed in")


def _wait_for_sign_in(call: Invocation, supervisor: Client, user: str) -> None:
    shown = None
    while not _is_signed_in(row := _row(supervisor, user)):
        wanted = row["sign_in"]
        if wanted and wanted["code"] != shown:
            if shown:
                click.echo(f"{user}: that code has expired; here is a new one")
            click.echo(_poster(user, wanted, call), color=True)
            shown = wanted["code"]
        if row["state"] in RESTING:
            reason = rendering.safe(row["reason"] or row["exit"] or "see its log")
            raise NotRunning(f"{user}: {row['state']} ({reason}): then try `roost sign-in {user}` again")
        time.sleep(LOOK_SECONDS)


def _poster(user: str, sign_in: dict[str, Any], call: Invocation) -> str:
    url, code = rendering.safe(sign_in["url"]), rendering.safe(sign_in["code"])
    why = f" ({rendering.safe(sign_in['why'])})" if sign_in["why"] else ""
    term = rendering.age(sign_in["expires_at"] - time.time())
    return (
        f"\n  {user} must sign in{why}\n\n"
        f"      1.  open    {call.paint(url, rendering.BOLD)}\n"
        f"      2.  enter   {call.paint(code, rendering.BOLD)}    within {term}\n"
    )


def _row(supervisor: Client, user: str) -> dict[str, Any]:
    return supervisor.status([user])[0]


def _is_signed_in(row: dict[str, Any]) -> bool:
    return row["state"] == "RUNNING" and not row["sign_in"] and (row["phase"] or "") not in UNDECIDED


@click.command()
@click.argument("user")
@click.argument("what", type=click.Choice(["on", "off", "set"]))
@click.argument("color", required=False)
@about_a_configuration
def color(call: Invocation, user: str, what: str, color: str | None) -> None:
    """Switch USER's color changes on or off, or set a color: a name, #rgb or #rrggbb."""
    if (color is None) is (what == "set"):
        raise click.UsageError("COLOR belongs to `set`: roost color alice set #1e90ff")
    with call.supervisor() as supervisor:
        args = [what] if color is None else [what, color]
        try:
            answer = supervisor.ask("do", name=user, action="color", args=args)
        except CommandFault as fault:
            raise type(fault)(
                f"{user}: {fault}" if fault.code == CommandFault.code else str(fault)
            ) from fault
    call.say(f"{user}: {rendering.safe(answer['text'])}")
