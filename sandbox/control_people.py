"""``/control``: users and clients, their tokens, their approvals and their changes of mind."""

from aiohttp import web

from sandbox import chat, clock, colors
from sandbox.answers import json_answer
from sandbox.ask import Ask, BadField, taking
from sandbox.devices import AutoApproval, Device
from sandbox.oauth import approve, approve_later
from sandbox.refusal import Refusal
from sandbox.tokens import PUBLIC_CLIENT
from sandbox.users import Stream
from sandbox.world import World


class People:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/control/users", taking("login turbo id display_name color", self.user)),
            web.post("/control/clients", taking("client_id client_secret", self.client)),
            web.post("/control/tokens", taking("login client_id scopes expires_in", self.tokens)),
            web.get("/control/devices", self.devices),
            web.post("/control/devices/approve", taking("user_code any login", self.approve)),
            web.post("/control/devices/deny", taking("user_code", self.deny)),
            web.post("/control/devices/auto", taking("login after_seconds client_id", self.auto)),
            web.post("/control/revoke", taking("login client_id", self.revoke)),
            web.post("/control/expire", taking("login which", self.expire)),
            web.post("/control/turbo", taking("login turbo", self.turbo)),
            web.post("/control/ban", taking("channel login", self.ban)),
            web.post("/control/rename", taking("login to", self.rename)),
            web.post("/control/live", taking("login live title viewers", self.live)),
        ]

    def user(self, ask: Ask) -> object:
        login, id_ = ask.text("login"), ask.text_or_none("id")
        turbo, color = ask.flag("turbo"), self._color(ask)
        display_name = ask.text_or_none("display_name")
        if self._world.users.find(login):
            raise BadField("login", f"there is a user {login!r} already")
        if id_ and not (id_.isascii() and id_.isdigit()):
            raise BadField("id", "must be a decimal number")
        if id_ and self._world.users.find_id(id_):
            raise BadField("id", f"{id_} is taken")
        user = self._world.users.add(login, now=clock.now(), id_=id_, display_name=display_name)
        user.turbo, user.color = turbo, color
        return user.public()

    @staticmethod
    def _color(ask: Ask) -> str:
        try:
            return colors.resolve(ask.text("color"), turbo=True) if ask.has("color") else ""
        except Refusal as refusal:
            raise BadField("color", refusal.message) from None

    def client(self, ask: Ask) -> object:
        client_id, secret = ask.text("client_id"), ask.text_or_none("client_secret")
        self._world.tokens.clients[client_id] = secret
        return {"client_id": client_id, "public": secret is None}

    def tokens(self, ask: Ask) -> object:
        """A sign-in without the dance."""
        user, scopes = ask.user("login", self._world.users), ask.texts("scopes")
        life = ask.number_or_none("expires_in")
        issued = self._world.tokens.sign_in(
            self._client(ask) or PUBLIC_CLIENT,
            user,
            tuple(scopes),
            life=self._world.settings.token_life if life is None else life,
            now=clock.now(),
        )
        return issued.public()

    def _client(self, ask: Ask) -> str | None:
        client_id = ask.text_or_none("client_id")
        if client_id and client_id not in self._world.tokens.clients:
            raise BadField("client_id", f"there is no client {client_id!r}")
        return client_id

    async def devices(self, _: web.Request) -> web.Response:
        now = clock.now()
        pending = [
            {
                "user_code": d.user_code,
                "client_id": d.client_id,
                "scopes": d.scopes,
                "expires_in": int(d.expires_at - now),
            }
            for d in self._world.devices.pending(now)
        ]
        return json_answer({"devices": pending})

    def approve(self, ask: Ask) -> object:
        user = ask.user("login", self._world.users)
        device = self._any_pending() if ask.flag("any") else self._pending(ask.text("user_code"))
        approve(self._world, device, user)
        return {"user_code": device.user_code}

    def deny(self, ask: Ask) -> object:
        device = self._pending(ask.text("user_code"))
        device.denied = True
        return {"user_code": device.user_code}

    def auto(self, ask: Ask) -> object:
        """Holds for codes that wait and for all that come; the latest rule that fits a code decides."""
        user = ask.user("login", self._world.users)
        rule = AutoApproval(user, ask.number("after_seconds"), self._client(ask))
        self._world.devices.auto.append(rule)
        for device in filter(rule.covers, self._world.devices.pending(clock.now())):
            approve_later(self._world, device, user, rule.after_seconds)
        return {}

    def _pending(self, user_code: str) -> Device:
        for device in self._world.devices.pending(clock.now()):
            if device.user_code == user_code:
                return device
        raise BadField("user_code", f"no pending device has the code {user_code!r}")

    def _any_pending(self) -> Device:
        pending = self._world.devices.pending(clock.now())
        if not pending:
            raise BadField("any", "no device is pending")
        return pending[0]

    def revoke(self, ask: Ask) -> object:
        """The user disconnected the app, or changed the password: for Twitch's clients it is the same."""
        user, client_id = ask.user("login", self._world.users), self._client(ask)
        return {"grants": self._world.disconnect_app(user, client_id, clock.now())}

    def expire(self, ask: Ask) -> object:
        user, which = ask.user("login", self._world.users), ask.choice("which", ("access", "refresh", "both"))
        self._world.tokens.expire(user, access=which != "refresh", refresh=which != "access", now=clock.now())
        return {}

    def turbo(self, ask: Ask) -> object:
        user = ask.user("login", self._world.users)
        user.turbo = ask.flag("turbo")
        return user.public()

    def ban(self, ask: Ask) -> object:
        channel, user = ask.user("channel", self._world.users), ask.user("login", self._world.users)
        self._world.ban(channel, user, clock.now())
        return {}

    def rename(self, ask: Ask) -> object:
        user, to = ask.user("login", self._world.users), ask.text("to")
        if self._world.users.find(to) not in (None, user):
            raise BadField("to", f"there is a user {to!r} already")
        self._world.users.rename(user, to)
        return user.public()

    def live(self, ask: Ask) -> object:
        """Start or end the stream, and tell those who listen for that."""
        user, live = ask.user("login", self._world.users), ask.flag("live", default=True)
        title, viewers = ask.text_or_none("title") or "", ask.whole("viewers", 1)
        if live and user.stream is None:
            user.stream = stream = Stream(str(next(self._world.stream_ids)), title, viewers, clock.now())
            started = clock.stamp_seconds(stream.started_at)
            event = chat.stream_event(user, id=stream.id, type="live", started_at=started)
            self._world.publish("stream.online", user, event)
        elif user.stream is not None and not live:
            user.stream = None
            self._world.publish("stream.offline", user, chat.stream_event(user))
        return user.public()
