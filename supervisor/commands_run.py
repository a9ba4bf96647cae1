"""`roost run`, which becomes the supervisor, and `roost sandbox`, which becomes the sandbox."""

import os
import sys
from collections.abc import Mapping
from contextlib import closing
from importlib import metadata
from pathlib import Path

import click

from shared.errors import ConfigurationFault
from supervisor.invocation import Invocation, about_a_configuration

OUR_DISTRIBUTION = "streamroost"


@click.command()
@about_a_configuration
def run(call: Invocation) -> None:
    """Keep every enabled user's worker alive until SIGTERM, Ctrl-C or `roost shutdown`."""
    refuse_a_shared_package()
    sys.exit(supervise(call.config, dict(os.environ)))


def supervise(config: Path | None, environ: Mapping[str, str]) -> int:
    """Be the supervisor until told to stop; the exit code. Raises ``ConfigurationFault``.

    A reload reads ``environ`` again as it was at the start.
    """
    from supervisor.config import load  # noqa: PLC0415  half a second of imports that no other command needs
    from supervisor.control import ControlServer  # noqa: PLC0415
    from supervisor.journal import Journal  # noqa: PLC0415
    from supervisor.loop import Supervisor  # noqa: PLC0415
    from supervisor.nursery import Nursery  # noqa: PLC0415
    from supervisor.premises import Premises  # noqa: PLC0415

    loaded = load(config, environ)
    log = loaded.settings.supervisor.log
    premises = Premises(loaded.runtime_dir)  # before anything is started there
    with closing(Nursery(loaded.settings.twitch.ca_file, loaded.runtime_dir)) as nursery:
        nursery.open()  # its imports go on while we go on with ours
        with closing(Journal(log.file)) as journal:
            supervisor = Supervisor(loaded, lambda: load(config, environ), journal, nursery)
            server = ControlServer(supervisor, premises, journal.logger(log.level))
            # The server gives the place up, for the next supervisor: nothing of ours may be there by then.
            with closing(server), closing(nursery), closing(supervisor):
                return supervisor.run()


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
