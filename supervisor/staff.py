"""Every worker's life: started, heard, ended, buried, tried again.

Nothing here waits, and nothing goes through all workers because of one: whoever has something to
say or a moment to come is called by name.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial

from shared.settings import SupervisorSettings, WorkerSettings
from supervisor.causes import cause_of_death, needs_a_person
from supervisor.child import Child, bear
from supervisor.journal import Journal
from supervisor.lifecycle import Event, State
from supervisor.nursery import Nursery, StartFailed
from supervisor.oom import OomKills
from supervisor.seat import Seat
from supervisor.switchboard import Switchboard

STARTS_A_TURN = 8  # each takes some milliseconds, in which nobody else is heard
REPORT_SECONDS = 2.0  # from a death to what the forkserver says of it
ORDER_SECONDS = 10.0


class Staff:
    def __init__(
        self, nursery: Nursery, journal: Journal, board: Switchboard, settings: SupervisorSettings
    ) -> None:
        self._nursery = nursery
        self._journal = journal
        self._board = board
        self._settings = settings
        self._oom = OomKills()
        self._log = journal.logger(settings.log.level)
        self.seats: dict[str, Seat] = {}
        self._by_pid: dict[int, Seat] = {}
        self._due: dict[Seat, None] = {}  # a set that keeps its order
        self._talking: dict[Seat, None] = {}
        self._dying: dict[Seat, None] = {}
        self._leaving = False

    @property
    def is_alone(self) -> bool:
        """Whether no worker process is left."""
        return not self._by_pid

    @property
    def has_due(self) -> bool:
        return bool(self._due)

    # What an operator asks for.

    def start(self, seat: Seat) -> None:
        if seat.state is State.STOPPING:
            seat.again = True
        elif not seat.state.is_alive and seat.settings:
            seat.renew_policy(self._settings)
            self._start(seat)

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
        for seat in self._by_pid.values():
            if seat.child:
                seat.child.kill("the supervisor was told twice to stop")

    # What the loop does each turn.

    def hear(self) -> None:
        talking, self._talking = self._talking, {}
        for seat in talking:
            for message in seat.child.hear() if seat.child else ():
                was = seat.state
                seat.hear(message)
                if seat.child and seat.state is not was:
                    self._expect_beats(seat, seat.child)

    def reap(self) -> None:
        for death in self._nursery.reap():
            seat = self._by_pid.get(death.pid)
            if seat and seat.child:
                seat.child.code = death.code
                self._dying[seat] = None

    def bury_the_dead(self) -> None:
        dying, self._dying = self._dying, {}
        for seat in dying:
            if seat.child is None:
                continue
            if seat.child.code is not None:
                self._bury(seat, seat.child)
            elif seat.child.is_dead:
                moment = time.monotonic() + REPORT_SECONDS
                self._board.call_at(moment, partial(self._bury_unreported, seat, seat.child))

    def start_the_due(self) -> None:
        for seat in list(self._due)[:STARTS_A_TURN]:
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
            seat.next_start_at = None
            seat.become(Event.START_FAILED)
            self._try_later(seat, f"could not be started: {fault}", lived=0.0)
            return
        self._by_pid[child.pid] = seat
        child.attend(
            self._board,
            write=partial(self._journal.write, seat.name),
            torn=partial(seat.log.warning, "torn log record", worker_pid=child.pid),  # by position: `event`
            talks=partial(self._talking.__setitem__, seat, None),
            dies=partial(self._dying.__setitem__, seat, None),
        )
        seat.occupy(child)
