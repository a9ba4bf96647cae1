"""The control socket: how an operator's commands reach the running supervisor.

A Unix stream socket, ``control.sock``, that lives inside the supervisor's own loop: nothing here
waits. The language is ``supervisor/protocol.py``; one client is ``supervisor/connection.py``.
"""

import selectors
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from supervisor import protocol
from supervisor.connection import Connection
from supervisor.premises import Premises
from supervisor.protocol import Refusal

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

MOST_CONNECTIONS = 64
IDLE_SECONDS = 60.0  # without a byte either way; a follower to whom there is nothing to tell is not idle
ACCEPT_PAUSE = 1.0  # after running out of descriptors


class House(Protocol):
    """What the control socket asks of the supervisor and of its loop. None of it may wait."""

    def names(self) -> list[str]: ...
    def info(self) -> dict[str, Any]: ...
    def status(self, names: list[str] | None = None) -> list[dict[str, Any]]: ...
    def start(self, name: str) -> None: ...
    def stop(self, name: str) -> None: ...
    def restart(self, name: str) -> None: ...
    def reload(self) -> dict[str, Any]: ...
    def shutdown(self) -> None: ...
    def do(self, name: str, action: str, args: list[str], answer: Callable[[bool, str], None]) -> None: ...
    def health(self) -> tuple[bool, str]: ...
    def recent(self, names: list[str] | None, lines: int) -> list[bytes]: ...
    def follow(self, names: list[str] | None, take: Callable[[bytes], None]) -> Callable[[], None]: ...

    def watch_descriptor(self, fd: int, events: int, callback: Callable[[], None]) -> None: ...
    def unwatch(self, fd: int) -> None: ...
    def call_at(self, monotonic: float, callback: Callable[[], None]) -> None: ...


class ControlServer:
    """Listens on ``control.sock`` of ``premises`` until closed, and then leaves them.

    ``ConfigurationFault`` if there can be no such socket. ``log`` hears of every order, and of every
    fault of ours.
    """

    def __init__(
        self,
        house: House,
        premises: Premises,
        log: "FilteringBoundLogger",
        *,
        idle_seconds: float = IDLE_SECONDS,
        most_connections: int = MOST_CONNECTIONS,
    ) -> None:
        self._house = house
        self._log = log
        self._idle_seconds = idle_seconds
        self._most_connections = most_connections
        self._connections: set[Connection] = set()
        self._sweep_is_due = False
        self._premises = premises
        self._listener = self._premises.listen()
        self._watch_the_door()

    def close(self) -> None:
        """After the house's loop has ended: give the place up, and hang up last.

        For who waits for that, such as `roost shutdown`, everything is over then, and the next
        supervisor may come here at once.
        """
        self._listener.close()
        self._premises.leave()
        for connection in list(self._connections):
            connection.hang_up()

    def _watch_the_door(self) -> None:
        self._house.watch_descriptor(self._listener.fileno(), selectors.EVENT_READ, self._welcome)

    def _welcome(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as fault:
            # No descriptor is left, and the caller stays in the queue: do not spin on it.
            self._log.warning("control socket cannot accept", error=str(fault))
            self._house.unwatch(self._listener.fileno())
            self._house.call_at(time.monotonic() + ACCEPT_PAUSE, self._watch_the_door)
            return
        connection = Connection(sock, self._house, self._log, self._connections.discard)
        self._connections.add(connection)
        if refusal := self._reason_to_turn_away(connection):
            connection.turn_away(refusal)
        self._sweep_later()

    def _reason_to_turn_away(self, connection: Connection) -> Refusal | None:
        if connection.uid not in self._premises.trusted:
            self._log.warning("control socket: a stranger was turned away", uid=connection.uid)
            return Refusal(None, protocol.FORBIDDEN, "only the supervisor's own user and root may ask")
        if len(self._connections) > self._most_connections:
            return Refusal(
                None, protocol.BUSY, f"{self._most_connections} others are connected: try again later"
            )
        return None

    def _sweep_later(self) -> None:
        if self._connections and not self._sweep_is_due:
            self._sweep_is_due = True
            self._house.call_at(time.monotonic() + self._idle_seconds, self._sweep)

    def _sweep(self) -> None:
        """Hang up on the idle. While nobody is connected no timer runs."""
        self._sweep_is_due = False
        long_ago = time.monotonic() - self._idle_seconds
        for connection in [each for each in self._connections if each.idle_since(long_ago)]:
            connection.close()
        self._sweep_later()
