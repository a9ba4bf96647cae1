"""``/control``: what happens to calls, sockets and subscriptions when things go wrong."""

import base64
import binascii
from collections.abc import Callable
from typing import cast, get_args

from aiohttp import web

from sandbox import clock, messages, wire
from sandbox.answers import json_answer
from sandbox.ask import Ask, BadField, taking
from sandbox.faults import KINDS, Fault, Kind
from sandbox.subscriptions import Subscription
from sandbox.world import ReconnectMode, Wire, World

REVOCATIONS = (
    "authorization_revoked",
    "user_removed",
    "version_removed",
    "moderator_removed",
    "chat_user_banned",
    "beta_maintenance",
)
MODES: tuple[str, ...] = get_args(ReconnectMode)


def _pause_keepalive(socket: Wire) -> None:
    socket.session.keepalive_paused = True


PLAIN_DEEDS: dict[str, Callable[[Wire], None]] = {
    "reset": lambda socket: socket.drop(),
    "silence": lambda socket: socket.silence(),
    "blackhole": lambda socket: socket.blackhole(),
    "ping": lambda socket: socket.ping(),
    "pause_keepalive": _pause_keepalive,
}
ACTIONS = ("close", "raw", "reconnect", *PLAIN_DEEDS)


class Trouble:
    def __init__(self, world: World, eventsub_url: str) -> None:
        self._world = world
        self._eventsub_url = eventsub_url

    def routes(self) -> list[web.RouteDef]:
        fault = "target kind status headers body times seconds login after"
        socket = "action code login session_id all data binary reconnect_mode"
        return [
            web.post("/control/faults", taking(fault, self.fault)),
            web.delete("/control/faults", self.clear_faults),
            web.post("/control/sockets", taking(socket, self.sockets)),
            web.post("/control/subscriptions/revoke", taking("login id status", self.revoke)),
        ]

    def fault(self, ask: Ask) -> object:
        fault = Fault(
            target=ask.text("target"),
            kind=cast(Kind, ask.choice("kind", KINDS)),
            status=ask.whole("status", 0) or None,
            headers=ask.text_map("headers"),
            body=ask.text_or_none("body"),
            times=ask.whole("times", 0) or None,
            seconds=ask.number_or_none("seconds"),
            login=ask.text_or_none("login"),
            after_effect=ask.has("after") and ask.choice("after", ("effect",)) == "effect",
        )
        return {"id": self._world.faults.add(fault)}

    async def clear_faults(self, _: web.Request) -> web.Response:
        self._world.faults.clear()
        return json_answer({})

    def sockets(self, ask: Ask) -> object:
        """Do something to one socket, to a user's, or to all."""
        deed, chosen = self._deed(ask), self._chosen(ask)
        if ask.text("action") == "reconnect":
            chosen = [socket for socket in chosen if not socket.session.retired]
        for socket in chosen:
            deed(socket)
        return {"sockets": len(chosen)}

    def _deed(self, ask: Ask) -> Callable[[Wire], None]:
        match ask.choice("action", ACTIONS):
            case "close":
                code = ask.whole("code", 4000)
                return lambda socket: socket.close(code)
            case "raw":
                frame = self._frame(ask)
                return lambda socket: socket.send_frame(frame)
            case "reconnect":
                mode = ask.choice("reconnect_mode", MODES) if ask.has("reconnect_mode") else "normal"
                return lambda socket: self._invite(socket, cast(ReconnectMode, mode))
            case action:
                return PLAIN_DEEDS[action]

    def _chosen(self, ask: Ask) -> list[Wire]:
        sockets = list(self._world.sockets)
        if ask.flag("all"):
            return sockets
        if ask.has("session_id"):
            return [s for s in sockets if s.session.id == ask.text("session_id")]
        user = ask.user("login", self._world.users)
        return [s for s in sockets if s.session.owner is user]

    @staticmethod
    def _frame(ask: Ask) -> bytes:
        data = ask.text("data")
        if not ask.flag("binary"):
            return wire.text_frame(data.encode())
        try:
            return wire.binary_frame(base64.b64decode(data, validate=True))
        except binascii.Error as fault:
            raise BadField("data", str(fault)) from None

    def _invite(self, socket: Wire, mode: ReconnectMode) -> None:
        """Tell the client to move; the old socket has its grace from now on."""
        now, session = clock.now(), socket.session
        url = f"{self._eventsub_url}?reconnect={self._world.invite(socket, mode, now)}"
        socket.send(messages.reconnect(session.id, session.connected_stamp, url))
        session.begin_handover(now)
        socket.watch()

    def revoke(self, ask: Ask) -> object:
        """Revoke one subscription, or all of a user."""
        status = ask.choice("status", REVOCATIONS)
        chosen = self._subscriptions(ask)
        for subscription in chosen:
            self._world.revoke_subscription(subscription, status, clock.now())
        return {"subscriptions": len(chosen)}

    def _subscriptions(self, ask: Ask) -> list[Subscription]:
        if ask.has("id"):
            found = self._world.subscriptions.find(ask.text("id"))
            if found is None or not found.enabled:
                raise BadField("id", "no enabled subscription has this id")
            return [found]
        user = ask.user("login", self._world.users)
        return [s for s in self._world.subscriptions if s.enabled and s.owner[1] == user.id]
