"""`roost run`, which becomes the supervisor, and `roost sandbox`, which becomes the sandbox."""

import os
import sys
from importlib import metadata

import click

from shared.errors import ConfigurationFault
from supervisor.invocation import Invocation

OUR_DISTRIBUTION = "streamroost"


@click.command()
@click.pass_obj
def run(call: Invocation) -> None:
    """Keep every enabled user's worker alive until SIGTERM, Ctrl-C or `roost shutdown`."""
    refuse_a_shared_package()
    raise NotImplementedError


def refuse_a_shared_package() -> None:
    """Raise ``ConfigurationFault`` if another distribution has put its files among ours."""
    others = sorted(
        distribution.name
        for distribution in metadata.distributions()
        # packages_distributions() would tell this of every package, in five times the time.
        if "\nsupervisor/" in f"\n{distribution.read_text('RECORD')}"
        and distribution.name != OUR_DISTRIBUTION
    )
    if others:
        raise ConfigurationFault(
            f"the package `supervisor` also belongs to {', '.join(others)}, whose files lie among ours: "
            f"`pip uninstall {others[0]} {OUR_DISTRIBUTION}`, then install each in its own environment"
        )


@click.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": [],
    }
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run the stand-in for Twitch alone, for a client of your own."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "sandbox", *arguments])  # noqa: S606
