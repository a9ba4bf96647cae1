"""`roost demo`: the whole of Streamroost against the built-in sandbox, for somebody who looks on.

It is a client of a real `roost run` like any other: what it shows came over the control socket.
One loop and one thread; outside that loop nothing waits but a few calls to the sandbox on loopback.
"""

import contextlib
import json
import os
import selectors
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import click

from shared import files
from supervisor import demo_cast as cast
from supervisor.demo_cast import summary
from supervisor.demo_stage import Stage
from supervisor.demo_wire import HungUp, Wire
from supervisor.faults import CommandFault
from supervisor.invocation import Invocation
from supervisor.signals import Signals
from supervisor.switchboard import Switchboard

if TYPE_CHECKING:
    from supervisor.demo_screen import Screen

LOOK_SECONDS = 0.25
KNOCK_SECONDS = 0.02
PATIENCE_SECONDS = 20.0  # until the supervisor answers, on a slow machine
LOG_LINES_KEPT = 100
ENDINGS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


@click.command()
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), metavar="N", help="End by itself after so long."
)
@click.pass_obj
def demo(call: Invocation, seconds: float | None) -> None:
    """Show everything at work against the built-in sandbox; no account is needed.

    Nothing outside a temporary folder is touched, and nothing stays: no process, no socket, no folder.
    """
    # The signals outlast the stage: a second Ctrl-C must not stop the clearing away.
    with Signals() as signals, Stage() as stage:
        address_line = stage.open_sandbox()
        from supervisor.demo_screen import screen_for  # noqa: PLC0415  loads while the sandbox does

        last_words = Play(stage, screen_for(call), seconds).perform(signals, address_line)
    with if_anybody_looks():
        click.echo(last_words)


@contextlib.contextmanager
def if_anybody_looks() -> Iterator[None]:
    """Show something, and end without complaint if the terminal or the reader is gone.

    Standard output then leads nowhere: what is left in its buffer would fail once more at exit.
    """
    try:
        yield
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class Play:
    """From the sandbox's first words to the end. Raises ``CommandFault`` if a process leaves before that."""

    def __init__(self, stage: Stage, screen: "Screen", seconds: float | None) -> None:
        self._stage = stage
        self._screen = screen
        self._seconds = seconds
        self._board = Switchboard()
        self._wires: list[Wire] = []
        self._rows: list[dict[str, Any]] = []
        self._log: deque[dict[str, Any]] = deque(maxlen=LOG_LINES_KEPT)
        self._began_at = time.monotonic()
        self._kill_at = self._began_at + cast.KILL_EVERY_SECONDS
        self._kills = 0
        self._over = False

    def perform(self, signals: Signals, address_line: IO[bytes]) -> str:
        """Go on until the time is over or a signal ends it; then sum it up in one line."""
        self._watch(signals.fileno(), partial(self._obey, signals))
        self._watch(address_line.fileno(), partial(self._begin, address_line))
        self._board.call_at(self._began_at + PATIENCE_SECONDS, self._expect_an_answer)
        if self._seconds is not None:
            self._board.call_at(self._began_at + self._seconds, self._end)
        try:
            self._show(self._screen.open)
            while not self._over:
                self._board.wait()
                self._board.ring_the_due()
        finally:
            self._leave()
        return summary(self._rows, time.monotonic() - self._began_at, self._kills)

    def _begin(self, address_line: IO[bytes]) -> None:
        """The sandbox listens: tell it who plays, and start the supervisor."""
        self._board.unwatch(address_line.fileno())
        line = address_line.readline()
        if not line:
            raise CommandFault(self._stage.epitaph(self._stage.sandbox))
        addresses = json.loads(line)
        tokens = cast.enter(cast.Sandbox(addresses["control_url"]))
        configuration = self._stage.folder / "roost.json"
        content = cast.configuration(addresses, tokens, self._stage.folder)
        files.replace(configuration, json.dumps(content, indent=2).encode())
        self._stage.open_supervisor(configuration)
        self._knock()

    def _knock(self) -> None:
        """Until the supervisor answers the door: then one connection for questions, one for the log."""
        door = self._stage.folder / "run" / "control.sock"
        try:
            for heard in (self._look, self._note):
                wire = Wire(door)
                self._wires.append(wire)
                self._watch(wire.fileno(), partial(self._hear, wire, heard))
        except OSError:
            self._hang_up()
            self._later(KNOCK_SECONDS, self._knock)
            return
        self._wires[1].ask("tail", lines=LOG_LINES_KEPT, follow=True)
        self._ask()

    def _ask(self) -> None:
        self._wires[0].ask("status")
        self._later(LOOK_SECONDS, self._ask)

    def _hear(self, wire: Wire, heard: Callable[[dict[str, Any]], None]) -> None:
        try:
            for line in wire.lines():
                heard(json.loads(line))
        except HungUp:
            raise CommandFault(self._stage.epitaph(self._stage.supervisor)) from None

    def _look(self, answer: dict[str, Any]) -> None:
        """A fresh status: the moment to kill by, as its pids are still those of the living."""
        self._rows = answer["workers"]
        now = time.monotonic()
        if now >= self._kill_at:
            self._kill()
        self._show(self._screen.draw, self._rows, self._log, self._kill_at - now)

    def _note(self, record: dict[str, Any]) -> None:
        if "event" in record:
            self._log.append(record)
            self._show(self._screen.report, record)

    def _show(self, show: Callable[..., None], *what: object) -> None:
        seen = False
        with if_anybody_looks():
            show(*what)
            seen = True
        self._over |= not seen

    def _kill(self) -> None:
        for row in self._rows:
            if row["name"] in cast.KILLED and row["state"] == "RUNNING":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(row["pid"], signal.SIGKILL)
                    self._kills += 1
                self._kill_at = time.monotonic() + cast.KILL_EVERY_SECONDS

    def _obey(self, signals: Signals) -> None:
        asked = set(signals.take())
        if asked & ENDINGS:
            self._end()
        elif signal.SIGCHLD in asked and self._stage.somebody_has_left():
            raise CommandFault(self._stage.epitaph())

    def _expect_an_answer(self) -> None:
        if not self._rows:
            raise CommandFault(f"nothing answers after {PATIENCE_SECONDS:.0f} s: {self._stage.epitaph()}")

    def _end(self) -> None:
        self._over = True

    def _leave(self) -> None:
        self._hang_up()
        self._board.close()
        with if_anybody_looks():
            self._screen.close()

    def _hang_up(self) -> None:
        for wire in self._wires:
            self._board.unwatch(wire.fileno())
            wire.close()
        self._wires.clear()

    def _watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        self._board.watch_descriptor(descriptor, selectors.EVENT_READ, callback)

    def _later(self, seconds: float, callback: Callable[[], None]) -> None:
        self._board.call_at(time.monotonic() + seconds, callback)
