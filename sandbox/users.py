"""The people: who they are, which color they wear, whether they are live. Pure."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass


class NoSuchUser(Exception):
    """Nobody of that name was made: ``POST /control/users`` comes first."""

    def __init__(self, login: str) -> None:
        super().__init__(f"there is no user {login!r}")


@dataclass(frozen=True)
class Stream:
    id: str
    title: str
    viewers: int
    started_at: float


@dataclass(eq=False)
class User:
    id: str
    login: str
    display_name: str
    created_at: float
    turbo: bool = False
    color: str = ""  # empty until one is chosen, as in chat events
    color_changes: int = 0
    stream: Stream | None = None

    def wear(self, color: str) -> None:
        self.color = color
        self.color_changes += 1

    def public(self) -> dict[str, object]:
        return {
            "id": self.id,
            "login": self.login,
            "display_name": self.display_name,
            "turbo": self.turbo,
            "color": self.color,
        }


class Users:
    """Everybody, findable by id and by login."""

    def __init__(self) -> None:
        self._by_id: dict[str, User] = {}
        self._by_login: dict[str, User] = {}
        self._ids = itertools.count(1001)

    def __iter__(self) -> Iterator[User]:
        return iter(self._by_id.values())

    def add(self, login: str, *, now: float, id_: str | None = None, display_name: str | None = None) -> User:
        """Make a user; the caller has seen to it that login and id are free."""
        user = User(id_ or self._free_id(), login.lower(), display_name or login, created_at=now)
        self._by_id[user.id] = self._by_login[user.login] = user
        return user

    def _free_id(self) -> str:
        return next(id_ for id_ in map(str, self._ids) if id_ not in self._by_id)

    def find(self, login: str) -> User | None:
        return self._by_login.get(login.lower())

    def find_id(self, id_: str) -> User | None:
        return self._by_id.get(id_)

    def named(self, login: str) -> User:
        user = self.find(login)
        if user is None:
            raise NoSuchUser(login)
        return user

    def rename(self, user: User, login: str) -> None:
        """Logins change, ids never do."""
        del self._by_login[user.login]
        user.login, user.display_name = login.lower(), login
        self._by_login[user.login] = user
