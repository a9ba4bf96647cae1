"""Bringing the staff in line with a configuration: only what changed is touched."""

from dataclasses import dataclass, field

from shared.settings import WorkerSettings
from supervisor.lifecycle import Event, State
from supervisor.seat import Seat
from supervisor.staff import Staff


@dataclass
class Changes:
    """Names of workers, by what was done to them; the rest were ``kept`` as they are."""

    started: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    kept: int = 0


def enrol(staff: Staff, wanted: dict[str, WorkerSettings], refused: dict[str, str]) -> Changes:
    """Start the new, stop the removed, restart the changed. ``refused`` are names with the reason why.

    A worker that an operator has stopped stays so; one that was given up tries again if its settings
    are new.
    """
    changes = Changes()
    for name in [name for name in staff.seats if name not in wanted and name not in refused]:
        _remove(staff, staff.seats[name], changes)
    _put_in_order(staff, [*wanted, *refused])
    for name, settings in wanted.items():
        _employ(staff, staff.seats[name], settings, changes)
    for name, reason in refused.items():
        _refuse(staff, staff.seats[name], reason, changes)
    return changes


def _put_in_order(staff: Staff, names: list[str]) -> None:
    """As the configuration has them; then those who are only still leaving."""
    before = dict(staff.seats)
    staff.seats.clear()
    for name in names:
        staff.seats[name] = before.pop(name) if name in before else staff.new_seat(name)
    staff.seats.update(before)


def _employ(staff: Staff, seat: Seat, settings: WorkerSettings, changes: Changes) -> None:
    is_new = seat.settings is None or seat.removed
    is_changed = seat.settings != settings
    seat.settings, seat.refused, seat.removed = settings, None, False
    if is_new:
        staff.start_soon(seat)
        changes.started.append(seat.name)
    elif not is_changed or seat.state in {State.STOPPED, State.STOPPING}:
        changes.kept += 1
    elif seat.state.is_alive:
        staff.restart(seat, "its configuration has changed")
        changes.restarted.append(seat.name)
    else:
        staff.start_soon(seat)
        changes.started.append(seat.name)


def _refuse(staff: Staff, seat: Seat, reason: str, changes: Changes) -> None:
    seat.settings, seat.refused, seat.removed = None, reason, False
    staff.stop(seat, "its configuration is no longer valid")
    if seat.state.is_alive:
        changes.stopped.append(seat.name)
    elif seat.state is State.FATAL:
        seat.reason = reason
    else:
        seat.become(Event.GAVE_UP, reason)


def _remove(staff: Staff, seat: Seat, changes: Changes) -> None:
    staff.stop(seat, "no longer configured")
    if seat.state.is_alive:
        seat.removed = True
        changes.stopped.append(seat.name)
    else:
        changes.stopped += [] if seat.refused else [seat.name]
        staff.forget(seat)
