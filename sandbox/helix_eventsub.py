"""``/helix/eventsub/subscriptions``, for the WebSocket transport.

https://dev.twitch.tv/docs/api/reference/#create-eventsub-subscription
"""

from typing import Any

import orjson
from aiohttp import web

from sandbox import clock, topics
from sandbox.answers import json_answer
from sandbox.helix_call import metered, user_of
from sandbox.refusal import Refusal
from sandbox.subscriptions import MAX_COST, Subscription, Wanted
from sandbox.tokens import Grant
from sandbox.topics import Topic
from sandbox.users import User
from sandbox.world import Wire, World

PATH = "/helix/eventsub/subscriptions"
PAGE = 100
_FILTERS = {"status", "type", "user_id", "subscription_id", "conduit_id"}


class HelixEventSub:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(PATH, metered(self._world, self.subscribe)),
            web.get(PATH, metered(self._world, self.listing)),
            web.delete(PATH, metered(self._world, self.delete)),
        ]

    async def subscribe(self, request: web.Request, grant: Grant) -> web.Response:
        asked = _json_object(await request.read())
        login = grant.user.login if grant.user else None
        note = {"login": login, "type": asked.get("type"), "condition": asked.get("condition")}
        try:
            subscription = self._create(asked, grant)
        except Refusal as refusal:
            self._world.journal.note("subscribe", **note, status=refusal.status, session=None)
            raise
        self._world.journal.note("subscribe", **note, status=202, session=subscription.session_id)
        return json_answer({"data": [subscription.public()], **self._totals(grant)}, 202)

    def _create(self, asked: dict[str, Any], grant: Grant) -> Subscription:
        """Check in this order: transport and token, topic, condition, permission, session, limits."""
        transport = asked.get("transport")
        if not isinstance(transport, dict) or transport.get("method") not in {
            "websocket",
            "webhook",
            "conduit",
        }:
            raise Refusal(400, "invalid transport method")
        if transport["method"] != "websocket":
            raise Refusal(
                401, "webhook and conduit transports need an app access token (and are not in the sandbox)"
            )
        user, now = user_of(grant), clock.now()
        kind, version = str(asked.get("type", "")), str(asked.get("version", ""))
        topic = topics.find(kind, version)
        condition = self._condition(topic, asked.get("condition"))
        self._check_permission(topic, condition, grant, user)
        session = self._wire(transport.get("session_id"), user).session
        wanted = Wanted(
            type=kind,
            version=version,
            condition=condition,
            topic=topic,
            cost=self._cost(topic, condition, grant.client_id),
            owner=(grant.client_id, user.id),
            session_id=session.id,
            connected_at=session.connected_stamp,
        )
        created = self._world.subscriptions.create(wanted, max_joins=self._world.settings.chat_joins, now=now)
        session.owner, session.used = user, True
        return created

    def _condition(self, topic: Topic, given: object) -> dict[str, str]:
        """In the topic's own order, so that its first field is always whom it is about."""
        if not isinstance(given, dict):
            raise Refusal(400, "missing condition")
        for name in topic.condition:
            value = given.get(name)
            if not isinstance(value, str) or not value:
                raise Refusal(400, f"missing or invalid condition field {name}")
            if self._world.users.find_id(value) is None:
                raise Refusal(400, f"condition field {name} names no user")
        return {name: given[name] for name in topic.condition}

    def _check_permission(self, topic: Topic, condition: dict[str, str], grant: Grant, user: User) -> None:
        if topic.scope is None:
            return
        if topic.scope not in grant.scopes or condition["user_id"] != user.id:
            raise Refusal(403, "subscription missing proper authorization")
        self._world.check_not_banned(condition["broadcaster_user_id"], user)

    def _wire(self, session_id: object, user: User) -> Wire:
        if not isinstance(session_id, str) or not session_id:
            raise Refusal(400, "missing session_id")
        wire = self._world.speaking.get(session_id)
        if wire is None:
            raise Refusal(400, "websocket transport session does not exist or has already disconnected")
        if wire.session.owner not in (None, user):
            raise Refusal(400, "websocket transport cannot have subscriptions created by different users")
        return wire

    def _cost(self, topic: Topic, condition: dict[str, str], client_id: str) -> int:
        """Free if a scope is needed, or if the user it is about has authorized this client for anything."""
        subject = self._world.users.find_id(next(iter(condition.values())))
        authorized = subject is not None and self._world.tokens.authorized(client_id, subject)
        return 0 if topic.scope or authorized else 1

    async def listing(self, request: web.Request, grant: Grant) -> web.Response:
        """A user token sees that user's subscriptions; the page size is Twitch's own."""
        filters = {name: request.query[name] for name in request.query if name in _FILTERS}
        if len(filters) > 1:
            raise Refusal(400, "only one filter may be given")
        user = user_of(grant)
        found = self._world.subscriptions.listed((grant.client_id, user.id), clock.now())
        found = [s for s in found if all(_matches(s, name, value) for name, value in filters.items())]
        start = _cursor(request.query.get("after", "0"))
        following = start + PAGE
        pagination = {"cursor": str(following)} if following < len(found) else {}
        page = [s.public() for s in found[start:following]]
        return json_answer(
            {**self._totals(grant), "total": len(found), "data": page, "pagination": pagination}
        )

    async def delete(self, request: web.Request, grant: Grant) -> web.Response:
        user, id_ = user_of(grant), request.query.get("id", "")
        if not id_:
            raise Refusal(400, 'Missing required parameter "id"')
        subscription = self._world.subscriptions.find(id_)
        if subscription is None or subscription.owner != (grant.client_id, user.id):
            raise Refusal(404, "subscription not found")
        self._world.subscriptions.delete(subscription)
        return web.Response(status=204)

    def _totals(self, grant: Grant) -> dict[str, int]:
        owner = (grant.client_id, user_of(grant).id)
        subscriptions = self._world.subscriptions
        return {
            "total": len(subscriptions.listed(owner, clock.now())),
            "total_cost": subscriptions.total_cost(owner),
            "max_total_cost": MAX_COST,
        }


def _matches(subscription: Subscription, name: str, value: str) -> bool:
    match name:
        case "status":
            return subscription.status == value
        case "type":
            return subscription.type == value
        case "user_id":
            return value in subscription.condition.values()
        case "subscription_id":
            return subscription.id == value
        case _:
            return False  # no subscription here belongs to a conduit


def _cursor(given: str) -> int:
    if not given.isdigit():
        raise Refusal(400, "invalid cursor")
    return int(given)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        asked = None
    if not isinstance(asked, dict):
        raise Refusal(400, "the body must be a JSON object")
    return asked
