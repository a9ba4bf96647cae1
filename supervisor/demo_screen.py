"""The demo's two ways of showing itself: a live screen on a terminal, plain lines anywhere else."""

import errno
import time
from collections.abc import Sequence
from typing import Protocol

from rich.console import Console
from rich.live import Live

from supervisor import demo_view, rendering
from supervisor.demo_view import Row
from supervisor.invocation import Invocation, on_terminal


class Screen(Protocol):
    def open(self) -> None: ...

    def draw(self, rows: Sequence[Row], log: Sequence[Row], next_kill_in: float) -> None:
        """Called a few times a second. Raises ``OSError`` if nobody can see it."""

    def report(self, record: Row) -> None:
        """Called once for each log record."""

    def close(self) -> None: ...


def screen_for(call: Invocation) -> Screen:
    return LiveScreen(call.color) if on_terminal() and not call.quiet else PlainLines(call)


class LiveScreen:
    """Takes the whole window, and gives it back as it was."""

    def __init__(self, color: str) -> None:
        colorless = {"always": False, "never": True}.get(color)  # else as NO_COLOR and TERM say
        self._console = Console(no_color=colorless, highlight=False)
        # Refreshing by itself would take a thread; and nobody else prints here.
        self._live = Live(
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def open(self) -> None:
        self._live.start()
        self.draw([], [], 0.0)

    def draw(self, rows: Sequence[Row], log: Sequence[Row], next_kill_in: float) -> None:
        if not on_terminal():  # rich would take one that has hung up for a file, and draw nothing
            raise OSError(errno.EIO, "the terminal has hung up")
        picture = demo_view.screen(
            rows, log, now=time.time(), next_kill_in=next_kill_in, lines=self._console.size.height
        )
        self._live.update(picture, refresh=True)

    def report(self, record: Row) -> None:
        """It is drawn with the rest."""

    def close(self) -> None:
        self._live.stop()


class PlainLines:
    """The introduction, and then each log record as it comes."""

    def __init__(self, call: Invocation) -> None:
        self._call = call

    def open(self) -> None:
        for line in demo_view.INTRODUCTION:
            self._call.say(line)

    def draw(self, rows: Sequence[Row], log: Sequence[Row], next_kill_in: float) -> None:
        """There is no place to draw on."""

    def report(self, record: Row) -> None:
        for line in rendering.log_lines(record, self._call.paint):
            self._call.say(line)

    def close(self) -> None:
        """Each line went out as it came."""
