"""One user's EventSub conversation without a wire: told what arrived and when, it says what to do.

Pure: no socket, no clock, no logger. Links are numbers; the shell owns their sockets. At any time
there is at most one `current` link, whose session holds our subscriptions, and one `next` link,
which is being dialled or has not said welcome yet. A link that was replaced is read to its end.

The rules are Twitch's: https://dev.twitch.tv/docs/eventsub/handling-websocket-events/
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from worker.eventsub.frames import Frame, Keepalive, Notification, Reconnect, Revocation, Unknown, Welcome

WELCOME_SECONDS = 15.0  # from dialling to the welcome
HANDOVER_SECONDS = 30.0  # Twitch closes the old socket 30 s after it asked for a handover
KEEPALIVE_LEEWAY_SECONDS = 1.5
PARTING_SECONDS = 5.0  # a replaced or refused link has this long to end by itself
STEADY_SECONDS = 60.0  # a session that lived this long proves that the trouble is over
OLDEST_SECONDS = 600.0  # replays older than ten minutes are not ours to answer
REMEMBERED = 10_000  # message ids
# Loops that only a change elsewhere can end: a client that speaks (4001), a session without
# subscriptions (4003). They are retried, but slowly.
SLOW_CODES = {4001: 60.0, 4003: 60.0}


@dataclass(frozen=True)
class Dial:
    link: int
    url: str


@dataclass(frozen=True)
class Subscribe:
    """The session is new: everything we want must be subscribed again, the first within 10 s."""

    session_id: str


@dataclass(frozen=True)
class Listening:
    """A handover is complete: the subscriptions came along to this session."""

    session_id: str


@dataclass(frozen=True)
class Deliver:
    kind: str
    event: dict[str, object]


@dataclass(frozen=True)
class Revoked:
    kind: str
    status: str
    condition: dict[str, object]


@dataclass(frozen=True)
class Close:
    """Say goodbye (code 1000) and read what is still coming."""

    link: int


@dataclass(frozen=True)
class Drop:
    """Forget the link at once: it is dead, or was given time enough."""

    link: int


@dataclass(frozen=True)
class Lost:
    """Nothing is being received any more; the next dial comes by itself ``retry_in`` seconds from now."""

    reason: str
    retry_in: float


Action = Dial | Subscribe | Listening | Deliver | Revoked | Close | Drop | Lost


class Conversation:
    """``delays`` makes a fresh series of back-off seconds."""

    def __init__(self, url: str, delays: Callable[[], Iterator[float]]) -> None:
        self._url = url
        self._new_delays = delays
        self._delays = delays()
        self._links = 0
        self._current: int | None = None
        self._current_since = 0.0
        self._next: int | None = None
        self._next_carries = False  # whether the next link brings our subscriptions along
        self._deadlines: dict[int, float] = {}  # link → when its silence becomes too long
        self._keepalive = 10.0
        self._dial_at: float | None = 0.0
        # Twitch's clock less our monotonic one: this machine's idea of the date may be wrong by hours.
        self._their_time: float | None = None
        self._seen: OrderedDict[str, None] = OrderedDict()

    @property
    def listening(self) -> bool:
        return self._current is not None

    @property
    def dialling(self) -> bool:
        return self._next is not None

    def deadline(self) -> float | None:
        """When ``wake`` must be called."""
        times = [*self._deadlines.values()]
        if self._dial_at is not None:
            times.append(self._dial_at)
        return min(times, default=None)

    def touch(self, link: int, now: float) -> None:
        """Something that needs no further look arrived: the link is alive."""
        if link == self._current:
            self._deadlines[link] = max(self._deadlines[link], now + self._keepalive)

    def receive(self, link: int, frame: Frame, now: float) -> Iterator[Action]:
        """Frames of a link that is no longer ours to hear are passed over."""
        if link not in self._deadlines:
            return
        self.touch(link, now)
        match frame:
            case Notification():
                yield from self._deliver(frame, now)
            case Welcome():
                yield from self._welcome(link, frame, now)
            case Reconnect(url=url) if link == self._current:
                yield from self._hand_over(url, now)
            case Revocation(kind=kind, status=status, condition=condition) if link == self._current:
                yield Revoked(kind, status, condition)
            case Keepalive(sent_at=sent_at):
                self._set_their_time(sent_at, now)
            case Unknown() | Reconnect() | Revocation():
                pass

    def lost(self, link: int, code: int | None, reason: str, now: float) -> Iterator[Action]:
        """The link has ended, whoever ended it; ``code`` is the WebSocket close code if one came."""
        if self._deadlines.pop(link, None) is None:
            return
        if link == self._current:
            self._current = None
            if now - self._current_since >= STEADY_SECONDS:
                self._delays = self._new_delays()
            if self._next is None or not self._next_carries:
                yield from self._try_again(reason, now, SLOW_CODES.get(code or 0, 0.0))
        elif link == self._next:
            yield from self._next_failed(reason, now)

    def wake(self, now: float) -> Iterator[Action]:
        """Do what time demands: give up on the silent, dial."""
        for link in [link for link, at in self._deadlines.items() if now >= at]:
            what = "no welcome" if link == self._next else "silence"
            yield Drop(link)
            yield from self.lost(link, None, what, now)
        if self._dial_at is not None and now >= self._dial_at:
            yield self._dial(self._url, now, carries=False)

    def abandon(self, reason: str, now: float, *, at_least: float = 0.0) -> Iterator[Action]:
        """The current session is of no use (it ended, or nothing could be subscribed): start over.

        The next dial comes after back-off, and not before ``at_least`` seconds.
        """
        if self._current is None:
            return
        link, self._current = self._current, None
        self._next_carries = False  # what a handover under way would bring along is not all that we want
        self._deadlines[link] = now + PARTING_SECONDS
        yield Close(link)
        yield from self._try_again(reason, now, at_least)

    def hang_up(self, now: float) -> Iterator[Action]:
        """End everything; ``wake`` dials again only after ``resume``."""
        self._dial_at = self._current = self._next = None
        for link in self._deadlines:
            self._deadlines[link] = now + PARTING_SECONDS
            yield Close(link)

    def resume(self, now: float) -> None:
        self._dial_at = now

    def _deliver(self, notification: Notification, now: float) -> Iterator[Action]:
        """Delivery is at least once: a repeat has the same id, or another id around the same chat message."""
        if self._age(notification, now) > OLDEST_SECONDS:
            return
        inner = notification.event.get("message_id")
        ids = [notification.message_id, f"{notification.kind}:{inner}"][: 2 if inner else 1]
        if any(id_ in self._seen for id_ in ids):
            return
        for id_ in ids:
            self._seen[id_] = None
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        yield Deliver(notification.kind, notification.event)

    def _set_their_time(self, sent_at: float | None, now: float) -> None:
        """Welcomes and keepalives are never repeated: what they say is Twitch's time."""
        if sent_at is not None:
            self._their_time = sent_at - now

    def _age(self, notification: Notification, now: float) -> float:
        """Seconds since Twitch sent it, by Twitch's own clock; 0.0 if that cannot be told."""
        if notification.sent_at is None or self._their_time is None:
            return 0.0
        return now + self._their_time - notification.sent_at

    def _welcome(self, link: int, welcome: Welcome, now: float) -> Iterator[Action]:
        if link != self._next:
            return
        old, self._current, self._next = self._current, link, None
        self._current_since = now
        self._set_their_time(welcome.sent_at, now)
        self._keepalive = welcome.keepalive_seconds + KEEPALIVE_LEEWAY_SECONDS
        self._deadlines[link] = now + self._keepalive
        yield (Listening if self._next_carries else Subscribe)(welcome.session_id)
        if old is not None:
            self._deadlines[old] = now + PARTING_SECONDS
            yield Close(old)

    def _hand_over(self, url: str, now: float) -> Iterator[Action]:
        """The current link goes on being read until the next one says welcome."""
        if self._next is not None:  # a second request: the first address is no longer good
            self._deadlines[self._next] = now + PARTING_SECONDS
            yield Close(self._next)
        yield self._dial(url, now, carries=True)
        if self._current is not None:
            # The old link may fall silent from here on; Twitch ends it by itself.
            self._deadlines[self._current] = now + HANDOVER_SECONDS + KEEPALIVE_LEEWAY_SECONDS

    def _next_failed(self, reason: str, now: float) -> Iterator[Action]:
        """A failed handover is followed by a plain connection at once, the old link still being read."""
        self._next = None
        if self._next_carries and self._current is not None:
            yield self._dial(self._url, now, carries=False)
        else:
            yield from self._try_again(reason, now)

    def _try_again(self, reason: str, now: float, at_least: float = 0.0) -> Iterator[Action]:
        if self._next is not None:
            return
        wait = max(next(self._delays), at_least)
        self._dial_at = now + wait
        if self._current is None:
            yield Lost(reason, wait)

    def _dial(self, url: str, now: float, *, carries: bool) -> Dial:
        self._links += 1
        self._next, self._next_carries, self._dial_at = self._links, carries, None
        wait = HANDOVER_SECONDS if carries else WELCOME_SECONDS
        self._deadlines[self._next] = now + wait
        return Dial(self._next, url)
