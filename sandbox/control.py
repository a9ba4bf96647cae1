"""``/control``: settings, state, journal and reset; the rest of the control API is in the files beside.

It is guarded by loopback alone.
"""

from dataclasses import asdict

from aiohttp import web

from sandbox import clock
from sandbox.answers import json_answer
from sandbox.ask import Ask, BadField, taking
from sandbox.control_chat import Chat
from sandbox.journal import Filter
from sandbox.tokens import Grant
from sandbox.users import User
from sandbox.world import World


class Control:
    def __init__(self, world: World, chat: Chat) -> None:
        self._world = world
        self._chat = chat

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/control/settings", taking("", self.settings)),
            web.post("/control/reset", taking("", self.reset)),
            web.get("/control/state", self.state),
            web.get("/control/journal", self.journal),
        ]

    def settings(self, ask: Ask) -> object:
        """Patch any, answer with all; sockets that are open feel the change too."""
        try:
            self._world.settings.patch(ask.everything())
        except ValueError as fault:
            name, _, problem = str(fault).partition(": ")
            raise BadField(name, problem) from None
        for wire in self._world.sockets:
            wire.watch()
        return asdict(self._world.settings)

    async def reset(self, _: Ask) -> object:
        await self._chat.end_simulation()
        for wire in list(self._world.sockets):
            wire.drop()
        self._world.forget()
        return {}

    async def state(self, _: web.Request) -> web.Response:
        world, now = self._world, clock.now()
        return json_answer(
            {
                "users": [self._user(user, now) for user in world.users],
                "sessions": self._sessions(),
                "subscriptions": [subscription.public() for subscription in world.subscriptions],
                "chat_sent": world.chat_sent,
                "deliveries": world.deliveries,
                "journal": world.journal.last,
                "settings": asdict(world.settings),
            }
        )

    def _user(self, user: User, now: float) -> dict[str, object]:
        tokens = [token for grant in self._world.tokens.of(user) for token in _tokens(grant, now)]
        live = user.stream is not None
        return {**user.public(), "live": live, "color_changes": user.color_changes, "tokens": tokens}

    def _sessions(self) -> list[dict[str, object]]:
        """The open ones, then those that ended lately."""
        counts: dict[str, int] = {}
        for subscription in self._world.subscriptions:
            if subscription.enabled:
                counts[subscription.session_id] = counts.get(subscription.session_id, 0) + 1
        sessions: list[dict[str, object]] = [
            {
                "id": wire.session.id,
                "login": wire.session.owner.login if wire.session.owner else None,
                "connected": True,
                "retired": wire.session.retired,
                "subscriptions": 0 if wire.session.retired else counts.get(wire.session.id, 0),
                "keepalive": wire.session.keepalive,
            }
            for wire in self._world.sockets
        ]
        sessions += [{**ended, "connected": False, "subscriptions": 0} for ended in self._world.ended]
        return sessions

    async def journal(self, request: web.Request) -> web.Response:
        """With ``wait``, answer once a matching entry is there, or empty-handed when the time is over."""
        try:
            after, limit = (int(_number(request, "after", 0)), int(_number(request, "limit", 1_000)))
            deadline = clock.now() + _number(request, "wait", 0)
        except BadField as fault:
            return json_answer({"error": str(fault)}, 400)
        wanted = Filter(request.query.get("kind"), request.query.get("login"))
        journal = self._world.journal
        entries, following = journal.read(after, limit, wanted)
        if not entries and deadline > clock.now():
            await journal.wait(wanted, deadline - clock.now())
            entries, following = journal.read(after, limit, wanted)
        return json_answer({"entries": entries, "next": following})


def _tokens(grant: Grant, now: float) -> list[dict[str, object]]:
    return [
        {
            "client_id": grant.client_id,
            "scopes": list(grant.scopes),
            "expires_in": max(0, int(expires_at - now)),
            "valid": grant.holds(token, now),
        }
        for token, expires_at in grant.access.items()
    ]


def _number(request: web.Request, name: str, default: float) -> float:
    try:
        value = float(request.query.get(name, default))
    except ValueError:
        raise BadField(name, "must be a number") from None
    if not 0 <= value < 1e12:
        raise BadField(name, "must be a number from 0 up")
    return value
