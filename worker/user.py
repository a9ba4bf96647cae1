"""One user's work from sign-in to goodbye: an EventSub conversation plus the user's jobs."""

import time
from functools import partial
from typing import NoReturn

from structlog.typing import FilteringBoundLogger

from shared import files
from shared.settings import Color, WorkerSettings
from worker import tls
from worker.color.job import CHAT_MESSAGE, SCOPES, ColorJob
from worker.eventsub.listener import Listener
from worker.eventsub.subscriptions import Topic
from worker.eventsub.wire import Wire
from worker.lock import UserLock
from worker.patience import insist
from worker.state import StateFile
from worker.twitch.access import Access
from worker.twitch.helix import Helix
from worker.twitch.http import Http
from worker.twitch.oauth import OAuth, SignInNeeded
from worker.waiting import Waiter


class UserWorker:
    def __init__(self, settings: WorkerSettings, waiter: Waiter, log: FilteringBoundLogger) -> None:
        self._settings = settings
        self._waiter = waiter
        self._log = log

    def run(self) -> NoReturn:
        """Work until a wait raises ``Stopping``. Raises ``ConfigurationFault`` and ``SignInRefused``."""
        self._waiter.ready()
        if self._settings.color is None:
            self._idle()
        self._move_in()
        try:
            self._begin(self._settings.color)
            self._listen()
        finally:
            self._remember()

    def _listen(self) -> NoReturn:
        try:
            while True:
                try:
                    self._turn()
                except SignInNeeded as finished:
                    self._sign_in_again(str(finished))
        finally:
            self._listener.hang_up()  # a session that Twitch knows to be over counts against no limit

    def _turn(self) -> None:
        self._waiter.turn(self._next_deadline())
        self._listener.work()
        self._color.act()
        self._keep_access()
        self._save_when_due()
        self._waiter.vitals.phase = "rate-limited" if self._color.limited else self._listener.phase

    def _idle(self) -> NoReturn:
        self._waiter.vitals.phase = "no jobs"
        while True:
            self._waiter.turn(None)

    def _move_in(self) -> None:
        """Own the user's folder, alone, and read what the last worker left there."""
        folder = self._settings.user_dir
        try:
            files.make_private_directory(folder)
            self._lock = UserLock(folder / "lock")
            self._lock.acquire(self._waiter, self._log)
            self._file = StateFile(folder / "state.json", self._log)
        except OSError as refused:
            raise files.fault(refused, folder) from refused
        counters = self._waiter.vitals.counters
        for counted in (self._file.state.counters, self._settings.counted):
            for name, count in counted.items():
                counters[name] = max(counters[name], count)

    def _begin(self, color: Color) -> None:
        """Have valid tokens and the channels' ids before connecting: Twitch waits 10 s for a subscription."""
        settings, waiter, log = self._settings, self._waiter, self._log
        http = Http(settings.twitch.ca_file, waiter.breathe)
        oauth = OAuth(http, settings.twitch)
        self._access = Access(
            settings, oauth=oauth, file=self._file, lock=self._lock, scopes=SCOPES, waiter=waiter, log=log
        )
        self._access.establish()
        self._helix = Helix(http, settings.twitch, self._access)
        waiter.vitals.phase = "connecting"
        ids = self._resolve_channels()
        own_id = self._access.user_id
        self._color = ColorJob(
            color, own_id=own_id, helix=self._helix, file=self._file, vitals=waiter.vitals, log=log
        )
        waiter.obey = self._color.order
        waiter.vitals.describe = self._describe
        self._listener = Listener(
            topics=[_chat_of(channel, id_, own_id) for channel, id_ in ids.items()],
            own_id=own_id,
            waiter=waiter,
            helix=self._helix,
            dial=partial(Wire, tls=tls.context(settings.twitch.ca_file), waiter=waiter),
            url=settings.twitch.eventsub_url,
            on_event=self._color.hear,
            on_session=self._color.session_began,
            on_gone=self._forget_id,
            log=log,
        )

    def _describe(self) -> None:
        """Say what people want to see; called before each beat that has something to tell."""
        vitals = self._waiter.vitals
        color = self._color.summary()
        vitals.say(", ".join([*self._listener.remarks(), *color.remarks]), color.changed_at)
        vitals.fact(**color.facts)

    def _next_deadline(self) -> float | None:
        times = (
            self._listener.deadline(),
            self._color.deadline(),
            self._access.due(),
            self._file.due(),
        )
        return min((at for at in times if at is not None), default=None)

    def _keep_access(self) -> None:
        if time.monotonic() >= self._access.due():
            self._access.keep()

    def _save_when_due(self) -> None:
        due = self._file.due()
        if due is not None and time.monotonic() >= due:
            self._remember()

    def _remember(self) -> None:
        """Counters change with every message: they are saved along with what matters more."""
        self._file.state.counters = dict(self._waiter.vitals.counters)
        self._file.save()

    def _sign_in_again(self, why: str) -> None:
        """Nothing that is still subscribed would be of use: leave, and come back with new tokens."""
        self._listener.hang_up()
        self._access.sign_in(why)
        self._listener.resume()

    def _forget_id(self, channel: str) -> None:
        """Twitch does not know the id (any more): the next start asks whose the name is now."""
        self._file.state.ids.pop(channel, None)
        self._file.changed()

    def _resolve_channels(self) -> dict[str, str]:
        """Ids of the channels that exist, asked for once and remembered. Waits as long as it takes."""
        known = self._file.state.ids
        channels = self._settings.channels
        unknown = [channel for channel in channels if channel not in known]
        if unknown:
            ask = partial(self._helix.users, unknown)
            while True:
                try:
                    known |= insist(ask, what="the channels' ids", pause=self._waiter.pause, log=self._log)
                    break
                except SignInNeeded as finished:
                    self._access.sign_in(str(finished))
            self._file.changed()
        for channel in channels:
            if channel not in known:
                self._log.error("no such channel", channel=channel, remedy="correct `channels`, then reload")
        return {channel: known[channel] for channel in channels if channel in known}


def _chat_of(channel: str, channel_id: str, own_id: str) -> Topic:
    condition = (("broadcaster_user_id", channel_id), ("user_id", own_id))
    return Topic(CHAT_MESSAGE, "1", condition, channel)
