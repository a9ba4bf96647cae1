"""One user's access to Twitch: valid tokens, from wherever they can be had.

In this order: the vault, the tokens of an older configuration, a refresh, and a person. A refresh
token of a public client works once, so the new pair is durable before the first request uses it,
and the disk has proved that it can take it before the old one is spent.
"""

import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping

from pydantic import SecretStr
from structlog.typing import FilteringBoundLogger

from shared import files
from shared.backoff import delays
from shared.errors import TryLater
from shared.settings import WorkerSettings
from worker.apart import apart
from worker.lock import UserLock
from worker.patience import insist
from worker.state import StateFile
from worker.twitch.http import Http
from worker.twitch.oauth import OAuth, SignInNeeded, Validation
from worker.twitch.sign_in import ask_to_sign_in
from worker.vault import Tokens, Vault, VaultDamaged
from worker.waiting import Waiter

VALIDATE_SECONDS = 3600.0  # https://dev.twitch.tv/docs/authentication/validate-tokens/
REFRESH_AHEAD_SECONDS = 3600.0
FRESH_SECONDS = 60.0  # the least time between two refreshes that nobody has asked for
TRADE_SECONDS = 30.0  # an answer that is not waited for may have spent the token


class Access:
    """``scopes`` maps each scope the user's jobs need to the reason why."""

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        oauth: OAuth,
        file: StateFile,
        lock: UserLock,
        scopes: Mapping[str, str],
        waiter: Waiter,
        log: FilteringBoundLogger,
    ) -> None:
        self._settings = settings
        self._oauth = oauth
        self._file = file
        self._lock = lock
        self._scopes = scopes
        self._waiter = waiter
        self._log = log
        self._vault = Vault(settings.user_dir / "tokens", settings.keys)
        self._tokens: Tokens | None = None
        self._fresh = False  # whether this process has been given the tokens, or found them
        self._seed: str | None = None  # digest of tokens taken over but not yet stored
        self._answer_lost = False
        self._validate_at = 0.0
        self._refresh_at = 0.0
        self._delays = delays(cap=60.0)

    @property
    def user_id(self) -> str:
        return (self._tokens and self._tokens.user_id) or ""

    @property
    def bearer(self) -> str:
        """The value of Helix's Authorization header."""
        return f"Bearer {self._require().access_token.get_secret_value()}"

    def establish(self) -> None:
        """Have validated tokens when this returns, however long it takes; ask a person only at the end."""
        why = "nobody has signed in yet"
        try:
            self._tokens = self._vault.load()
        except VaultDamaged as damage:
            why = "the stored tokens could not be read"
            self._log.error("vault damaged", reason=str(damage))
        except OSError as refused:
            raise files.fault(refused, self._vault.path) from refused
        self._waiter.vitals.phase = "validating"
        if self._tokens is None:
            self._take_over_seed()
        if self._tokens is not None:
            try:
                self._insist(self._prove, "a valid token")
                return
            except SignInNeeded as finished:
                why = str(finished)
        self.sign_in(why)

    def sign_in(self, why: str) -> None:
        """Ask a person, until the right one has signed in."""
        while True:
            tokens = ask_to_sign_in(self._oauth, self._scopes, why, self._waiter, self._log)
            self._tokens = tokens.model_copy(update={"user_id": self.user_id or None})
            self._fresh = True
            self._insist(self._save, "the new tokens stored")
            try:
                self._insist(self._prove, "the new token validated")
            except SignInNeeded as wrong:
                why = str(wrong)
            else:
                self._log.info("signed in", user_id=self.user_id)
                return

    def due(self) -> float:
        """When ``keep`` has something to do, on the monotonic clock."""
        return min(self._validate_at, self._refresh_at)

    def keep(self) -> None:
        """Validate or refresh if it is time to. Raises ``SignInNeeded`` when the tokens are finished."""
        now = time.monotonic()
        try:
            if now >= self._refresh_at:
                self.refresh()
            if now >= self._validate_at:
                self._prove()
        except TryLater as away:
            retry_in = next(self._delays)
            self._refresh_at = max(self._refresh_at, now + retry_in)
            self._validate_at = max(self._validate_at, now + retry_in)
            self._log.warning("token not checked", reason=str(away), retry_in=round(retry_in, 1))

    def refresh(self) -> None:
        """Trade the pair for a new one, now. Raises ``TryLater``, or ``SignInNeeded`` if it is refused."""
        old = self._require()
        self._save()  # proves that the disk can take the new pair before the old one is spent
        try:
            fresh = apart(lambda: self._trade(old), keep={self._lock.fileno()}, waiter=self._waiter)
        except TryLater:
            self._answer_lost = True
            raise
        except SignInNeeded as refused:
            if self._answer_lost:
                raise SignInNeeded(
                    f"{refused}; an earlier answer was lost on the way and has spent the token"
                ) from None
            raise
        self._answer_lost = False
        self._fresh = True
        self._tokens = fresh
        self._save()
        self._schedule_refresh(fresh.expires_at - time.time())
        self._log.info("token refreshed", expires_in=round(fresh.expires_at - time.time()))

    def _trade(self, old: Tokens) -> Tokens:
        """The new pair, stored; in a process and over a connection of its own."""
        http = Http(self._settings.twitch.ca_file, read_seconds=TRADE_SECONDS)
        oauth = OAuth(http, self._settings.twitch)
        fresh = oauth.refresh(old).model_copy(update={"user_id": old.user_id})
        with contextlib.suppress(OSError):  # the worker, if it still lives, will try again to store it
            self._vault.save(fresh)
        return fresh

    def _require(self) -> Tokens:
        if self._tokens is None:
            raise SignInNeeded("nobody has signed in yet")
        return self._tokens

    def _prove(self) -> None:
        """Validate the token, refreshing it first if need be, and check that it is what we need."""
        tokens = self._require()
        validation = None
        if tokens.expires_at > time.time():
            validation = self._oauth.validate(tokens.access_token)
        if validation is None:
            self.refresh()
            tokens = self._require()
            validation = self._oauth.validate(tokens.access_token)
            if validation is None:
                raise TryLater("Twitch does not know the token that it has just given")
        self._check(validation)
        if tokens.user_id is None:
            self._tokens = tokens.model_copy(update={"user_id": validation.user_id})
            self._save()
        self._validate_at = time.monotonic() + VALIDATE_SECONDS
        self._delays = delays(cap=60.0)
        self._schedule_refresh(validation.expires_in)

    def _check(self, validation: Validation) -> None:
        """Raises ``SignInNeeded`` for tokens of another client or account, or without a scope we need."""
        if validation.client_id != self._oauth.client_id:
            raise SignInNeeded("the stored tokens belong to another client id")
        known = self.user_id
        if validation.user_id != known and (known or validation.login != self._settings.username):
            raise SignInNeeded(
                f"{validation.login} signed in, but this worker is for {self._settings.username}: "
                "sign in with that account"
            )
        if known and validation.login != self._settings.username:
            self._log.warning("user was renamed", login=validation.login)
        lacking = [
            f"{scope} ({why})" for scope, why in self._scopes.items() if scope not in validation.scopes
        ]
        if lacking:
            raise SignInNeeded(f"the sign-in lacks {', '.join(sorted(lacking))}")

    def _schedule_refresh(self, life: float) -> None:
        """An hour ahead of the end, or now; but one that was just given keeps at least half its life.

        However short that is, refreshing does not become a pastime: a 401 still refreshes at once.
        """
        earliest = max(life / 2, FRESH_SECONDS) if self._fresh else 0.0
        self._refresh_at = time.monotonic() + max(life - REFRESH_AHEAD_SECONDS, earliest)

    def _insist(self, ask: Callable[[], None], what: str) -> None:
        insist(ask, what=what, pause=self._waiter.pause, log=self._log)

    def _save(self) -> None:
        """Raises ``TryLater`` if the disk refuses: a token that cannot be kept is not to be spent."""
        try:
            self._vault.save(self._require())
        except OSError as refused:
            raise TryLater(
                f"{self._vault.path}: {refused.strerror}: free space, or make the folder writable"
            ) from refused
        if self._seed is not None:
            self._file.state.seed_taken, self._seed = self._seed, None
            self._file.changed()

    def _take_over_seed(self) -> None:
        """Go on with the tokens of an older configuration, unless they were taken before.

        They are stored as soon as Twitch has accepted them, or before they are spent on a refresh.
        """
        seed = self._settings.seed
        if seed is None or (secret := seed.refresh_token or seed.access_token) is None:
            return
        digest = hashlib.sha256(secret.get_secret_value().encode()).hexdigest()
        if self._file.state.seed_taken == digest:
            return
        unknown = time.time() + 60.0 if seed.access_token else 0.0  # asking Twitch is the way to know
        self._tokens = Tokens(
            client_id=self._oauth.client_id,
            access_token=seed.access_token or SecretStr(""),
            refresh_token=seed.refresh_token,
            expires_at=unknown if seed.expires_at is None else seed.expires_at,
        )
        self._seed = digest
        self._log.info("tokens taken over from the configuration")
