"""What every command is told: which configuration, how much to say, whether in color."""

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from supervisor.client import Client
    from supervisor.rendering import Paint


@dataclass(frozen=True, kw_only=True)
class Invocation:
    config: Path | None = None
    quiet: bool = False
    color: str = "auto"

    def supervisor(self) -> "Client":
        """A connection to the running supervisor. Raises ``NotThere`` if there is none."""
        from supervisor.client import Client, running_on  # noqa: PLC0415  `roost --help` needs no socket
        from supervisor.places import NoTelling, control_socket  # noqa: PLC0415

        try:
            return Client(control_socket(self.config, os.environ))
        except NoTelling as doubt:
            if found := running_on(doubt.file, doubt.guesses):
                return found
            raise

    def say(self, text: str) -> None:
        """Print for a person; --quiet silences it. What scripts read goes through ``click.echo``."""
        if not self.quiet:
            click.echo(text, color=True)  # the painting, or not, was decided by `paint`

    @property
    def paint(self) -> "Paint":
        """How to color: https://no-color.org, unless --color says otherwise."""
        from supervisor import rendering  # noqa: PLC0415

        if self.color == "auto":
            silenced = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
            return rendering.in_color if on_terminal() and not silenced else rendering.plain
        return rendering.in_color if self.color == "always" else rendering.plain


configuration_option = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The configuration. Default: $ROOST_CONFIG, ./roost.toml, then ~/.config and /etc/streamroost.",
)


def about_a_configuration(function: Callable[..., None]) -> Callable[..., None]:
    """Pass the ``Invocation`` to a command, and let --config stand behind its name, too."""

    @configuration_option
    @click.pass_obj
    @functools.wraps(function)
    def command(call: Invocation, /, *, config: Path | None, **said: Any) -> None:
        function(replace(call, config=config or call.config), **said)

    return command


def on_terminal() -> bool:
    return sys.stdout.isatty()
