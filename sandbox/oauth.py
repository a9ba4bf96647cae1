"""https://id.twitch.tv/oauth2, as far as a bot meets it.

https://dev.twitch.tv/docs/authentication/
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from aiohttp import web

from sandbox import clock
from sandbox.answers import bearer, json_answer
from sandbox.devices import Device
from sandbox.refusal import Refusal
from sandbox.tokens import Issued
from sandbox.users import User
from sandbox.world import World

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
Form = Mapping[str, str]


class OAuth:
    def __init__(self, world: World, base: str) -> None:
        self._world = world
        self._base = base
        self._grants: dict[str, Callable[[Form], dict[str, object]]] = {
            DEVICE_GRANT: self._redeem,
            "refresh_token": self._refresh,
            "client_credentials": self._app_token,
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/oauth2/device", self.device),
            web.post("/oauth2/token", self.token),
            web.get("/oauth2/validate", self.validate),
            web.post("/oauth2/revoke", self.revoke),
            web.get("/activate", self.activate),
        ]

    async def device(self, request: web.Request) -> web.Response:
        form = await _form(request)
        world, settings = self._world, self._world.settings
        client_id = _required(form, "client_id", "missing client id")
        world.tokens.known_client(client_id)
        scopes = tuple(form.get("scopes", "").split())
        device = world.devices.start(
            client_id, scopes, interval=settings.device_interval, life=settings.device_life, now=clock.now()
        )
        world.journal.note("device", user_code=device.user_code, client_id=client_id, scopes=list(scopes))
        rule = world.devices.auto_approval(device)
        if rule:
            approve_later(world, device, rule.user, rule.after_seconds)
        return json_answer(
            {
                "device_code": device.device_code,
                "expires_in": int(settings.device_life),
                "interval": int(settings.device_interval),
                "user_code": device.user_code,
                "verification_uri": f"{self._base}/activate?public=true&device-code={device.user_code}",
            }
        )

    async def activate(self, request: web.Request) -> web.Response:
        """Where a person would sign in at Twitch; here the control API answers for them."""
        code = request.query.get("device-code", "")
        how = f'POST {self._base}/control/devices/approve {{"user_code": "{code}", "login": "…"}}'
        return web.Response(text=f"To approve this device: {how}\n")

    async def token(self, request: web.Request) -> web.Response:
        form = await _form(request)
        kind = _required(form, "grant_type", "missing grant type")
        if kind not in self._grants:
            raise Refusal(400, "invalid grant type")
        _required(form, "client_id", "missing client id")
        return json_answer(self._grants[kind](form))

    def _redeem(self, form: Form) -> dict[str, object]:
        settings, now = self._world.settings, clock.now()
        client_id = form["client_id"]
        self._world.tokens.known_client(client_id)
        device, user = self._world.devices.redeem(
            client_id, form.get("device_code", ""), now=now, slow_down=settings.device_slow_down
        )
        issued = self._world.tokens.sign_in(client_id, user, device.scopes, life=settings.token_life, now=now)
        return issued.public()

    def _refresh(self, form: Form) -> dict[str, object]:
        tokens, given = self._world.tokens, form.get("refresh_token", "")
        grant = tokens.find_refresh(given)
        login = grant.user.login if grant and grant.user else None
        try:
            issued = tokens.refresh(
                form["client_id"],
                form.get("client_secret", ""),
                given,
                life=self._world.settings.token_life,
                now=clock.now(),
            )
        except Refusal as refusal:
            self._world.journal.note("refresh", login=login, accepted=False, status=refusal.status)
            raise
        self._world.journal.note("refresh", login=login, accepted=True, status=200)
        return issued.public()

    def _app_token(self, form: Form) -> dict[str, object]:
        issued: Issued = self._world.tokens.app_token(
            form["client_id"], form.get("client_secret", ""), now=clock.now()
        )
        return {"access_token": issued.access_token, "expires_in": issued.expires_in, "token_type": "bearer"}

    async def validate(self, request: web.Request) -> web.Response:
        """Mandatory at start and every hour; an app token has neither login nor user id."""
        token = bearer(request, "oauth", "bearer")
        if not token:
            raise Refusal(401, "missing authorization token")
        now = clock.now()
        grant = self._world.tokens.find(token, now)
        if grant is None:
            raise Refusal(401, "invalid access token")
        user = {"login": grant.user.login, "user_id": grant.user.id} if grant.user else {}
        left = int(grant.access[token] - now)
        return json_answer(
            {"client_id": grant.client_id, "scopes": list(grant.scopes), "expires_in": left, **user}
        )

    async def revoke(self, request: web.Request) -> web.Response:
        form = await _form(request)
        client_id, token = form.get("client_id", ""), form.get("token", "")
        if client_id not in self._world.tokens.clients:
            raise Refusal(400, f"Invalid client_id: {client_id}")
        if not token:
            raise Refusal(400, "missing oauth token")
        grant = self._world.tokens.find(token, clock.now())
        if grant is None or grant.client_id != client_id:
            raise Refusal(400, "Invalid token")
        self._world.end_grant(grant, "oauth", clock.now())
        return web.Response()


async def _form(request: web.Request) -> Form:
    """Form-encoded, multipart and query parameters are all accepted."""
    posted = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    return {**request.query, **posted}


def _required(form: Form, name: str, message: str) -> str:
    if not form.get(name):
        raise Refusal(400, message)
    return form[name]


def approve(world: World, device: Device, user: User) -> None:
    """The user typed the code and said yes."""
    if device in world.devices.pending(clock.now()):
        device.user = user
        world.journal.note("approve", login=user.login, user_code=device.user_code)


def approve_later(world: World, device: Device, user: User, seconds: float) -> None:
    asyncio.get_running_loop().call_later(seconds, partial(approve, world, device, user))
