"""Everything the stand-in knows at one moment, and the consequences that cross from one part to another.

No HTTP and no socket here: an EventSub socket is a ``Wire``, which takes a text and can be closed.
"""

import itertools
import secrets
from collections import deque
from dataclasses import dataclass
from typing import Literal, Protocol

from sandbox import messages
from sandbox.bucket import Bucket
from sandbox.devices import Devices
from sandbox.faults import Faults
from sandbox.journal import Journal
from sandbox.refusal import Refusal
from sandbox.session import Session
from sandbox.settings import Settings
from sandbox.subscriptions import Subscription, Subscriptions
from sandbox.tokens import Grant, Tokens
from sandbox.users import User, Users

ReconnectMode = Literal["normal", "bad_url", "no_welcome", "refuse"]
ENDED_SESSIONS_LISTED = 1_000


class Wire(Protocol):
    """The I/O side of one EventSub socket."""

    session: Session

    def send(self, text: bytes) -> bool:
        """Send a text message now; say whether it could be."""

    def send_frame(self, frame: bytes) -> None:
        """Send a ready-made frame that the session knows nothing about."""

    def ping(self) -> None:
        """Ping out of turn; the Pong is as due as any other."""

    def watch(self) -> None:
        """Reckon anew when the session has something to do."""

    def silence(self) -> None:
        """From now on send no messages, while Pings and Pongs go on."""

    def blackhole(self) -> None:
        """From now on neither send nor read: the cable is cut and nobody was told."""

    def close(self, code: int) -> None:
        """Begin the closing handshake."""

    def drop(self) -> None:
        """Cut the connection without a word."""


@dataclass(frozen=True)
class Handover:
    """An invitation to a new socket, good once, as long as the old one is open and its grace lasts."""

    old: Wire
    mode: ReconnectMode
    until: float


class World:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.journal = Journal()
        self.forget()

    def forget(self) -> None:
        """Begin anew with the same settings."""
        self.users = Users()
        self.tokens = Tokens()
        self.devices = Devices()
        self.subscriptions = Subscriptions()
        self.faults = Faults()
        self.buckets: dict[tuple[str, str], Bucket] = {}
        self.bans: set[tuple[str, str]] = set()  # channel id, user id
        self.sockets: dict[Wire, None] = {}  # every open socket, in order of arrival
        self.speaking: dict[str, Wire] = {}  # the socket that has the word, by session id
        self.ended: deque[dict[str, object]] = deque(maxlen=ENDED_SESSIONS_LISTED)
        self.handovers: dict[str, Handover] = {}
        self.chat_sent = self.deliveries = 0
        self.stream_ids = itertools.count(9001)
        self.journal.clear()

    # ── Helix ─────────────────────────────────────────────────────────────────────────────────────

    def bucket(self, client_id: str, user: User | None, now: float) -> Bucket:
        """Return the bucket of this pair; changed settings start it afresh."""
        key = (client_id, user.id if user else "")
        bucket = self.buckets.get(key)
        size, window = self.settings.bucket, self.settings.bucket_window
        if bucket is None or (bucket.size, bucket.window) != (size, window):
            bucket = self.buckets[key] = Bucket.full(size, window, now)
        return bucket

    def change_color(self, user: User, color: str, via: str) -> None:
        user.wear(color)
        self.journal.note("color", login=user.login, color=color, via=via, accepted=True)

    # ── EventSub sockets ──────────────────────────────────────────────────────────────────────────

    def arrive(self, wire: Wire) -> None:
        self.sockets[wire] = None
        self.speaking[wire.session.id] = wire

    def invite(self, old: Wire, mode: ReconnectMode, now: float) -> str:
        """Return the opaque part of a reconnect URL; a bad URL is one that nobody remembers."""
        opaque = secrets.token_urlsafe(24)
        if mode != "bad_url":
            self.handovers[opaque] = Handover(old, mode, now + self.settings.handover_seconds)
        return opaque

    def accept_invitation(self, opaque: str, now: float) -> Handover | None:
        handover = self.handovers.pop(opaque, None)
        if handover is None or handover.old not in self.sockets or now >= handover.until:
            return None
        return handover

    def hand_over(self, old: Wire, new: Wire) -> None:
        """Give the word to the new socket: subscriptions keep their ids and follow it."""
        carried = self.subscriptions.on_session(old.session.id)
        for subscription in carried:
            subscription.move(new.session.id, new.session.connected_stamp)
        new.session.owner, new.session.used = old.session.owner, bool(carried)
        self.speaking.pop(old.session.id, None)
        self.speaking[new.session.id] = new
        old.session.retire()
        new.session.predecessor = old.session.id

    def depart(self, wire: Wire, *, code: int, by: str, status: str, now: float) -> None:
        """A socket is gone: unless another has taken over, its subscriptions end with it."""
        if wire not in self.sockets:
            return  # it belonged to a world that was forgotten
        del self.sockets[wire]
        session = wire.session
        login = session.owner.login if session.owner else None
        if self.speaking.get(session.id) is wire:
            del self.speaking[session.id]
            for subscription in self.subscriptions.on_session(session.id):
                self.subscriptions.end(subscription, status, now)
        self.ended.append({"id": session.id, "login": login, "keepalive": session.keepalive, "code": code})
        self.journal.note("disconnect", login=login, session=session.id, code=code, by=by)

    def publish(
        self, type_: str, subject: User, event: bytes, *, id_: str | None = None, at: str | None = None
    ) -> int:
        """Tell every subscription to this event; return how many frames went out."""
        sent = 0
        for subscription in self.subscriptions.listening(type_, subject.id):
            wire = self.speaking.get(subscription.session_id)
            if wire is None:
                continue
            text = messages.notification(
                subscription.as_message_part, type_, subscription.version, event, id_=id_, at=at
            )
            sent += wire.send(text)
            if self.settings.handover_duplicates:
                sent += self._repeat_to_predecessor(wire, text)
        self.deliveries += sent
        return sent

    def _repeat_to_predecessor(self, wire: Wire, text: bytes) -> int:
        old = wire.session.predecessor
        return sum(o.send(text) for o in self.sockets if o.session.id == old and o is not wire)

    # ── Ends of permission ────────────────────────────────────────────────────────────────────────

    def revoke_subscription(self, subscription: Subscription, status: str, now: float) -> None:
        """End it and say so, once, on its socket."""
        self.subscriptions.end(subscription, status, now)
        text = messages.revocation(subscription.as_message_part, subscription.type, subscription.version)
        wire = self.speaking.get(subscription.session_id)
        if wire is not None:
            wire.send(text)
        user = self.users.find_id(subscription.owner[1])
        login = user.login if user else None
        self.journal.note("revocation", login=login, subscription=subscription.id, status=status)

    def end_grant(self, grant: Grant, via: str, now: float) -> None:
        """Kill its tokens; with a user's last grant to a client go the subscriptions made through it.

        That a revocation message follows ``POST /oauth2/revoke`` is an assumption; for a disconnected app
        and a changed password it is documented.
        """
        grant.disconnected = True
        user = grant.user
        self.journal.note("revoke", login=user.login if user else None, client_id=grant.client_id, via=via)
        if user is None or self.tokens.authorized(grant.client_id, user):
            return
        for subscription in self.subscriptions.enabled((grant.client_id, user.id)):
            self.revoke_subscription(subscription, "authorization_revoked", now)

    def disconnect_app(self, user: User, client_id: str | None, now: float) -> int:
        """The user disconnects the app (``None``: every app) or changes the password."""
        grants = [g for g in self.tokens.of(user) if not g.disconnected and client_id in (None, g.client_id)]
        for grant in grants:
            self.end_grant(grant, "control", now)
        return len(grants)

    def ban(self, channel: User, user: User, now: float) -> None:
        self.bans.add((channel.id, user.id))
        for subscription in list(self.subscriptions):
            reads = (subscription.condition.get("broadcaster_user_id"), subscription.condition.get("user_id"))
            if subscription.enabled and reads == (channel.id, user.id):
                self.revoke_subscription(subscription, "chat_user_banned", now)

    def check_not_banned(self, channel_id: str, user: User) -> None:
        if (channel_id, user.id) in self.bans:
            raise Refusal(403, "subscription missing proper authorization")
