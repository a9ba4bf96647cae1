"""One EventSub session: what is due on it, and when. Pure: it is told the time and sends nothing itself.

https://dev.twitch.tv/docs/eventsub/handling-websocket-events/
Its one surprise: a notification only notes the time. The timer that runs out afterwards finds nothing due and
is set again, so that thousands of messages a second move no timer.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox import clock
from sandbox.settings import Settings
from sandbox.users import User

MAX_KEEPALIVE = 600

INTERNAL_ERROR = 4000
INBOUND_TRAFFIC = 4001
FAILED_PING_PONG = 4002
UNUSED = 4003
GRACE_EXPIRED = 4004
NETWORK_TIMEOUT = 4005
NETWORK_ERROR = 4006
INVALID_RECONNECT = 4007

# What becomes of the subscriptions of a socket that is closed with this code; any other end disconnects them.
DISCONNECTED = "websocket_disconnected"
STATUS_AFTER = {
    INTERNAL_ERROR: "websocket_internal_error",
    INBOUND_TRAFFIC: "websocket_received_inbound_traffic",
    FAILED_PING_PONG: "websocket_failed_ping_pong",
    UNUSED: "websocket_connection_unused",
    GRACE_EXPIRED: "websocket_failed_to_reconnect",
    NETWORK_TIMEOUT: "websocket_network_timeout",
    NETWORK_ERROR: "websocket_network_error",
}


def keepalive_of(query: str | None, floor: float) -> int:
    """Clamp what the client asked for to the nearest limit; 10 s if it did not ask."""
    try:
        asked = float(query) if query else 10.0
    except ValueError:
        asked = 10.0
    return max(1, int(max(floor, min(asked, MAX_KEEPALIVE))))


class Send(enum.Enum):
    KEEPALIVE = enum.auto()
    PING = enum.auto()


@dataclass(frozen=True)
class Close:
    code: int


@dataclass(eq=False)
class Session:
    id: str
    keepalive: int
    rules: Settings
    connected_at: float
    owner: User | None = None  # whose token made the first subscription
    keepalive_paused: bool = False
    retired: bool = False  # another socket has taken its place
    predecessor: str | None = None  # the session whose place it took

    def __post_init__(self) -> None:
        self.spoke_at = self.pinged_at = self.connected_at
        self.ping_unanswered = False
        self.used = False
        self.leaving_at: float | None = None

    @property
    def connected_stamp(self) -> str:
        return clock.stamp(int(self.connected_at * 1e9))

    def begin_handover(self, now: float) -> None:
        self.leaving_at = now

    def retire(self) -> None:
        """The new socket has said welcome: from here on it has the word."""
        self.retired = self.keepalive_paused = True

    def ping(self, now: float) -> None:
        self.pinged_at, self.ping_unanswered = now, True

    def pong(self) -> None:
        self.ping_unanswered = False

    def due_at(self) -> float:
        """When to look again."""
        return min(moment for moment, _ in self._deadlines())

    def due(self, now: float) -> Iterator[Send | Close]:
        """Everything whose time has come; after a ``Close`` nothing else matters."""
        due = [what for moment, what in self._deadlines() if moment <= now]
        closes = [what for what in due if isinstance(what, Close)]
        for what in closes[:1] or due:
            if what is Send.KEEPALIVE:
                self.spoke_at = now
            elif what is Send.PING:
                self.ping(now)
            yield what

    def _deadlines(self) -> Iterator[tuple[float, Send | Close]]:
        if self.leaving_at is not None:
            yield self.leaving_at + self.rules.handover_seconds, Close(GRACE_EXPIRED)
        if self.ping_unanswered:
            yield self.pinged_at + self.rules.pong_seconds, Close(FAILED_PING_PONG)
        else:
            yield self.pinged_at + self.rules.ping_seconds, Send.PING
        if not self.used:
            yield self.connected_at + self.rules.unused_seconds, Close(UNUSED)
        if not self.keepalive_paused:
            yield self.spoke_at + self.keepalive, Send.KEEPALIVE
