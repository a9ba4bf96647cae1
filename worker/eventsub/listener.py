"""The shell round the conversation: sockets, subscriptions, and the queue between reading and deciding.

Reading goes on inside every wait of the worker and only fills `_inbox`; deciding happens in
``work``, one frame after the other. So nothing that a decision leads to, however slow, delays the
reading by more than one HTTP call, and nothing is decided twice or out of order.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from shared.backoff import delays
from shared.errors import TryLater
from worker.eventsub.conversation import (
    Action,
    Close,
    Conversation,
    Deliver,
    Dial,
    Drop,
    Listening,
    Lost,
    Revoked,
    Subscribe,
)
from worker.eventsub.frames import BadFrame, Unknown, decode
from worker.eventsub.sieve import is_foreign
from worker.eventsub.subscriptions import Subscriptions, Topic
from worker.eventsub.wire import Wire
from worker.patience import RateLimited
from worker.twitch.helix import Helix, Subscribed
from worker.twitch.oauth import SignInNeeded
from worker.waiting import Waiter

NO_ROOM_SECONDS = 120.0  # limits on connections and subscriptions clear in minutes, not seconds
REFUSED_SECONDS = 3600.0  # a ban may end, an account come back
LONGEST_BACKOFF_SECONDS = 60.0
RETRY_SECONDS = 1.0

REVOKED = {
    "user_removed": "the channel is gone",
    "chat_user_banned": "banned from this channel's chat",
    "version_removed": "Twitch no longer offers this: update Streamroost",
}


@dataclass(frozen=True)
class _Text:
    link: int
    data: bytes
    arrived_at: float  # monotonic


@dataclass(frozen=True)
class _End:
    link: int
    code: int | None
    reason: str


Happened = Callable[[str, dict[str, object], float], None]


class Listener:
    """``on_event(kind, event, arrived_at)`` is called once for each event; ``on_session`` whenever events
    may have been missed and everything is subscribed again; ``on_gone(channel)`` for one that Twitch does
    not know."""

    def __init__(
        self,
        topics: list[Topic],
        *,
        own_id: str,
        waiter: Waiter,
        helix: Helix,
        dial: Callable[..., Wire],
        url: str,
        on_event: Happened,
        on_session: Callable[[], None],
        on_gone: Callable[[str], None],
        log: FilteringBoundLogger,
    ) -> None:
        self._subscriptions = Subscriptions(topics)
        self._needle = f'"{own_id}"'.encode()
        self._waiter = waiter
        self._helix = helix
        self._dial = dial
        self._on_event = on_event
        self._on_session = on_session
        self._on_gone = on_gone
        self._log = log
        self._conversation = Conversation(url, lambda: delays(cap=LONGEST_BACKOFF_SECONDS))
        self._wires: dict[int, Wire] = {}
        self._inbox: deque[_Text | _End] = deque()
        self._session = ""
        self._announced = False  # whether it was said of this session that we listen
        self._limited = False
        self._complained: set[str] = set()

    @property
    def phase(self) -> str:
        if not self._conversation.listening:
            return "connecting" if self._conversation.dialling else "reconnecting"
        if self._subscriptions.answered:
            return "listening"
        return "rate-limited" if self._limited else "subscribing"

    def remarks(self) -> list[str]:
        """What is not as it should be, for people."""
        return [f"not in {topic.channel} ({why})" for topic, why in self._subscriptions.missing.items()]

    def deadline(self) -> float | None:
        """When ``work`` has something to do, on the monotonic clock."""
        if self._inbox:
            return 0.0
        times = (self._conversation.deadline(), self._subscriptions.due())
        return min((at for at in times if at is not None), default=None)

    def work(self) -> None:
        """Decide on what has arrived, then do what is due. Raises ``SignInNeeded``."""
        while self._inbox:
            happened = self._inbox.popleft()
            if isinstance(happened, _Text):
                self._hear(happened)
            else:
                self._wires.pop(happened.link, None)
                now = time.monotonic()
                self._log.info("link ended", link=happened.link, code=happened.code, reason=happened.reason)
                self._obey(
                    list(self._conversation.lost(happened.link, happened.code, happened.reason, now)), now
                )
        now = time.monotonic()
        self._obey(list(self._conversation.wake(now)), now)
        topic = self._subscriptions.next(now)
        if topic is not None:
            self._subscribe(topic)

    def hang_up(self) -> None:
        """Leave the platform alone until ``resume``."""
        self._subscriptions.end()
        now = time.monotonic()
        self._obey(list(self._conversation.hang_up(now)), now)

    def resume(self) -> None:
        self._conversation.resume(time.monotonic())

    def _hear(self, text: _Text) -> None:
        try:
            frame = decode(text.data)
        except BadFrame as bad:
            self._conversation.touch(text.link, text.arrived_at)
            self._complain_once("frame not understood", str(bad))
            return
        if isinstance(frame, Unknown):
            self._complain_once("unknown message type", frame.message_type)
        actions = list(self._conversation.receive(text.link, frame, text.arrived_at))
        self._obey(actions, text.arrived_at)

    def _obey(self, actions: list[Action], at: float) -> None:
        for action in actions:
            match action:
                case Deliver(kind=kind, event=event):
                    self._on_event(kind, event, at)
                case Dial() | Close() | Drop():
                    self._connect(action)
                case Subscribe(session_id=session_id):
                    self._begin_session(session_id)
                case Listening(session_id=session_id):
                    self._session = session_id
                    self._log.info("handover done")
                case Revoked(kind=kind, status=status, condition=condition):
                    self._revoked(kind, status, condition, at)
                case Lost(reason=reason, retry_in=retry_in):
                    self._subscriptions.end()
                    self._waiter.vitals.count("disconnects")
                    self._log.warning("connection lost", reason=reason, retry_in=round(retry_in, 1))

    def _connect(self, action: Dial | Close | Drop) -> None:
        match action:
            case Dial(link=link, url=url):
                self._open(link, url)
            case Close(link=link) if link in self._wires:
                self._wires[link].close()
            case Drop(link=link) if link in self._wires:
                self._wires.pop(link).drop()

    def _open(self, link: int, url: str) -> None:
        wire = self._dial(
            url,
            on_text=lambda data: self._sift(link, data),
            on_end=lambda code, reason: self._inbox.append(_End(link, code, reason)),
        )
        self._wires[link] = wire

    def _sift(self, link: int, data: bytes) -> None:
        """Called for each message while the worker waits, thousands of times a second in a busy channel."""
        now = time.monotonic()
        if is_foreign(data, self._needle):
            self._conversation.touch(link, now)
            self._waiter.vitals.count("messages")
        else:
            self._inbox.append(_Text(link, data, now))

    def _begin_session(self, session_id: str) -> None:
        self._session = session_id
        self._announced = False
        self._subscriptions.begin()

    def _subscribe(self, topic: Topic) -> None:
        """One subscription a turn, so that frames are heard between them."""
        try:
            answer = self._helix.subscribe(topic.kind, topic.version, dict(topic.condition), self._session)
        except TryLater as away:
            self._limited = isinstance(away, RateLimited)
            wait = away.seconds if isinstance(away, RateLimited) else RETRY_SECONDS
            self._subscriptions.postpone(time.monotonic() + wait)
            self._log.warning("not subscribed yet", channel=topic.channel, reason=str(away), retry_in=wait)
            return
        now = time.monotonic()
        self._limited = False
        match answer:
            case Subscribed.YES:
                self._subscriptions.granted(topic)
                if self._announced:
                    self._log.info("subscribed", channel=topic.channel)
            case Subscribed.NO_SESSION:
                self._give_up_session("Twitch no longer knows the session", now, 0.0)
                return
            case _:
                self._log.error("not subscribed", channel=topic.channel, reason=answer.value)
                wait = NO_ROOM_SECONDS if answer is Subscribed.NO_ROOM else REFUSED_SECONDS
                self._subscriptions.refused(topic, answer.value, now + wait)
        if answer is Subscribed.NO_SUCH_USER:
            self._on_gone(topic.channel)
        self._take_stock("nothing could be subscribed", now)

    def _take_stock(self, when_nothing: str, now: float) -> None:
        """After each answer. Twitch ends a session without subscriptions (4003): so do we."""
        subscriptions = self._subscriptions
        self._waiter.vitals.fact(
            channels=len(subscriptions.active), channels_wanted=len(subscriptions.wanted)
        )
        if not subscriptions.answered:
            return
        if not subscriptions.active:
            self._give_up_session(when_nothing, now, NO_ROOM_SECONDS)
        elif not self._announced:
            self._announced = True
            self._log.info("listening", channels=sorted(topic.channel for topic in subscriptions.active))
            self._on_session()

    def _give_up_session(self, reason: str, now: float, at_least: float) -> None:
        self._subscriptions.end()
        self._obey(list(self._conversation.abandon(reason, now, at_least=at_least)), now)

    def _revoked(self, kind: str, status: str, condition: dict[str, object], now: float) -> None:
        """https://dev.twitch.tv/docs/eventsub/handling-websocket-events/#revocation-message"""
        if status == "authorization_revoked":
            raise SignInNeeded("Twitch says that the authorization was revoked")
        gone = self._subscriptions.like(kind, condition)
        for topic in gone:
            self._subscriptions.refused(topic, REVOKED.get(status, status), now + REFUSED_SECONDS)
        channels = sorted(topic.channel for topic in gone)
        self._log.error("subscription revoked", channels=channels, kind=kind, status=status)
        self._take_stock("every subscription was revoked", now)

    def _complain_once(self, event: str, sample: str) -> None:
        if event not in self._complained:
            self._complained.add(event)
            self._log.warning(event, sample=sample)
