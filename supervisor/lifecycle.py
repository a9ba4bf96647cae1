"""The states of a worker as an operator sees them, and what leads from one to the next. Pure.

The names are supervisord's. Nothing but an operator or a changed configuration leads out of STOPPED,
EXITED and FATAL.
"""

import enum


class State(enum.StrEnum):
    STOPPED = "STOPPED"
    STARTING = "STARTING"  # a process is there or on its way; it has not said that its loop runs
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"  # it died or could not be started, and will be tried again
    STOPPING = "STOPPING"
    EXITED = "EXITED"  # it left by itself with code 0
    FATAL = "FATAL"  # given up: a person has to act

    @property
    def is_alive(self) -> bool:
        """Whether there is a process, or one on its way."""
        return self in {State.STARTING, State.RUNNING, State.STOPPING}


class Event(enum.StrEnum):
    """What happens to a worker, worded to end the sentence "a RUNNING worker cannot …"."""

    SPAWNED = "be spawned"
    START_FAILED = "fail to start"
    READY = "become ready"
    DIED = "die"
    LEFT = "leave by itself"
    GAVE_UP = "be given up"
    STOP = "be told to stop"


class ImpossibleTransition(Exception):
    """A fault of the supervisor's own: the event cannot happen in this state."""


NEXT = {
    (State.STOPPED, Event.SPAWNED): State.STARTING,
    (State.STOPPED, Event.START_FAILED): State.BACKOFF,
    (State.STOPPED, Event.GAVE_UP): State.FATAL,  # the new configuration has no place for it
    (State.STARTING, Event.READY): State.RUNNING,
    (State.STARTING, Event.DIED): State.BACKOFF,
    (State.STARTING, Event.LEFT): State.EXITED,
    (State.STARTING, Event.GAVE_UP): State.FATAL,
    (State.STARTING, Event.STOP): State.STOPPING,
    (State.RUNNING, Event.DIED): State.BACKOFF,
    (State.RUNNING, Event.LEFT): State.EXITED,
    (State.RUNNING, Event.GAVE_UP): State.FATAL,
    (State.RUNNING, Event.STOP): State.STOPPING,
    (State.STOPPING, Event.DIED): State.STOPPED,
    (State.BACKOFF, Event.SPAWNED): State.STARTING,
    (State.BACKOFF, Event.START_FAILED): State.BACKOFF,
    (State.BACKOFF, Event.GAVE_UP): State.FATAL,
    (State.BACKOFF, Event.STOP): State.STOPPED,  # nobody is alive: nothing to wait for
    (State.EXITED, Event.SPAWNED): State.STARTING,
    (State.EXITED, Event.START_FAILED): State.BACKOFF,
    (State.EXITED, Event.GAVE_UP): State.FATAL,
    (State.FATAL, Event.SPAWNED): State.STARTING,
    (State.FATAL, Event.START_FAILED): State.BACKOFF,
}


def advance(state: State, event: Event) -> State:
    """The state after ``event``. Raises ``ImpossibleTransition``."""
    try:
        return NEXT[state, event]
    except KeyError:
        raise ImpossibleTransition(f"a {state} worker cannot {event}") from None
