"""The `roost` command: its options, its list of sub-commands, and how it ends.

Importing this loads click and the standard library only; each sub-command loads what it needs when
it is called. Errors we foresaw end in one line and an exit code of the manual, never a traceback.
"""

import importlib
from pathlib import Path
from typing import Any

import click

from shared.errors import RoostError
from supervisor.invocation import Invocation, configuration_option

INTERRUPTED = 130

# name: (where its command is, what `roost --help` says of it)
COMMANDS = {
    "run": ("supervisor.commands_run:run", "Keep every user's worker alive, in the foreground."),
    "demo": ("supervisor.demo:demo", "Everything against the built-in sandbox; no account needed."),
    "init": ("supervisor.commands_init:init", "Ask a few questions, write roost.toml."),
    "config": ("supervisor.commands_config:config", "Check or show the configuration, or print its schema."),
    "sign-in": ("supervisor.commands_user:sign_in", "Sign a user in: shows the address and the code."),
    "color": ("supervisor.commands_user:color", "Switch a user's color changes on or off, or set a color."),
    "status": ("supervisor.commands_status:status", "Who is doing what."),
    "tail": ("supervisor.commands_tail:tail", "Show the log."),
    "start": ("supervisor.commands_order:start", "Start workers."),
    "stop": ("supervisor.commands_order:stop", "Stop workers until they are started again."),
    "restart": ("supervisor.commands_order:restart", "Stop and start workers."),
    "reload": ("supervisor.commands_order:reload", "Re-read the configuration; only what changed restarts."),
    "shutdown": ("supervisor.commands_order:shutdown", "Stop every worker and the supervisor."),
    "pid": ("supervisor.commands_status:pid", "Print the supervisor's process id."),
    "health": ("supervisor.commands_status:health", "Exit with 0 if all is well, 1 if not."),
    "sandbox": ("supervisor.commands_run:sandbox", "Run the stand-in for Twitch alone."),
}


class Commands(click.Group):
    """Sub-commands that are imported when called, and listed without being imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.Abort:  # at a question: the cursor stands behind it
            click.echo(err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
        except RoostError as fault:
            click.echo(f"roost: {fault}", err=True)
            raise click.exceptions.Exit(getattr(fault, "code", fault.exit)) from fault


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 all is well; 2 wrong usage; 3 something asked about is not RUNNING; "
    "4 no such name, or no supervisor; 78 the configuration must be changed.",
)
@configuration_option
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors and what was asked for as data.")
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Default: on a terminal, unless NO_COLOR is set.",
)
@click.version_option(package_name="streamroost", prog_name="roost", message="%(prog)s %(version)s")
@click.pass_context
def roost(ctx: click.Context, config: Path | None, quiet: bool, color: str) -> None:
    """Keep one worker process per streamer alive."""
    ctx.obj = Invocation(config=config, quiet=quiet, color=color)


def main() -> None:
    roost(prog_name="roost")
