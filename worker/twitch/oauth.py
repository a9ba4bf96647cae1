"""Twitch's OAuth server: device code, refresh, validate.

https://dev.twitch.tv/docs/authentication/getting-tokens-oauth/#device-code-grant-flow
Every secret travels in a form or a header, never in an address.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

import requests
from pydantic import SecretStr

from shared.errors import ConfigurationFault, TryLater
from shared.settings import Twitch
from worker.twitch.http import Http, build, json_object, message_of
from worker.vault import Tokens

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class SignInNeeded(Exception):
    """The tokens are finished; its text says why. A person has to sign in, and the worker asks for it."""


@dataclass(frozen=True)
class DeviceCode:
    device_code: SecretStr
    user_code: str
    url: str
    interval: float  # seconds between polls
    expires_in: float  # seconds


@dataclass(frozen=True)
class Validation:
    client_id: str
    login: str
    user_id: str
    scopes: frozenset[str]
    expires_in: float  # seconds


class Pending(Exception):
    """The person has not confirmed the code yet. ``slower``: ask less often from now on (RFC 8628)."""

    def __init__(self, *, slower: bool) -> None:
        super().__init__("slow_down" if slower else "authorization_pending")
        self.slower = slower


class CodeExpired(Exception):
    """The code is too old, or was used already: ask for a fresh one."""


class Denied(Exception):
    """The person said no."""


class OAuth:
    """Each method makes one call; ``TryLater`` when it may work later."""

    def __init__(self, http: Http, twitch: Twitch) -> None:
        self._http = http
        self._url = twitch.oauth_url
        self.client_id = twitch.client_id or ""
        self._secret = twitch.client_secret

    def device_code(self, scopes: list[str]) -> DeviceCode:
        """Raises ``ConfigurationFault`` if Twitch does not know the client id."""
        response = self._post("device", scopes=" ".join(scopes))
        if response.status_code in {400, 401, 403}:
            raise ConfigurationFault(
                f"Twitch refuses the client id {self.client_id!r} ({message_of(response)}): "
                "compare it with https://dev.twitch.tv/console/apps"
            )
        answer = _expect_success(response)
        try:
            return DeviceCode(
                SecretStr(answer["device_code"]),
                str(answer["user_code"]),
                str(answer["verification_uri"]),
                float(answer.get("interval", 5)),
                float(answer["expires_in"]),
            )
        except (KeyError, TypeError, ValueError) as broken:
            raise TryLater(f"Twitch's answer to the device request lacks {broken}") from broken

    def redeem(self, code: DeviceCode, scopes: list[str]) -> Tokens:
        """Poll once. Raises ``Pending``, ``CodeExpired``, ``Denied``, ``ConfigurationFault``."""
        response = self._post(
            "token",
            scopes=" ".join(scopes),
            device_code=code.device_code.get_secret_value(),
            grant_type=DEVICE_GRANT,
        )
        if response.status_code not in {400, 401, 403}:
            return self._tokens(response)
        # Twitch puts the code word into `message`; the standard's words are tolerated too.
        words = message_of(response).lower().replace("_", " ")
        if "authorization pending" in words or "slow down" in words:
            raise Pending(slower="slow" in words)
        if "access denied" in words:
            raise Denied
        if "invalid client" in words:
            raise ConfigurationFault(f"Twitch refuses the client id {self.client_id!r}: {words}")
        raise CodeExpired

    def refresh(self, tokens: Tokens) -> Tokens:
        """Trade the refresh token for a new pair. Raises ``SignInNeeded`` if it is finished.

        A public client's refresh token works once: the caller stores the new pair before using it.
        """
        if tokens.refresh_token is None:
            raise SignInNeeded("there is no refresh token")
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": tokens.refresh_token.get_secret_value(),
        }
        if self._secret is not None:
            fields["client_secret"] = self._secret.get_secret_value()
        response = self._post("token", **fields)
        if response.status_code == 403:
            raise ConfigurationFault(
                f"Twitch refuses the client secret ({message_of(response)}): make a new one at "
                "https://dev.twitch.tv/console/apps, or remove it for a public client"
            )
        if response.status_code in {400, 401}:
            raise SignInNeeded(f"Twitch no longer accepts the refresh token ({message_of(response)})")
        return self._tokens(response)

    def validate(self, token: SecretStr) -> Validation | None:
        """What Twitch knows of a token, ``None`` if it is invalid.

        Required at start and every hour: https://dev.twitch.tv/docs/authentication/validate-tokens/
        """
        header = {"Authorization": f"OAuth {token.get_secret_value()}"}
        response = self._http.send(build("GET", f"{self._url}/validate", headers=header))
        if response.status_code == 401:
            return None
        answer = _expect_success(response)
        try:
            return Validation(
                str(answer["client_id"]),
                str(answer["login"]),
                str(answer["user_id"]),
                frozenset(map(str, answer.get("scopes") or ())),
                _seconds(answer["expires_in"]),
            )
        except (KeyError, TypeError, ValueError) as broken:
            raise TryLater(f"Twitch's answer to the validation lacks {broken}") from broken

    def _post(self, path: str, **form: str) -> requests.Response:
        form = {"client_id": self.client_id, **form}
        return self._http.send(build("POST", f"{self._url}/{path}", form=form))

    def _tokens(self, response: requests.Response) -> Tokens:
        answer = _expect_success(response)
        try:
            return Tokens(
                client_id=self.client_id,
                access_token=answer["access_token"],
                refresh_token=answer.get("refresh_token") or None,
                expires_at=time.time() + _seconds(answer["expires_in"]),
            )
        except (KeyError, TypeError, ValueError) as broken:
            # The text of a validation error could quote a token.
            raise TryLater(f"Twitch's token answer cannot be read ({type(broken).__name__})") from None


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not math.isfinite(seconds):
        raise ValueError(f"an end ({value!r} is none)")
    return seconds


def _expect_success(response: requests.Response) -> dict[str, Any]:
    if response.status_code != 200:
        raise TryLater(f"{message_of(response)} (HTTP {response.status_code})")
    return json_object(response)
