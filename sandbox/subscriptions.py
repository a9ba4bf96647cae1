"""EventSub subscriptions over WebSocket: who may have which, how many, and how they end. Pure.

Limits hold per pair of client id and user id.
https://dev.twitch.tv/docs/eventsub/manage-subscriptions/#subscription-limits
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import orjson

from sandbox import clock
from sandbox.refusal import Refusal
from sandbox.topics import Topic

MAX_CONNECTIONS = 3
MAX_PER_CONNECTION = 300
MAX_SAME = 3
MAX_COST = 10
LISTED_AFTER_END = 60.0  # disabled subscriptions stay visible for at least a minute

Owner = tuple[str, str]  # client id, user id


@dataclass(eq=False)
class Subscription:
    type: str
    version: str
    condition: dict[str, str]
    cost: int
    owner: Owner
    session_id: str
    connected_at: str
    created_at: float
    id: str
    joins: str | None  # the channel whose chat it reads, if it counts as a join
    status: str = "enabled"
    ended_at: float | None = None

    @property
    def enabled(self) -> bool:
        return self.status == "enabled"

    def public(self) -> dict[str, object]:
        transport = {"method": "websocket", "session_id": self.session_id, "connected_at": self.connected_at}
        if self.ended_at is not None and self.status.startswith("websocket_"):
            transport["disconnected_at"] = clock.stamp_seconds(self.ended_at)
        return {
            "id": self.id,
            "status": self.status,
            "type": self.type,
            "version": self.version,
            "condition": self.condition,
            "created_at": clock.stamp_seconds(self.created_at),
            "transport": transport,
            "cost": self.cost,
        }

    @cached_property
    def as_message_part(self) -> bytes:
        """What messages about it carry: the transport is shorter there than in Helix."""
        transport = {"method": "websocket", "session_id": self.session_id}
        return orjson.dumps({**self.public(), "transport": transport})

    def move(self, session_id: str, connected_at: str) -> None:
        """A handover carries it to another session under its own id."""
        self.session_id, self.connected_at = session_id, connected_at
        self.__dict__.pop("as_message_part", None)

    def end(self, status: str, now: float) -> None:
        self.status, self.ended_at = status, now
        self.__dict__.pop("as_message_part", None)


@dataclass(frozen=True)
class Wanted:
    """A subscription as asked for, after everything that concerns it alone was found in order."""

    type: str
    version: str
    condition: dict[str, str]
    topic: Topic
    cost: int
    owner: Owner
    session_id: str
    connected_at: str

    @property
    def joins(self) -> str | None:
        """A user's own channel is not counted: there it moderates."""
        channel = self.condition.get("broadcaster_user_id")
        return channel if self.topic.joins_chat and channel != self.owner[1] else None


class Subscriptions:
    def __init__(self) -> None:
        self._by_id: dict[str, Subscription] = {}
        self._of: dict[Owner, dict[str, Subscription]] = {}
        self._listening: dict[tuple[str, str], dict[str, Subscription]] = {}

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._by_id.values())

    def create(self, wanted: Wanted, *, max_joins: float, now: float) -> Subscription:
        self._check_limits(wanted, max_joins)
        subscription = Subscription(
            type=wanted.type,
            version=wanted.version,
            condition=wanted.condition,
            cost=wanted.cost,
            owner=wanted.owner,
            session_id=wanted.session_id,
            connected_at=wanted.connected_at,
            created_at=now,
            id=secrets.token_hex(16),
            joins=wanted.joins,
        )
        self._by_id[subscription.id] = subscription
        self._of.setdefault(wanted.owner, {})[subscription.id] = subscription
        self._listening.setdefault(_key(subscription), {})[subscription.id] = subscription
        return subscription

    def _check_limits(self, wanted: Wanted, max_joins: float) -> None:
        """Refuse as Twitch does: 409 on the same live session, 429 for the rest.

        A copy on another session is accepted up to the third, since Twitch may not have noticed yet that the
        first session is dead: https://github.com/Teekeks/pyTwitchAPI/issues/351
        """
        enabled = self.enabled(wanted.owner)
        same = [s for s in enabled if (s.type, s.condition) == (wanted.type, wanted.condition)]
        for subscription in same:
            if subscription.session_id == wanted.session_id:
                raise Refusal(409, "subscription already exists", id=subscription.id)
        if len(same) >= MAX_SAME:
            raise Refusal(429, "maximum subscriptions with type and condition exceeded")
        sessions = {s.session_id for s in enabled}
        if wanted.session_id not in sessions and len(sessions) >= MAX_CONNECTIONS:
            raise Refusal(429, "number of websocket transports limit exceeded")
        if sum(s.session_id == wanted.session_id for s in enabled) >= MAX_PER_CONNECTION:
            raise Refusal(429, "number of subscriptions on the websocket transport exceeded")
        if self.total_cost(wanted.owner) + wanted.cost > MAX_COST:
            raise Refusal(429, "total cost exceeded")
        joined = {s.joins for s in enabled if s.joins}
        if wanted.joins and wanted.joins not in joined and len(joined) >= max_joins:
            raise Refusal(429, "number of concurrently joined channels exceeded")

    def enabled(self, owner: Owner) -> list[Subscription]:
        return [s for s in self._of.get(owner, {}).values() if s.enabled]

    def total_cost(self, owner: Owner) -> int:
        return sum(s.cost for s in self.enabled(owner))

    def listed(self, owner: Owner, now: float) -> list[Subscription]:
        """Oldest first, the lately ended ones included."""
        self._forget_old(owner, now)
        return list(self._of.get(owner, {}).values())

    def _forget_old(self, owner: Owner, now: float) -> None:
        for subscription in list(self._of.get(owner, {}).values()):
            if subscription.ended_at is not None and now - subscription.ended_at > LISTED_AFTER_END:
                self.delete(subscription)

    def find(self, id_: str) -> Subscription | None:
        return self._by_id.get(id_)

    def on_session(self, session_id: str) -> list[Subscription]:
        return [s for s in self._by_id.values() if s.session_id == session_id and s.enabled]

    def listening(self, type_: str, subject: str) -> list[Subscription]:
        """Who is to hear of an event of this type about this user."""
        return list(self._listening.get((type_, subject), {}).values())

    def end(self, subscription: Subscription, status: str, now: float) -> None:
        """Disable it: no more events, but it stays listed for a while."""
        subscription.end(status, now)
        self._listening[_key(subscription)].pop(subscription.id, None)

    def delete(self, subscription: Subscription) -> None:
        del self._by_id[subscription.id], self._of[subscription.owner][subscription.id]
        self._listening[_key(subscription)].pop(subscription.id, None)


def _key(subscription: Subscription) -> tuple[str, str]:
    return subscription.type, next(iter(subscription.condition.values()))
