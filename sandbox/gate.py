"""Around every call to the Twitch side: faults strike, refusals get a body, the journal takes note."""

from aiohttp import web

from sandbox import clock
from sandbox.answers import Handler, bearer, json_answer
from sandbox.faults import Fault
from sandbox.refusal import Refusal
from sandbox.striking import strike
from sandbox.world import World

_SECRET = {"access_token", "client_secret", "device_code", "refresh_token", "token", "reconnect"}


class Gate:
    def __init__(self, world: World) -> None:
        self._world = world

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/control"):
            return await handler(request)
        login = await self._caller(request)
        fault = self._world.faults.take(f"{request.method} {request.path}", login)
        answer = _polite(handler)
        status = 0  # until there is one: the client may not wait for it
        try:
            response = await (strike(fault, request, answer) if fault else answer(request))
            status = response.status
        finally:
            ended_socket = request.path == "/ws" and status in {0, 101}
            if not ended_socket:  # that was noted as "connect" and "disconnect"
                self._note(request, status, login, fault)
        return response

    async def _caller(self, request: web.Request) -> str | None:
        """Whose call it is, as far as a token in it tells."""
        tokens = self._world.tokens
        grant = tokens.find(bearer(request, "bearer", "oauth"), clock.now())
        if grant is None and request.path == "/oauth2/token":
            grant = tokens.find_refresh(str((await request.post()).get("refresh_token", "")))
        return grant.user.login if grant and grant.user else None

    def _note(self, request: web.Request, status: int, login: str | None, fault: Fault | None) -> None:
        query = {key: request.query.getall(key) for key in request.query if key not in _SECRET}
        facts = {"method": request.method, "path": request.path, "status": status, "query": query}
        if fault:
            facts["fault"] = fault.kind
        self._world.journal.note("call", login=login, **facts)


def _polite(handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            oauth = request.path.startswith("/oauth2")
            body = refusal.oauth_body() if oauth else refusal.helix_body()
            return json_answer(body, refusal.status)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return json_answer(Refusal(404, "").helix_body(), 404)  # a wrong verb, too, is 404 at Twitch

    return answer
