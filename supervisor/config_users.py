"""Who of the configured users can be served, and why the others cannot.

Pure. One bad user costs nobody else anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from shared.settings import User
from supervisor.config_faults import Fault, explain
from supervisor.config_layers import Layers
from supervisor.config_shape import written

NO_CLIENT_ID = (
    "no Twitch client id: register an application at https://dev.twitch.tv/console/apps and put its id "
    "in `client_id` of [twitch] or of this user, or in ROOST_TWITCH__CLIENT_ID"
)
NO_OWN_ID = "this secret has no id beside it: add the user's own `client_id`, or leave both to [twitch]"


@dataclass(frozen=True)
class Rejected:
    """A user who gets no worker. ``name`` is the login, or ``users[1]`` if that is no good or is taken."""

    name: str
    reason: str


@dataclass(frozen=True)
class Admitted:
    """``users`` by their position in the configured list."""

    users: dict[int, User]
    rejected: tuple[Rejected, ...]
    faults: list[Fault]


def admit(layers: Layers, users: list[Any], *, have_client: bool) -> Admitted:
    """Of two users of one name the first good one stays.

    ``have_client`` says that [twitch] has a client for those without one of their own.
    """
    good: dict[int, User] = {}
    bad: dict[int, list[Fault]] = {}
    taken: dict[str, int] = {}
    for position, tree in enumerate(users):
        user, faults = _examined(layers, position, tree, have_client)
        if user is not None and user.username in taken:
            first = written(("users", taken[user.username]))
            faults.append(
                _fault(layers, position, "username", f'"{user.username}" is {first} already: remove one')
            )
        if user is None or faults:
            bad[position] = faults
        else:
            good[position] = user
            taken[user.username] = position
    rejected = tuple(_rejections(users, bad, set(taken)))
    return Admitted(good, rejected, [fault for faults in bad.values() for fault in faults])


def _examined(layers: Layers, position: int, tree: Any, have_client: bool) -> tuple[User | None, list[Fault]]:
    faults = [fault for fault in layers.faults if fault.key_path[:2] == ("users", position)]
    try:
        user = User.model_validate(tree)
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False):
            key_path = ("users", position, *error["loc"])
            faults.append(Fault(layers.where(key_path), key_path, explain(error, key_path)))
        return None, faults
    if user.client_secret and not user.client_id:
        faults.append(_fault(layers, position, "client_secret", NO_OWN_ID))
    elif user.enabled and not (user.client_id or have_client):
        faults.append(_fault(layers, position, "client_id", NO_CLIENT_ID))
    return user, faults


def _fault(layers: Layers, position: int, key: str, what: str) -> Fault:
    key_path = ("users", position, key)
    return Fault(layers.where(key_path), key_path, what)


def _rejections(users: list[Any], bad: dict[int, list[Fault]], taken: set[str]) -> Iterator[Rejected]:
    for position, faults in bad.items():
        login = _login(users[position])
        name = written(("users", position)) if login is None or login in taken else login
        taken.add(name)
        yield Rejected(name, "; ".join(map(str, faults)))


def _login(tree: Any) -> str | None:
    """The user's name, whatever else is wrong."""
    try:
        return User(username=tree["username"]).username
    except (TypeError, KeyError, ValidationError):
        return None
