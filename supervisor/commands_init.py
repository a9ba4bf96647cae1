"""`roost init`: ask a few questions, write a configuration, say what comes next."""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar, get_args

import click
from pydantic import TypeAdapter, ValidationError

from shared.settings import ClientId, Color, User
from supervisor.config_faults import explain
from supervisor.faults import CommandFault
from supervisor.invocation import Invocation

MODES = [mode for mode in get_args(Color.model_fields["mode"].annotation) if mode != "list"]

REGISTER = """\
Twitch must know the application that acts in your name. Register one, as a public client, at
    https://dev.twitch.tv/console/apps
with any name, the redirect http://localhost and the category Chat Bot, and copy its client id.
"""

HEAD = """\
# Streamroost. All keys: `roost config schema`. All faults: `roost config check`.
# Tokens are not kept here: `roost sign-in USER` fetches them.

[twitch]
client_id = {client_id}
# client_secret_file = "twitch.secret"   # only if the application is a confidential one
"""

USER = """
[[users]]
username = {username}
channels = {channels}   # where this user's own messages change the color
color = {{ mode = {mode} }}   # random and rainbow need Turbo or Prime, and else fall back to presets
"""

Answer = TypeVar("Answer")


@click.command()
@click.option("--client-id", metavar="ID", help="Of the application registered with Twitch.")
@click.option("--username", "usernames", multiple=True, metavar="LOGIN", help="Whom to serve; repeatable.")
@click.option("--channel", "channels", multiple=True, metavar="LOGIN", help="Where; else the user's own.")
@click.option("--color-mode", type=click.Choice(MODES), help="Where colors come from; else random.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("roost.toml"),
    metavar="FILE",
    help="What to write; else roost.toml.",
)
@click.pass_obj
def init(
    call: Invocation,
    *,
    client_id: str | None,
    usernames: tuple[str, ...],
    channels: tuple[str, ...],
    color_mode: str | None,
    output: Path,
) -> None:
    """Write a configuration. Asks what --client-id and --username leave open; overwrites nothing."""
    asks = client_id is None or not usernames
    if asks and not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask: give --client-id and --username")
    _refuse_what_cannot_be_written(output)
    if client_id is None:
        click.echo(REGISTER)
    id_ = _answer(client_id, "Client id", _client_id)
    logins = _answer(" ".join(usernames) or None, "Usernames, with spaces between", _logins)
    users = []
    for login in logins:
        own = " ".join(channels) or (None if asks else login)
        where = _answer(own, f"Channels where {login} chats", _logins, default=login)
        mode = color_mode or ("random" if not asks else _ask_mode(login))
        users.append((login, where, mode))
    _write(output, "".join(_rendered(id_, users)))
    call.say(_next_steps(output, logins))


def _refuse_what_cannot_be_written(path: Path) -> None:
    """Before the questions: nobody likes to have answered them in vain. The writing itself makes sure."""
    folder = path.parent
    if os.path.lexists(path):
        raise _is_there(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(path, os.strerror(errno.EACCES if os.access(folder, os.F_OK) else errno.ENOENT))


def _answer(
    given: str | None, question: str, parse: Callable[[str], Answer], default: str | None = None
) -> Answer:
    """What an option gave, or else a person; who is asked again until the answer is good."""
    if given is not None:
        return parse(given)
    answer: Answer = click.prompt(question, default=default, value_proc=parse)
    return answer


def _ask_mode(login: str) -> str:
    mode: str = click.prompt(f"Colors for {login}", type=click.Choice(MODES), default="random")
    return mode


def _client_id(text: str) -> str:
    try:
        return TypeAdapter[str](ClientId).validate_python(text)
    except ValidationError as wrong:
        raise click.UsageError(explain(wrong.errors()[0], ("twitch", "client_id"))) from None


def _logins(text: str) -> list[str]:
    """Logins as the configuration will know them, with commas or spaces between."""
    logins: list[str] = []
    for word in text.replace(",", " ").split():
        try:
            logins.append(User(username=word).username)
        except ValidationError as wrong:
            raise click.UsageError(explain(wrong.errors()[0], ("users", 0, "username"))) from None
    if not logins:
        raise click.UsageError("name at least one")
    return list(dict.fromkeys(logins))


def _rendered(client_id: str, users: list[tuple[str, list[str], str]]) -> Iterator[str]:
    # A JSON string is a TOML string, too, and so is a list of them.
    yield HEAD.format(client_id=json.dumps(client_id))
    for login, channels, mode in users:
        yield USER.format(username=json.dumps(login), channels=json.dumps(channels), mode=json.dumps(mode))


def _write(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _is_there(path) from None
    except OSError as fault:
        raise _unwritable(path, fault.strerror) from fault


def _is_there(path: Path) -> CommandFault:
    return CommandFault(f"{path}: is there already: edit it, or name another file with --output")


def _unwritable(path: Path, why: str | None) -> CommandFault:
    return CommandFault(f"{path}: {why}: name another place with --output")


def _next_steps(path: Path, logins: list[str]) -> str:
    roost = "roost" if path == Path("roost.toml") else f"roost --config {path}"
    sign_ins = "\n".join(f"    {roost} sign-in {login}" for login in logins)
    return f"Wrote {path}. Next, in two terminals:\n    {roost} run\n{sign_ins}"
