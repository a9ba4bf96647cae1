"""``GET /ws``: a socket arrives, new or in the place of an old one.

https://dev.twitch.tv/docs/eventsub/handling-websocket-events/#reconnect-message
"""

import asyncio
import secrets

from aiohttp import web

from sandbox import clock, messages
from sandbox.link import CLOSE_SECONDS, Link
from sandbox.refusal import Refusal
from sandbox.session import INVALID_RECONNECT, Session, keepalive_of
from sandbox.world import Handover, World


class EventSub:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/ws", self.connect)]

    async def connect(self, request: web.Request) -> web.StreamResponse:
        handover = None
        opaque = request.query.get("reconnect")
        if opaque is not None:
            handover = self._world.accept_invitation(opaque, clock.now())
            if handover and handover.mode == "refuse":
                raise Refusal(503, "no room on this edge")
        # No compression: Twitch does not negotiate it, and shared frames could not be compressed per socket.
        ws = web.WebSocketResponse(autoping=False, autoclose=False, compress=False, timeout=CLOSE_SECONDS)
        await ws.prepare(request)
        if opaque is not None and handover is None:
            await ws.close(code=INVALID_RECONNECT)
        elif handover and handover.mode == "no_welcome":
            async for _ in ws:
                pass  # whatever the client says, there is no answer
        else:
            await self._welcome(request, ws, handover)
        return ws

    async def _welcome(
        self, request: web.Request, ws: web.WebSocketResponse, handover: Handover | None
    ) -> None:
        transport = request.transport
        if not isinstance(transport, asyncio.Transport):
            return  # it left during the handshake
        link = Link(self._world, self._session(request, handover), ws, transport)
        new = link.session
        journal = self._world.journal
        journal.note("connect", session=new.id, handover=handover is not None)
        self._world.arrive(link)
        link.send(messages.welcome(new.id, new.connected_stamp, new.keepalive))
        if handover:
            self._world.hand_over(handover.old, link)
        journal.note("welcome", login=new.owner.login if new.owner else None, session=new.id)
        await link.serve()

    def _session(self, request: web.Request, handover: Handover | None) -> Session:
        """A handover's URL is used as given, so the old session's keepalive goes on."""
        rules = self._world.settings
        if handover:
            keepalive = handover.old.session.keepalive
        else:
            keepalive = keepalive_of(request.query.get("keepalive_timeout_seconds"), rules.keepalive_min)
        id_ = handover.old.session.id if handover and rules.handover_keeps_id else secrets.token_urlsafe(21)
        return Session(id_, keepalive, rules, connected_at=clock.now())
