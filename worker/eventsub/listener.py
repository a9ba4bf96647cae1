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
from worker.eventsub.wire import Wire
from worker.patience import RateLimited
from worker.twitch.helix import Helix, Subscribed
from worker.twitch.oauth import SignInNeeded
from worker.waiting import Waiter

NO_ROOM_SECONDS = 120.0  # limits on connections and subscriptions clear in minutes, not seconds
LONGEST_BACKOFF_SECONDS = 60.0
RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Topic:
    """One subscription that we want; ``channel`` is its name for people."""

    kind: str
    version: str
    condition: tuple[tuple[str, str], ...]
    channel: str


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
    """``on_event(kind, event, arrived_at)`` is called once for each event; ``on_session`` whenever events may
    have been missed and everything is subscribed again."""

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
        log: FilteringBoundLogger,
    ) -> None:
        self._topics = topics
        self._needle = f'"{own_id}"'.encode()
        self._waiter = waiter
        self._helix = helix
        self._dial = dial
        self._on_event = on_event
        self._on_session = on_session
        self._log = log
        self._conversation = Conversation(url, lambda: delays(cap=LONGEST_BACKOFF_SECONDS))
        self._wires: dict[int, Wire] = {}
        self._inbox: deque[_Text | _End] = deque()
        self._session = ""
        self._unsubscribed: deque[Topic] = deque()
        self._subscribe_at = 0.0
        self._active: set[Topic] = set()
        self._complained: set[str] = set()

    def deadline(self) -> float | None:
        """When ``work`` has something to do, on the monotonic clock."""
        if self._inbox:
            return 0.0
        subscribe_at = self._subscribe_at if self._unsubscribed else None
        times = [at for at in (self._conversation.deadline(), subscribe_at) if at is not None]
        return min(times, default=None)

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
        if self._unsubscribed and now >= self._subscribe_at:
            self._subscribe_next()

    def hang_up(self) -> None:
        """Leave the platform alone until ``resume``."""
        self._forget_session()
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
        actions = list(self._conversation.receive(text.link, frame, text.arrived_at, time.time()))
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
                case Listening():
                    self._log.info("handover done")
                case Revoked(kind=kind, status=status, condition=condition):
                    self._revoked(kind, status, condition)
                case Lost(reason=reason, retry_in=retry_in):
                    self._forget_session()
                    self._waiter.vitals.phase = "reconnecting"
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
        if not self._conversation.listening:
            self._waiter.vitals.phase = "connecting"
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
        self._active.clear()
        self._unsubscribed = deque(self._topics)
        self._subscribe_at = 0.0
        self._waiter.vitals.phase = "subscribing"

    def _forget_session(self) -> None:
        self._active.clear()
        self._unsubscribed.clear()

    def _subscribe_next(self) -> None:
        """One subscription a turn, so that frames are heard between them."""
        topic = self._unsubscribed[0]
        try:
            answer = self._helix.subscribe(topic.kind, topic.version, dict(topic.condition), self._session)
        except TryLater as away:
            wait = away.seconds if isinstance(away, RateLimited) else RETRY_SECONDS
            self._subscribe_at = time.monotonic() + wait
            self._log.warning("not subscribed yet", channel=topic.channel, reason=str(away), retry_in=wait)
            return
        self._unsubscribed.popleft()
        now = time.monotonic()
        if answer is Subscribed.NO_SESSION:
            self._give_up_session("Twitch no longer knows the session", now, 0.0)
            return
        if answer is Subscribed.YES:
            self._active.add(topic)
        else:
            self._log.error("not subscribed", channel=topic.channel, reason=answer.value)
        if not self._unsubscribed:
            self._all_asked(now)

    def _all_asked(self, now: float) -> None:
        if not self._active:
            self._give_up_session("nothing could be subscribed", now, NO_ROOM_SECONDS)
            return
        self._waiter.vitals.phase = "listening"
        self._waiter.vitals.fact(channels=len(self._active), channels_wanted=len(self._topics))
        self._log.info("listening", channels=sorted(topic.channel for topic in self._active))
        self._on_session()

    def _give_up_session(self, reason: str, now: float, at_least: float) -> None:
        self._forget_session()
        self._obey(list(self._conversation.abandon(reason, now, at_least=at_least)), now)

    def _revoked(self, kind: str, status: str, condition: dict[str, object]) -> None:
        if status == "authorization_revoked":
            raise SignInNeeded("Twitch says that the authorization was revoked")
        gone = {topic for topic in self._active if dict(topic.condition) == condition and topic.kind == kind}
        self._active -= gone
        self._waiter.vitals.fact(channels=len(self._active))
        channels = sorted(topic.channel for topic in gone)
        self._log.error("subscription revoked", channels=channels, kind=kind, status=status)

    def _complain_once(self, event: str, sample: str) -> None:
        if event not in self._complained:
            self._complained.add(event)
            self._log.warning(event, sample=sample)
