"""`roost config`: check it, show it, print its schema. Nothing is changed, so anybody may run it."""

import json
import os
from collections.abc import Iterator
from typing import Any

import click
from pydantic import SecretStr

from shared.errors import ConfigurationFault
from shared.logs import HIDDEN
from shared.settings import Section, Settings
from supervisor.config import Loaded, examine
from supervisor.config_shape import KeyPath, schema, written
from supervisor.invocation import Invocation, about_a_configuration


@click.group()
def config() -> None:
    """Check or show the configuration, or print its schema."""


@config.command()
@about_a_configuration
def check(call: Invocation) -> None:
    """Name everything that is wrong, at once. Exits with 78 if anything is."""
    loaded = examine(call.config, os.environ)
    if loaded.rejected:
        raise ConfigurationFault("\n".join(rejected.reason for rejected in loaded.rejected))
    users = loaded.settings.users
    enabled = sum(user.enabled for user in users)
    call.say(f"{loaded.path or 'the environment'}: good: {len(users)} users, {enabled} of them enabled")


@config.command()
@click.option("--origin", is_flag=True, help="Where each value came from.")
@click.option("--json", "as_json", is_flag=True, help="An object with settings, rejected and origins.")
@about_a_configuration
def show(call: Invocation, origin: bool, as_json: bool) -> None:
    """Print every setting in force, defaults too; secrets stay hidden."""
    loaded = examine(call.config, os.environ)
    if as_json:
        click.echo(json.dumps(_as_object(loaded), ensure_ascii=False, indent=2))
        return
    for key, value in _flat(loaded.settings):
        line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
        click.echo(f"{line:<60}  # {loaded.origins[key]}" if origin else line)
    for rejected in loaded.rejected:
        click.echo(f"roost: {rejected.reason}", err=True)


@config.command("schema")
def schema_() -> None:
    """Print the JSON schema of the file, for an editor that completes and checks."""
    click.echo(json.dumps(schema(), indent=2))


def _as_object(loaded: Loaded) -> dict[str, Any]:
    return {
        "path": None if loaded.path is None else str(loaded.path),
        "settings": _shown(loaded.settings),
        "rejected": {rejected.name: rejected.reason for rejected in loaded.rejected},
        "origins": dict(loaded.origins),
    }


def _shown(value: object) -> Any:
    """Plain values for JSON, without one secret."""
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, Section):
        return {key: _shown(getattr(value, key)) for key in type(value).model_fields}
    if isinstance(value, tuple):
        return [_shown(part) for part in value]
    return value if isinstance(value, str | int | float | None) else str(value)


def _flat(settings: Settings) -> Iterator[tuple[str, Any]]:
    """A line for each key, users by name as in ``Loaded.origins``."""
    for key in Settings.model_fields:
        if key != "users":
            yield from _lines(getattr(settings, key), (key,))
    for user in settings.users:
        yield from _lines(user, ("users", user.username))


def _lines(section: Section, above: KeyPath) -> Iterator[tuple[str, Any]]:
    for key in type(section).model_fields:
        value = getattr(section, key)
        if isinstance(value, Section):
            yield from _lines(value, (*above, key))
        else:
            yield written((*above, key)), _shown(value)
