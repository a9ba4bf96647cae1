"""`roost start`, `stop`, `restart`, `reload` and `shutdown`: orders, each followed to its end."""

import time
from collections.abc import Mapping
from typing import Any

import click

from shared.errors import ConfigurationFault
from supervisor import rendering, settling
from supervisor.client import Client
from supervisor.faults import CommandFault, NotRunning
from supervisor.invocation import Invocation, about_a_configuration
from supervisor.settling import Judgement, Outcome, Row

MARGIN_SECONDS = 20.0  # above what the supervisor's own rules allow: a cold forkserver, a slow machine
FIRST_LOOK_SECONDS = 0.05  # the supervisor's loop has turned by then
LONGEST_PAUSE_SECONDS = 0.5


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…|all")
@about_a_configuration
def start(call: Invocation, names: tuple[str, ...]) -> None:
    """Start workers and wait until they run."""
    _order(call, "start", names, settling.started, NotRunning.code)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…|all")
@about_a_configuration
def stop(call: Invocation, names: tuple[str, ...]) -> None:
    """Stop workers; they stay down until they are started again."""
    _order(call, "stop", names, settling.stopped, CommandFault.code)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…|all")
@about_a_configuration
def restart(call: Invocation, names: tuple[str, ...]) -> None:
    """Stop and start workers, and wait until they run again."""
    _order(call, "restart", names, settling.restarted, NotRunning.code)


@click.command()
@about_a_configuration
def reload(call: Invocation) -> None:
    """Re-read the configuration. Only what changed restarts; a faulty one changes nothing."""
    with call.supervisor() as supervisor:
        before = _by_name(supervisor)
        answer = supervisor.ask("reload")["reload"]
        for fault in answer["faults"]:
            click.echo(f"roost: {fault}", err=True)
        if not answer["ok"]:
            raise ConfigurationFault("nothing was changed: correct the above, then `roost reload` again")
        judgements: dict[str, Judgement] = {
            **dict.fromkeys(answer["started"], settling.started),
            **dict.fromkeys(answer["stopped"], settling.stopped),
            **dict.fromkeys(answer["restarted"], settling.restarted),
        }
        call.say(f"reloaded: {len(judgements)} changed, {answer['kept']} unchanged")
        good = _follow_to_the_end(call, supervisor, judgements, before)
    if not good:
        raise click.exceptions.Exit(NotRunning.code)


@click.command()
@about_a_configuration
def shutdown(call: Invocation) -> None:
    """Stop every worker and the supervisor, and wait until it is gone."""
    with call.supervisor() as supervisor:
        patience = _patience(supervisor)
        supervisor.ask("shutdown")
        if not supervisor.hung_up(patience):
            raise CommandFault(f"still stopping after {patience:.0f} s: see `roost status`")
    call.say("shut down")


def _order(call: Invocation, op: str, names: tuple[str, ...], judgement: Judgement, code: int) -> None:
    with call.supervisor() as supervisor:
        before = {row["name"]: row for row in supervisor.status(names)}
        for name in before:
            supervisor.ask(op, name=name)
        good = _follow_to_the_end(call, supervisor, dict.fromkeys(before, judgement), before)
    if not good:
        raise click.exceptions.Exit(code)


def _patience(supervisor: Client) -> float:
    """Seconds in which every worker must have left, and its next one be ready, or something is wrong."""
    rules = supervisor.ask("info")  # one that is older than we are does not tell
    grace: float = rules.get("grace_seconds", 10.0)
    start_deadline: float = rules.get("start_deadline_seconds", 20.0)
    return grace + start_deadline + MARGIN_SECONDS


def _by_name(supervisor: Client) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in supervisor.status(())}


def _follow_to_the_end(
    call: Invocation, supervisor: Client, judgements: Mapping[str, Judgement], before: Mapping[str, Row]
) -> bool:
    """Say of each worker how its order ended, in the order in which they end; whether all ended well."""
    waiting = dict(judgements)
    good = True
    give_up_at = time.monotonic() + _patience(supervisor)
    pause = FIRST_LOOK_SECONDS
    while waiting:
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
        late = time.monotonic() > give_up_at
        now = _by_name(supervisor)
        for name, judgement in list(waiting.items()):
            outcome = judgement(before.get(name), now.get(name))
            if outcome is None and late:
                outcome = Outcome(False, f"ERROR (still {now[name]['state']}: see `roost tail {name}`)")
            if outcome is not None:
                del waiting[name]
                good &= outcome.good
                _report(call, name, outcome)
    return good


def _report(call: Invocation, name: str, outcome: Outcome) -> None:
    line = f"{rendering.safe(name)}: {rendering.safe(outcome.text)}"
    if outcome.good:
        call.say(line)
    else:
        click.echo(line, err=True)
