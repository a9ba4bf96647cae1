"""The color job of one user: hears own messages and orders, changes the color, remembers."""

import random
import time
from collections import deque
from typing import NamedTuple

from pydantic import BaseModel, ValidationError
from structlog.typing import FilteringBoundLogger

from shared.backoff import delays
from shared.errors import TryLater
from shared.messages import Do
from shared.settings import Color
from worker.color.changer import Change, Changer
from worker.color.colors import Palette, as_hex, is_hex, parse_color
from worker.color.commands import Command, Nonsense, SetColor, SwitchOff, SwitchOn, parse_command
from worker.patience import RateLimited
from worker.state import COLORS_KEPT, StateFile
from worker.twitch.helix import ColorRefused, Helix
from worker.vitals import Fact, Vitals

SCOPES = {
    "user:read:chat": "to see your own messages",
    "user:manage:chat_color": "to change your color",
}
CHAT_MESSAGE = "channel.chat.message"
HEX_REFUSALS = 2  # in a row, before falling back to names
HEX_RETRY_SECONDS = 24 * 3600.0
LATENCIES_KEPT = 500


class Summary(NamedTuple):
    """What people want to know: short sentences, the last of them true since ``changed_at`` (Unix)."""

    remarks: list[str]
    changed_at: float | None
    facts: dict[str, Fact]


class _ChatMessage(BaseModel):
    class _Text(BaseModel):
        text: str

    chatter_user_id: str
    broadcaster_user_login: str
    message: _Text


class ColorJob:
    def __init__(
        self,
        settings: Color,
        *,
        own_id: str,
        helix: Helix,
        file: StateFile,
        vitals: Vitals,
        log: FilteringBoundLogger,
    ) -> None:
        self._own_id = own_id
        self._helix = helix
        self._file = file
        self._state = file.state
        self._vitals = vitals
        self._log = log
        self._palette = Palette(settings, random.Random())
        self._changer = Changer(lambda: delays(first=0.5, cap=30.0))
        self._hex_refusals = 0
        self._latencies: deque[float] = deque(maxlen=LATENCIES_KEPT)  # seconds
        self._current = self._state.colors[-1] if self._state.colors else None
        self._changed_at: float | None = None

    @property
    def limited(self) -> bool:
        """Whether a change waits until Twitch takes requests again."""
        return self._changer.limited

    def deadline(self) -> float | None:
        """When ``act`` has something to do, on the monotonic clock."""
        return self._changer.due()

    def hear(self, kind: str, event: dict[str, object], arrived_at: float) -> None:
        """Decide on one event. Other people's messages change nothing."""
        if kind != CHAT_MESSAGE:
            return
        try:
            message = _ChatMessage.model_validate(event)
        except ValidationError as fault:
            self._vitals.count("unreadable")
            self._log.warning("chat message not understood", faults=fault.error_count())
            return
        self._vitals.count("messages")
        if message.chatter_user_id != self._own_id:
            return
        self._vitals.count("own_messages")
        channel = message.broadcaster_user_login
        command = parse_command(message.message.text)
        if command is not None:
            self._obey(command, channel, arrived_at)
        elif self._state.switched_on:
            self._changer.want(Change(self._next_color(), channel, arrived_at))

    def order(self, order: Do) -> str:
        """Carry out ``roost color USER …``; raise ``ValueError`` with what is wrong with it."""
        match order.action, order.args:
            case "color", ["on"]:
                self._switch(on=True)
                return "color changes are on"
            case "color", ["off"]:
                self._switch(on=False)
                return "color changes are off"
            case "color", ["set", text]:
                color = parse_color(text)
                self._changer.want(Change(color, "(order)", time.monotonic(), explicit=True))
                return f"changing to {color}"
        raise ValueError(f"{order.action} {' '.join(order.args)}: not an order for the color job".strip())

    def session_began(self) -> None:
        """Nobody tells us of color changes made elsewhere: ask, now that messages may have been missed."""
        try:
            self._current = self._helix.color(self._own_id) or self._current
        except TryLater as away:
            self._log.info("current color not known", reason=str(away))

    def act(self) -> None:
        """Try the pending change if it is time to. Raises ``SignInNeeded``."""
        due, change = self._changer.due(), self._changer.pending
        if due is None or change is None or time.monotonic() < due:
            return
        try:
            self._helix.change_color(self._own_id, change.color)
        except ColorRefused as refused:
            self._refused(change, str(refused))
        except RateLimited as limited:
            self._changer.held(time.monotonic(), limited.seconds)
            self._count_failure("rate_limited")
            self._log.warning("rate limited", retry_in=round(limited.seconds, 1))
        except TryLater as away:
            retry_in = self._changer.failed(time.monotonic())
            self._count_failure("unavailable")
            self._log.warning("color not changed yet", reason=str(away), retry_in=round(retry_in, 1))
        else:
            self._accepted(change)

    def _obey(self, command: Command, channel: str, arrived_at: float) -> None:
        match command:
            case SwitchOn():
                self._switch(on=True, channel=channel)
            case SwitchOff():
                self._switch(on=False, channel=channel)
            case SetColor(color=color):
                self._changer.want(Change(color, channel, arrived_at, explicit=True))
            case Nonsense(reason=reason):
                self._log.warning("color command not understood", channel=channel, reason=reason)

    def _switch(self, *, on: bool, channel: str | None = None) -> None:
        self._state.switched_on = on
        self._file.save()
        pending = self._changer.pending
        if not on and pending is not None and not pending.explicit:
            self._changer.drop()
        self._vitals.fact(switched_on=on)
        self._log.info("color changes switched", on=on, channel=channel or "(order)")

    def _next_color(self) -> str:
        """The color after the newest one wanted, which may still be on its way."""
        pending = self._changer.pending
        last = as_hex(pending.color) if pending else self._current
        return self._palette.next_color(last, hex_allowed=self._hex_allowed())

    def _hex_allowed(self) -> bool:
        refused_at = self._state.hex_refused_at
        return refused_at is None or time.time() - refused_at >= HEX_RETRY_SECONDS

    def _accepted(self, change: Change) -> None:
        now = time.monotonic()
        self._changer.settled()
        self._latencies.append(now - change.asked_at)
        self._current = as_hex(change.color)
        self._changed_at = time.time()
        self._state.colors = [*self._state.colors[1 - COLORS_KEPT :], self._current]
        if is_hex(change.color):
            self._hex_refusals = 0
            self._state.hex_refused_at = None
        self._file.changed()
        self._vitals.count("changes")
        self._log.info(
            "color changed",
            color=change.color,
            channel=change.channel,
            latency_ms=round((now - change.asked_at) * 1000, 1),
        )

    def _refused(self, change: Change, reason: str) -> None:
        """A refused hex color mostly means that the user has neither Turbo nor Prime."""
        self._changer.settled()
        self._count_failure("refused")
        self._log.warning("color refused", color=change.color, channel=change.channel, reason=reason)
        if not is_hex(change.color):
            return
        self._hex_refusals += 1
        if self._hex_refusals >= HEX_REFUSALS:
            self._state.hex_refused_at = time.time()
            self._file.save()
            self._log.warning("hex colors off", reason="refused twice in a row", retry_in=HEX_RETRY_SECONDS)
        if not change.explicit:
            self._changer.want(Change(self._next_color(), change.channel, change.asked_at))

    def _count_failure(self, kind: str) -> None:
        self._vitals.count("failures")
        self._vitals.count(f"failures_{kind}")

    def summary(self) -> Summary:
        remarks = [f"{self._vitals.counters['changes']} changes"]
        if not self._state.switched_on:
            remarks.append("switched off")
        if not self._hex_allowed():
            remarks.append("no hex colors (no Turbo or Prime)")
        if self._changer.broken:
            remarks.append("Twitch does not take colors, trying once a minute")
        if self._current is not None:
            remarks.append(f"last {self._current}")
        latencies = sorted(self._latencies)
        facts: dict[str, Fact] = {
            "last_color": self._current,
            "switched_on": self._state.switched_on,
            "hex_allowed": self._hex_allowed(),
            "latency_p50_ms": _percentile(latencies, 0.50),
            "latency_p99_ms": _percentile(latencies, 0.99),
        }
        return Summary(remarks, self._changed_at, facts)


def _percentile(ordered: list[float], share: float) -> float | None:
    """Milliseconds; ``None`` of nothing."""
    return round(ordered[int(share * (len(ordered) - 1))] * 1000, 2) if ordered else None
