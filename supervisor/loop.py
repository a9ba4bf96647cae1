"""The supervisor: keep every configured worker alive until told to stop.

One process, one thread, one loop. It waits in one place, for descriptors, signals and the next
moment that something is due.
"""

import os
import selectors
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from shared import __version__
from shared.errors import ConfigurationFault
from shared.exits import Exit
from shared.settings import Settings, SupervisorSettings, WorkerSettings
from supervisor.enrolment import enrol
from supervisor.journal import Journal
from supervisor.lifecycle import State
from supervisor.nursery import Nursery
from supervisor.signals import Signals
from supervisor.staff import Staff
from supervisor.switchboard import Switchboard
from supervisor.watch import Watch

LOOK_SECONDS = 1.0  # between two looks at the configuration file
TOLD_TROUBLES = 3
UNKILLABLE_SECONDS = 5.0  # what SIGKILL does not end by then (a dead network disk) is left behind


class Rejected(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def reason(self) -> str: ...


class Loaded(Protocol):
    """What ``supervisor.config.load`` returns, as far as it matters here."""

    @property
    def settings(self) -> Settings: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def runtime_dir(self) -> Path: ...
    @property
    def rejected(self) -> tuple[Rejected, ...]: ...
    def workers(self) -> dict[str, WorkerSettings]: ...


class Supervisor:
    """``load`` reads the configuration again, and raises ``ConfigurationFault`` if it is no good."""

    def __init__(
        self, loaded: Loaded, load: Callable[[], Loaded], journal: Journal, nursery: Nursery
    ) -> None:
        self._loaded = loaded
        self._load = load
        self._journal = journal
        self._board = Switchboard()
        self._staff = Staff(nursery, journal, self._board, self._rules)
        self._log = journal.logger(self._rules.log.level)
        self._watch = None if loaded.path is None else Watch(loaded.path)
        self._is_looking = False
        self._is_leaving = False
        self._is_late = False
        self._started_at = time.time()
        self.watch_descriptor, self.unwatch = self._board.watch_descriptor, self._board.unwatch
        self.call_at = self._board.call_at

    def run(self) -> Exit:
        """Keep every worker alive until asked to stop; return when the last one has left. Then ``close``."""
        self.open()
        while not self.is_over:
            self.turn()
        return Exit.DONE

    def open(self) -> None:
        self._signals = Signals()
        self._board.watch_descriptor(self._signals.fileno(), selectors.EVENT_READ, _nothing)
        self._journal.attend(self._board)
        self._log.info("supervisor started", version=__version__, config=self._loaded.path)
        self._enrol()
        self._look_at_file()

    def turn(self, *, at_most: float | None = None) -> None:
        """Wait for something to happen (``at_most`` seconds), and deal with it."""
        self._board.wait(at_most=0.0 if self._staff.has_due else at_most)
        self._obey_signals()
        self._staff.hear()
        self._staff.bury_the_dead()
        self._board.ring_the_due()
        self._staff.start_the_due()

    @property
    def is_over(self) -> bool:
        return self._is_leaving and (self._staff.is_alone or self._is_late)

    def close(self) -> None:
        """The journal and the nursery stay open: they belong to whoever made them."""
        self._log.info("supervisor stopped")
        self._signals.close()
        self._journal.attend(None)
        self._board.close()

    # What the system asks for.

    def _obey_signals(self) -> None:
        for number in self._signals.take():
            match number:
                case signal.SIGCHLD:
                    self._staff.reap()
                case signal.SIGHUP:
                    self.reload()
                case signal.SIGUSR1:
                    self._reopen_log()
                case _ if self._is_leaving:  # the second one insists
                    self._log.warning("told twice to stop: killing everybody", signal=number.name)
                    self._staff.kill_everybody()
                case _:
                    self._log.info("told to stop", signal=number.name)
                    self.shutdown()

    def _reopen_log(self) -> None:
        try:
            self._journal.reopen()
        except ConfigurationFault as fault:
            self._log.error("log file cannot be reopened", reason=str(fault))

    def _look_at_file(self) -> None:
        """The only tick, and only if the configuration wants it."""
        self._is_looking = self._watch is not None and self._rules.watch
        if not self._is_looking or self._watch is None:
            return
        now = time.monotonic()
        if self._watch.has_changed(now):
            self.reload()
        self._board.call_at(now + LOOK_SECONDS, self._look_at_file)

    # What an operator asks for, through the control socket. None of it waits.

    def names(self) -> list[str]:
        return list(self._staff.seats)

    def info(self) -> dict[str, Any]:
        path = self._loaded.path
        return {
            "pid": os.getpid(),
            "version": __version__,
            "started_at": self._started_at,
            "config": None if path is None else str(path),
            "grace_seconds": self._rules.grace_seconds,
            "start_deadline_seconds": self._rules.start_deadline_seconds,
        }

    def status(self, names: list[str] | None = None) -> list[dict[str, Any]]:
        """Rows in the order of the configuration, or of ``names``. Raises ``KeyError`` for an unknown one."""
        now, seats = time.monotonic(), self._staff.seats
        return [seats[name].row(now) for name in (seats if names is None else names)]

    def start(self, name: str) -> None:
        self._staff.start(self._staff.seats[name])

    def stop(self, name: str) -> None:
        self._staff.stop(self._staff.seats[name])

    def restart(self, name: str) -> None:
        self._staff.restart(self._staff.seats[name])

    def do(self, name: str, action: str, args: list[str], answer: Callable[[bool, str], None]) -> None:
        """Pass an order on. ``answer`` is called once: with the worker's, or with why there is none."""
        self._staff.order(self._staff.seats[name], action, args, answer)

    def health(self) -> tuple[bool, str]:
        seats = self._staff.seats.values()
        troubles = list(filter(None, (seat.trouble() for seat in seats)))
        running = sum(seat.state is State.RUNNING for seat in seats)
        reason = f"{running} of {len(seats)} workers are running"
        return not troubles, "; ".join([reason, *troubles[:TOLD_TROUBLES]])

    def recent(self, names: list[str] | None, lines: int) -> list[bytes]:
        return self._journal.recent(names, lines)

    def follow(self, names: list[str] | None, take: Callable[[bytes], None]) -> Callable[[], None]:
        return self._journal.follow(names, take)

    def reload(self) -> dict[str, Any]:
        """Read the configuration again. What is wrong with it leaves the old one in force."""
        if self._watch:
            self._watch.settle()
        try:
            loaded = self._load()
            loaded.workers()
        except ConfigurationFault as fault:
            return self._keep_the_old(str(fault).splitlines())
        except Exception as surprise:  # noqa: BLE001  a fault of ours in reading must not cost anybody the worker
            self._log.error("configuration could not be read", exc_info=surprise)
            return self._keep_the_old([f"{type(surprise).__name__}: {surprise}"])
        before, self._loaded = self._loaded, loaded
        faults = self._apply_rules(before)
        changes = self._enrol()
        self._look_again()
        self._log.info("configuration loaded again", **changes)
        return {"ok": not faults, "faults": faults, **changes}

    def shutdown(self) -> None:
        """Stop everybody; the loop ends when they have left."""
        if self._is_leaving:
            return
        self._is_leaving = True
        self._staff.leave()
        end = time.monotonic() + self._rules.grace_seconds + UNKILLABLE_SECONDS
        self._board.call_at(end, self._give_up_waiting)

    # Following the configuration.

    @property
    def _rules(self) -> SupervisorSettings:
        return self._loaded.settings.supervisor

    def _enrol(self) -> dict[str, Any]:
        refused = {rejected.name: rejected.reason for rejected in self._loaded.rejected}
        return vars(enrol(self._staff, self._loaded.workers(), refused))

    def _keep_the_old(self, faults: list[str]) -> dict[str, Any]:
        self._log.error("configuration refused: the old one stays in force", faults=faults)
        kept = len(self._staff.seats)
        return {"ok": False, "faults": faults, "started": [], "stopped": [], "restarted": [], "kept": kept}

    def _apply_rules(self, before: Loaded) -> list[str]:
        """Put new settings of the supervisor itself in force; what of it cannot be, in words."""
        old, new = before.settings.supervisor, self._rules
        faults = []
        if new.log.file != self._journal.path:
            try:
                self._journal.move_to(new.log.file)
            except ConfigurationFault as fault:
                faults.append(str(fault))
        if self._loaded.runtime_dir != before.runtime_dir:
            faults.append("supervisor.runtime_dir: takes effect when the supervisor is started again")
        if new != old:
            self._log = self._journal.logger(new.log.level)
            self._staff.apply(new)
        for reason in faults:
            self._log.warning("a setting could not be put in force", reason=reason)
        return faults

    def _look_again(self) -> None:
        if not self._is_looking:
            self._look_at_file()

    def _give_up_waiting(self) -> None:
        self._log.error("workers that cannot even be killed are left behind", names=self._staff.lingering())
        self._is_late = True


def _nothing() -> None:
    """A signal has only to wake the loop: it looks at them each turn."""
