"""One configured worker over all the processes that it will ever be, and how `status` shows it."""

import time
from typing import Any

from structlog.typing import FilteringBoundLogger

from shared.exits import Exit
from shared.messages import Beat, Done, Failed, NeedsSignIn, Ready
from shared.settings import WorkerSettings
from supervisor.child import Child, Heard
from supervisor.lifecycle import Event, State, advance
from supervisor.policy import RestartPolicy

SIGNING_IN = "signing-in"
EXPLAINED = {State.BACKOFF, State.EXITED, State.FATAL}


class Seat:
    """``refused`` is why the configuration has no worker for this name; then it has no ``settings``.

    ``again``: to be started as soon as it has left. ``removed``: to be forgotten as soon as it has
    left. ``next_start_at`` is of the monotonic clock.
    """

    log: FilteringBoundLogger
    policy: RestartPolicy

    def __init__(self, name: str) -> None:
        self.name = name
        self.settings: WorkerSettings | None = None
        self.state = State.STOPPED
        self.child: Child | None = None
        self.again = False
        self.removed = False
        self.refused: str | None = None
        self.restarts = 0
        self.next_start_at: float | None = None
        self.reason: str | None = None
        self.last_exit: str | None = None
        self.sign_in: NeedsSignIn | None = None
        self.last_complaint: str | None = None
        self.last_code: int | None = None
        self._beat: Beat | None = None
        self._facts: dict[str, str | int | float | bool | None] = {}
        self.counters: dict[str, int] = {}

    def become(self, event: Event, reason: str | None = None) -> None:
        """The one place where a state changes, and where that is logged.

        ``reason`` is what an operator is told who asks why it does not run.
        """
        before, self.state = self.state, advance(self.state, event)
        self.reason = reason if self.state in EXPLAINED else None
        if self.state is not before:
            self.log.info("worker state changed", was=before, state=self.state)

    def occupy(self, child: Child) -> None:
        self.child = child
        self.restarts += self.state is State.BACKOFF
        self.next_start_at = None
        self.again = False
        self.sign_in = self.last_complaint = self._beat = None
        self.become(Event.SPAWNED)

    def vacate(self, code: int | None, cause: str) -> None:
        self.child = self.sign_in = None
        self.last_code, self.last_exit = code, cause

    def hear(self, message: Heard) -> None:
        match message:
            case Beat():
                self._beat = message
                self._facts = message.facts
                self.counters = message.counters
                if message.phase != SIGNING_IN:
                    self.sign_in = None
            case Ready():
                self._note_ready()
            case NeedsSignIn():
                self.sign_in = message
            case Failed():
                self.last_complaint = message.reason
            case Done():
                if self.child:
                    self.child.orders.done(message)

    def _note_ready(self) -> None:
        if self.child and self.state is State.STARTING:
            self.child.ready_at = time.monotonic()
            self.become(Event.READY)

    def row(self, now: float) -> dict[str, Any]:
        """What `status` tells; ``now`` is of the monotonic clock."""
        child, beat = self.child, self._beat if self.child else None
        return {
            "name": self.name,
            "kind": "user",
            "state": self.state.value,
            "pid": child.pid if child else None,
            "uptime": now - (child.ready_at or child.born_at) if child else None,
            "restarts": self.restarts,
            "phase": beat.phase if beat else "",
            "detail": beat.detail if beat else "",
            "detail_at": beat.detail_at if beat else None,
            "counters": self.counters,
            "facts": self._facts,
            "sign_in": self.sign_in.model_dump(exclude={"kind"}) if self.sign_in else None,
            "reason": self.reason,
            "next_start_in": max(0.0, self.next_start_at - now) if self.next_start_at is not None else None,
            "exit": self.last_exit,
        }

    def trouble(self) -> str | None:
        """What `health` complains about. One who must sign in is no trouble: a restart would not help."""
        if self.state in {State.RUNNING, State.STOPPED, State.STOPPING}:
            return None
        if self.state is State.FATAL and self.last_code == Exit.SIGN_IN_REFUSED and not self.refused:
            return None
        return f"{self.name}: {self.state}" + (f" ({self.reason})" if self.reason else "")
