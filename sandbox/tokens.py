"""Clients, what users have granted them, and the tokens that prove it. Pure.

https://dev.twitch.tv/docs/authentication/refresh-tokens/
"""

import secrets
from dataclasses import dataclass, field

from sandbox.refusal import Refusal
from sandbox.users import User

PUBLIC_CLIENT = "sandboxpublicclient000000000000"
CONFIDENTIAL_CLIENT = "sandboxsecretclient000000000000"
CLIENT_SECRET = "sandboxsecret0000000000000000"  # noqa: S105 - it guards nothing: the stand-in publishes it

REFRESH_LIFE = 30 * 86_400.0  # a public client's refresh token dies after 30 days without use
APP_TOKEN_LIFE = 5_011_271.0
ACCESS_TOKENS_PER_GRANT = 50  # seen with confidential clients; the oldest is dropped


@dataclass(eq=False)
class Grant:
    """One sign-in: what one user (``None``: the app itself) allowed one client."""

    client_id: str
    user: User | None
    scopes: tuple[str, ...]
    refresh_token: str = ""
    refresh_until: float = 0.0
    access: dict[str, float] = field(default_factory=dict)  # access token -> when it expires
    disconnected: bool = False  # by the user, or through a changed password

    def holds(self, access_token: str, now: float) -> bool:
        return not self.disconnected and now < self.access.get(access_token, 0.0)


@dataclass(frozen=True)
class Issued:
    grant: Grant
    access_token: str
    expires_in: int

    def public(self) -> dict[str, object]:
        return {
            "access_token": self.access_token,
            "refresh_token": self.grant.refresh_token,
            "expires_in": self.expires_in,
            "scope": list(self.grant.scopes),
            "token_type": "bearer",
        }


class Tokens:
    def __init__(self) -> None:
        self.clients: dict[str, str | None] = {PUBLIC_CLIENT: None, CONFIDENTIAL_CLIENT: CLIENT_SECRET}
        self._by_access: dict[str, Grant] = {}
        self._by_refresh: dict[str, Grant] = {}
        self._of_user: dict[str, list[Grant]] = {}

    def known_client(self, client_id: str) -> str | None:
        """Return the client's secret (``None`` for a public client)."""
        if client_id not in self.clients:
            raise Refusal(400, "invalid client")
        return self.clients[client_id]

    def check_secret(self, client_id: str, given: str) -> None:
        secret = self.known_client(client_id)
        if secret is not None and not secrets.compare_digest(secret, given):
            raise Refusal(403, "invalid client secret")

    def sign_in(
        self, client_id: str, user: User, scopes: tuple[str, ...], *, life: float, now: float
    ) -> Issued:
        grant = Grant(client_id, user, scopes)
        self._of_user.setdefault(user.id, []).append(grant)
        self._rotate(grant, now)
        return self._issue(grant, life, now)

    def app_token(self, client_id: str, secret: str, *, now: float) -> Issued:
        """Client credentials: possible only for a client that has a secret."""
        if self.known_client(client_id) is None:
            raise Refusal(400, "invalid client")
        self.check_secret(client_id, secret)
        return self._issue(Grant(client_id, None, ()), APP_TOKEN_LIFE, now)

    def refresh(self, client_id: str, secret: str, refresh_token: str, *, life: float, now: float) -> Issued:
        """A public client's refresh token works once and is replaced; a confidential client's stays."""
        self.check_secret(client_id, secret)
        if not refresh_token:
            raise Refusal(400, "missing refresh token")
        grant = self._by_refresh.get(refresh_token)
        if grant is None or grant.client_id != client_id:
            raise Refusal(400, "Invalid refresh token")
        if grant.disconnected:
            raise Refusal(401, "Invalid refresh token")
        if now >= grant.refresh_until:
            raise Refusal(400, "Invalid refresh token")
        if self.clients[client_id] is None:
            del self._by_refresh[refresh_token]
            self._rotate(grant, now)
        return self._issue(grant, life, now)

    def _rotate(self, grant: Grant, now: float) -> None:
        grant.refresh_token = secrets.token_hex(25)
        grant.refresh_until = now + REFRESH_LIFE if self.clients[grant.client_id] is None else float("inf")
        self._by_refresh[grant.refresh_token] = grant

    def _issue(self, grant: Grant, life: float, now: float) -> Issued:
        token = secrets.token_hex(15)
        grant.access[token] = now + life
        self._by_access[token] = grant
        while len(grant.access) > ACCESS_TOKENS_PER_GRANT:
            oldest = next(iter(grant.access))
            del grant.access[oldest], self._by_access[oldest]
        return Issued(grant, token, int(life))

    def find(self, access_token: str, now: float) -> Grant | None:
        """The living grant behind an access token that has not expired."""
        grant = self._by_access.get(access_token)
        return grant if grant and grant.holds(access_token, now) else None

    def find_refresh(self, refresh_token: str) -> Grant | None:
        return self._by_refresh.get(refresh_token)

    def of(self, user: User) -> list[Grant]:
        return self._of_user.get(user.id, [])

    def authorized(self, client_id: str, user: User) -> bool:
        """Whether the user has allowed this client anything; expired access tokens do not take that back."""
        return any(g.client_id == client_id and not g.disconnected for g in self.of(user))

    def expire(self, user: User, *, access: bool, refresh: bool, now: float) -> None:
        for grant in self.of(user):
            if access:
                grant.access = dict.fromkeys(grant.access, now)
            if refresh:
                grant.refresh_until = now
