"""Every worker's life: started, heard, ended, buried, tried again.

Nothing here waits, and nothing goes through all workers because of one: whoever has something to
say or a moment to come is called by name.
"""

import math
import signal
import time
from collections.abc import Callable
from functools import partial

from shared.exits import Exit
from shared.settings import SupervisorSettings
from supervisor.causes import cause_of_death, needs_a_person
from supervisor.child import Child, bear
from supervisor.journal import Journal
from supervisor.lifecycle import Event, State
from supervisor.nursery import Death, Nursery, StartFailed
from supervisor.oom import OomKills
from supervisor.policy import RestartPolicy
from supervisor.seat import Seat
from supervisor.switchboard import Switchboard

MOST_UNBORN = 8  # enough to keep the forkserver busy, and few enough not to queue up before it
REPORT_SECONDS = 2.0  # from a death to what the forkserver says of it
ORDER_SECONDS = 10.0
NOT_STARTED = "worker could not be started"


class Staff:
    def __init__(
        self, nursery: Nursery, journal: Journal, board: Switchboard, settings: SupervisorSettings
    ) -> None:
        self._nursery = nursery
        self._journal = journal
        self._board = board
        self._settings = settings
        self._oom = OomKills()
        self.seats: dict[str, Seat] = {}
        self._log = journal.logger(settings.log.level)
        self._present: dict[Seat, Child] = {}
        self._unborn: dict[Seat, Child] = {}
        self._by_pid: dict[int, Seat] = {}
        self._forkserver_trouble: str | None = None
        self._due: dict[Seat, None] = {}  # a set that keeps its order
        self._talking: dict[Seat, None] = {}
        self._dying: dict[Seat, None] = {}
        self._leaving = False

    @property
    def is_alone(self) -> bool:
        """Whether no worker process is left."""
        return not self._present

    def lingering(self) -> list[str]:
        """Whose processes are still there."""
        return [seat.name for seat in self._present]

    @property
    def has_due(self) -> bool:
        """Whether ``start_the_due`` has something to do."""
        return bool(self._due) and len(self._unborn) < MOST_UNBORN

    def apply(self, settings: SupervisorSettings) -> None:
        """New rules: everybody's deaths are forgotten."""
        self._settings = settings
        self._log = self._journal.logger(settings.log.level)
        for seat in self.seats.values():
            self._brief(seat)

    def new_seat(self, name: str) -> Seat:
        seat = Seat(name)
        self._brief(seat)
        return seat

    def _brief(self, seat: Seat) -> None:
        """Give ``seat`` the rules in force and a clean record."""
        seat.log = self._journal.logger(self._settings.log.level, user=seat.name)
        seat.policy = RestartPolicy(self._settings)

    def forget(self, seat: Seat) -> None:
        del self.seats[seat.name]
        self._journal.forget(seat.name)

    # What an operator asks for.

    def start(self, seat: Seat) -> None:
        """At once, so that whoever asked does not find the old state when looking."""
        self.start_soon(seat)
        if seat in self._due:
            self._start(seat)

    def start_soon(self, seat: Seat) -> None:
        if seat.state is State.STOPPING:
            seat.again = True
        elif not seat.state.is_alive and seat.settings:
            self._brief(seat)
            self._due[seat] = None

    def stop(self, seat: Seat, because: str = "told to stop") -> None:
        seat.again = False
        self._due.pop(seat, None)
        seat.next_start_at = None
        if seat.state is State.BACKOFF:
            seat.become(Event.STOP)
        elif seat.child and seat.state is not State.STOPPING:
            seat.become(Event.STOP)
            self._ask_to_leave(seat.child, because)

    def restart(self, seat: Seat, because: str = "told to restart") -> None:
        if seat.state.is_alive:
            self.stop(seat, because)
            seat.again = True
        else:
            self.start(seat)

    def order(self, seat: Seat, action: str, args: list[str], answer: Callable[[bool, str], None]) -> None:
        if seat.child is None or seat.state is not State.RUNNING:
            answer(False, f"{seat.name} is {seat.state}: only a RUNNING worker takes orders")
            return
        too_late = seat.child.orders.give(action, args, answer)
        self._board.call_at(time.monotonic() + ORDER_SECONDS, too_late)

    def leave(self) -> None:
        """Tell everybody to stop, all at once."""
        self._leaving = True
        for seat in self.seats.values():
            self.stop(seat, "the supervisor is stopping")

    def kill_everybody(self) -> None:
        for child in self._present.values():
            child.kill("the supervisor was told twice to stop")
        if self._unborn:
            self._nursery.end_forkserver("the supervisor was told twice to stop")

    # What the loop does each turn.

    def hear(self) -> None:
        for seat in _taken(self._talking):
            child = seat.child
            if child is None:
                continue
            was_ready = child.ready_at is not None
            for message in child.hear():
                seat.hear(message)
            if child.ready_at is not None and not was_ready:
                self._end_the_silent(seat, child)

    def reap(self) -> None:
        for death in self._nursery.reap():
            seat = self._by_pid.get(death.pid)
            if seat and seat.child:
                seat.child.note_exit(death.code)
            elif death.of_forkserver:
                self._tell_of_forkserver(death)

    def bury_the_dead(self) -> None:
        for seat in _taken(self._dying):
            child = seat.child
            if child is None or not child.is_dead:
                continue
            if child.code is not None or child.pid is None:
                self._bury(seat, child)
            else:
                moment = time.monotonic() + REPORT_SECONDS
                self._board.call_at(moment, partial(self._bury_unreported, seat, child))

    def start_the_due(self) -> None:
        for seat in list(self._due)[: max(0, MOST_UNBORN - len(self._unborn))]:
            del self._due[seat]
            self._start(seat)

    # A life, from its start to its end.

    def _start(self, seat: Seat) -> None:
        if seat.state.is_alive or seat.settings is None or self._leaving:
            return
        self._due.pop(seat, None)
        settings = seat.settings.model_copy(update={"counted": seat.counters})
        try:
            child = bear(self._nursery, settings)
        except StartFailed as fault:
            self._try_later(seat, str(fault))
            return
        self._present[seat] = self._unborn[seat] = child
        child.attend(
            self._board,
            write=partial(self._journal.write, seat.name),
            torn=partial(_tell_torn, seat, child),
            born=partial(self._note_birth, seat, child),
            talks=partial(self._talking.__setitem__, seat, None),
            dies=partial(self._dying.__setitem__, seat, None),
        )
        seat.occupy(child)
        self._await_birth(seat, child)

    def _await_birth(self, seat: Seat, child: Child) -> None:
        """End a forkserver that is silent for too long: that is news to everybody who waits for it."""
        if self._unborn.get(seat) is not child:
            return
        hung_at = self._nursery.hung_at(child.asked_at)
        if time.monotonic() < hung_at:
            self._board.call_at(hung_at, partial(self._await_birth, seat, child))
        else:
            self._nursery.end_forkserver("it was asked for a worker and did not answer")

    def _note_birth(self, seat: Seat, child: Child, pid: int) -> None:
        del self._unborn[seat]
        self._by_pid[pid] = seat
        self._nursery.note_answer()
        self._forkserver_trouble = None
        deadline = child.born_at + self._settings.start_deadline_seconds
        self._board.call_at(deadline, partial(self._end_the_late, seat, child))

    def _tell_of_forkserver(self, death: Death) -> None:
        """Once, and not again while nothing else comes of it."""
        cause = cause_of_death(death.code, self._nursery.fault, None)
        if cause != self._forkserver_trouble:
            self._forkserver_trouble = cause
            self._log.error("forkserver died", forkserver_pid=death.pid, cause=cause)

    def _try_later(self, seat: Seat, why: str) -> None:
        delay = seat.policy.next_delay(time.monotonic(), lived=0.0)
        seat.log.error(NOT_STARTED, reason=why, next_in=_rounded(delay))
        seat.become(Event.START_FAILED, why)
        if delay is None:
            seat.become(Event.GAVE_UP, why)
        else:
            self._start_in(delay, seat)

    def _start_in(self, delay: float, seat: Seat) -> None:
        moment = seat.next_start_at = time.monotonic() + delay
        self._board.call_at(moment, partial(self._become_due, seat, moment))

    def _become_due(self, seat: Seat, moment: float) -> None:
        if seat.next_start_at == moment:  # else it was stopped or started meanwhile
            self._due[seat] = None

    def _end_the_late(self, seat: Seat, child: Child) -> None:
        if seat.child is child and seat.state is State.STARTING:
            child.kill(f"not ready within {self._settings.start_deadline_seconds:g} s")

    def _end_the_silent(self, seat: Seat, child: Child) -> None:
        if seat.child is not child or child.stopped_because:
            return
        silence = self._settings.silence_seconds
        if time.monotonic() - child.heard_at < silence:
            # Up to a tenth late, so that hundreds of workers share a few awakenings.
            step = silence / 10
            moment = math.ceil((child.heard_at + silence) / step) * step
            self._board.call_at(moment, partial(self._end_the_silent, seat, child))
        else:
            self._ask_to_leave(child, f"no beat for {silence:g} s")

    def _ask_to_leave(self, child: Child, because: str) -> None:
        child.stop(because)
        self._board.call_at(time.monotonic() + self._settings.grace_seconds, partial(self._insist, child))

    def _insist(self, child: Child) -> None:
        if not child.is_dead:
            child.kill(f"did not leave within {self._settings.grace_seconds:g} s")

    def _bury_unreported(self, seat: Seat, child: Child) -> None:
        """Nobody has said how it died: the forkserver is stuck, or was killed between two steps."""
        if seat.child is child:
            if child.is_unreported:
                self._nursery.end_forkserver(f"it did not report a death within {REPORT_SECONDS:g} s")
            self._bury(seat, child)

    def _bury(self, seat: Seat, child: Child) -> None:
        for message in child.bury():
            seat.hear(message)
        child.orders.bury()
        del self._present[seat]
        self._unborn.pop(seat, None)
        self._by_pid.pop(child.pid or 0, None)
        seat.vacate(child.code, self._cause(child))
        now = time.monotonic()
        event, delay = self._judge(seat, child, now)
        as_it_should = event is Event.LEFT or seat.state is State.STOPPING
        (seat.log.info if as_it_should else seat.log.warning)(
            "worker left" if as_it_should else "worker died" if child.pid else NOT_STARTED,
            worker_pid=child.pid,
            cause=seat.last_exit,
            reason=seat.last_complaint,
            uptime=round(now - child.born_at, 3),
            next_in=_rounded(delay),
        )
        seat.become(event, seat.last_complaint or seat.last_exit)
        if delay is not None:
            self._start_in(delay, seat)
        if seat.state is State.STOPPED:
            self._see_off(seat)

    def _cause(self, child: Child) -> str:
        if child.pid is None:
            return f"not born: {child.stopped_because or self._nursery.fault or 'the forkserver died'}"
        killed_by_others = child.code == -signal.SIGKILL and not child.stopped_because
        memory = self._oom.verdict() if killed_by_others else None
        return cause_of_death(child.code, child.stopped_because, memory)

    def _judge(self, seat: Seat, child: Child, now: float) -> tuple[Event, float | None]:
        """What a death amounts to, and in how many seconds the next life begins, if it does."""
        if seat.state is State.STOPPING:
            return Event.DIED, None
        if needs_a_person(child.code):
            return Event.GAVE_UP, None
        if child.code == Exit.DONE and not child.stopped_because:
            return Event.LEFT, None
        delay = seat.policy.next_delay(now, lived=now - child.born_at if child.pid else 0.0)
        return (Event.GAVE_UP, None) if delay is None else (Event.DIED, delay)

    def _see_off(self, seat: Seat) -> None:
        """It has stopped as it was told to: do what it was stopped for."""
        if seat.removed:
            self.forget(seat)
        elif seat.refused:
            seat.become(Event.GAVE_UP, seat.refused)
        elif seat.again:
            self._due[seat] = None


def _taken(seats: dict[Seat, None]) -> list[Seat]:
    """All of them, leaving it empty: the descriptors' callbacks know this very dictionary."""
    taken = list(seats)
    seats.clear()
    return taken


def _tell_torn(seat: Seat, child: Child, fragment: str) -> None:
    seat.log.warning("torn log record", worker_pid=child.pid, fragment=fragment)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
