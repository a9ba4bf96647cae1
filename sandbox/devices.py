"""The device code grant: codes that wait for a person to say yes. Pure.

https://dev.twitch.tv/docs/authentication/getting-tokens-oauth/#device-code-grant-flow
"""

import secrets
import string
from dataclasses import dataclass

from sandbox.refusal import Refusal
from sandbox.users import User


@dataclass(eq=False)
class Device:
    device_code: str
    user_code: str
    client_id: str
    scopes: tuple[str, ...]
    interval: float
    expires_at: float
    user: User | None = None  # who said yes
    denied: bool = False
    polled_at: float = float("-inf")


@dataclass(frozen=True)
class AutoApproval:
    """Somebody says yes to every code of a client (``None``: of any), so long after it was given."""

    user: User
    after_seconds: float
    client_id: str | None

    def covers(self, device: Device) -> bool:
        return self.client_id in (None, device.client_id)


class Devices:
    def __init__(self) -> None:
        self._by_code: dict[str, Device] = {}
        self.auto: list[AutoApproval] = []

    def start(
        self, client_id: str, scopes: tuple[str, ...], *, interval: float, life: float, now: float
    ) -> Device:
        device = Device(
            device_code=secrets.token_hex(20),
            user_code="".join(secrets.choice(string.ascii_uppercase) for _ in range(8)),
            client_id=client_id,
            scopes=scopes,
            interval=interval,
            expires_at=now + life,
        )
        self._by_code[device.device_code] = device
        return device

    def pending(self, now: float) -> list[Device]:
        """Codes that still wait for an answer, oldest first."""
        return [d for d in self._by_code.values() if not d.user and not d.denied and now < d.expires_at]

    def auto_approval(self, device: Device) -> AutoApproval | None:
        """The latest rule that covers this code."""
        return next((rule for rule in reversed(self.auto) if rule.covers(device)), None)

    def redeem(
        self, client_id: str, device_code: str, *, now: float, slow_down: bool = False
    ) -> tuple[Device, User]:
        """Give an approved code away, once. A wrong, expired and redeemed code get the same answer."""
        device = self._by_code.get(device_code)
        if device is None or device.client_id != client_id or now >= device.expires_at:
            raise Refusal(400, "invalid device code")
        early, device.polled_at = now - device.polled_at < device.interval, now
        if device.denied:
            raise Refusal(400, "access_denied")  # RFC 8628; Twitch was not seen giving it
        if slow_down and early:
            raise Refusal(400, "slow_down")
        if device.user is None:
            raise Refusal(400, "authorization_pending")
        del self._by_code[device_code]
        return device, device.user
