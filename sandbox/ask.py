"""What a control request asks for: the fields of a JSON object, each checked, each fault named.

Control requests come from tests and the demo; a typing error in one must not pass for a default.
"""

import inspect
import math
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from sandbox.answers import Handler, json_answer
from sandbox.users import NoSuchUser, User, Users


class BadField(Exception):
    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")


class Ask:
    def __init__(self, fields: dict[str, object]) -> None:
        self._fields = fields

    def has(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def text(self, name: str) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str) or not value:
            raise BadField(name, "must be a text that is not empty")
        return value

    def text_or_none(self, name: str) -> str | None:
        return self.text(name) if self.has(name) else None

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in allowed:
            raise BadField(name, f"must be one of {', '.join(allowed)}")
        return value

    def number(self, name: str) -> float:
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise BadField(name, "must be a number from 0 up")
        return float(value)

    def number_or_none(self, name: str) -> float | None:
        return self.number(name) if self.has(name) else None

    def whole(self, name: str, default: int) -> int:
        return int(self.number(name)) if self.has(name) else default

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self._fields.get(name, default)
        if not isinstance(value, bool):
            raise BadField(name, "must be true or false")
        return value

    def texts(self, name: str) -> list[str]:
        value = self._fields.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise BadField(name, "must be a list of texts")
        return value

    def text_map(self, name: str) -> dict[str, str]:
        value = self._fields.get(name, {})
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise BadField(name, "must be an object of texts")
        return value

    def everything(self) -> dict[str, object]:
        return self._fields

    def user(self, name: str, users: Users) -> User:
        try:
            return users.named(self.text(name))
        except NoSuchUser as missing:
            raise BadField(name, str(missing)) from None

    def users(self, name: str, users: Users) -> list[User]:
        try:
            return [users.named(login) for login in self.texts(name)]
        except NoSuchUser as missing:
            raise BadField(name, str(missing)) from None


Act = Callable[[Ask], object | Awaitable[object]]


def taking(fields: str, act: Act) -> Handler:
    """Make a handler of a function that takes these fields and returns what to answer."""
    known = set(fields.split())

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            given = _object(await request.read())
            for name in given.keys() - known if known else ():
                raise BadField(name, "there is no such field")
            answer = act(Ask(given))
            return json_answer(await answer if inspect.isawaitable(answer) else answer)
        except BadField as fault:
            return json_answer({"error": str(fault)}, 400)

    return handle


def _object(body: bytes) -> dict[str, object]:
    try:
        given = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as fault:
        raise BadField("body", str(fault)) from None
    if not isinstance(given, dict):
        raise BadField("body", "must be a JSON object")
    return given
