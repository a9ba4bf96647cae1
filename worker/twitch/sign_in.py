"""The device code flow: show a code, wait for a person to confirm it on twitch.tv.

It needs no browser on this machine: address and code go up to the supervisor, which shows them in
`roost status` and `roost sign-in`, and into the log.
"""

import time
from collections.abc import Mapping

from structlog.typing import FilteringBoundLogger

from shared.errors import SignInRefused, TryLater
from shared.messages import NeedsSignIn
from worker.patience import insist
from worker.twitch.oauth import CodeExpired, Denied, DeviceCode, OAuth, Pending
from worker.vault import Tokens
from worker.waiting import Waiter

SLOWER_SECONDS = 5.0  # RFC 8628, section 3.5


def ask_to_sign_in(
    oauth: OAuth, scopes: Mapping[str, str], why: str, waiter: Waiter, log: FilteringBoundLogger
) -> Tokens:
    """Wait as long as it takes for somebody to sign in; a code that expires is replaced by a fresh one.

    Raises ``SignInRefused`` if the person says no, ``ConfigurationFault`` if the client is unknown.
    """
    wanted = sorted(scopes)
    waiter.vitals.phase = "signing-in"
    while True:
        code = insist(
            lambda: oauth.device_code(wanted), what="a code to sign in with", pause=waiter.pause, log=log
        )
        expires_at = time.time() + code.expires_in
        waiter.vitals.say(f"open {code.url} and confirm {code.user_code}")
        waiter.tell(NeedsSignIn(url=code.url, code=code.user_code, expires_at=expires_at, why=why))
        log.warning("sign-in needed", why=why, url=code.url, code=code.user_code, scopes=wanted)
        try:
            return _poll(oauth, code, wanted, waiter, log)
        except CodeExpired:
            log.info("sign-in code expired", code=code.user_code)
            why = f"{why.removesuffix(' (the last code expired)')} (the last code expired)"
        except Denied:
            raise SignInRefused(
                "the sign-in was denied on twitch.tv: run `roost sign-in` to be asked again"
            ) from None


def _poll(
    oauth: OAuth, code: DeviceCode, scopes: list[str], waiter: Waiter, log: FilteringBoundLogger
) -> Tokens:
    end = time.monotonic() + code.expires_in
    interval = code.interval
    while time.monotonic() < end:
        waiter.pause(interval)
        try:
            return oauth.redeem(code, scopes)
        except Pending as pending:
            interval += SLOWER_SECONDS if pending.slower else 0.0
        except TryLater as away:
            log.warning("no answer yet", wanted="whether the code was confirmed", reason=str(away))
    raise CodeExpired
