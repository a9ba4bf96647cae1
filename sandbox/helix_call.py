"""What every Helix call goes through before its own rules: token, client id, and the points of the bucket.

https://dev.twitch.tv/docs/api/guide/#twitch-rate-limits
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox import clock
from sandbox.answers import Handler, bearer, json_answer
from sandbox.refusal import Refusal
from sandbox.tokens import Grant
from sandbox.users import User
from sandbox.world import World

Answer = Callable[[web.Request, Grant], Awaitable[web.Response]]


def metered(world: World, answer: Answer) -> Handler:
    """Make a handler of an answer; all that it says, refusals too, carries the Ratelimit headers."""

    async def handle(request: web.Request) -> web.StreamResponse:
        now = clock.now()
        grant = world.tokens.find(bearer(request, "bearer"), now)
        client_id = request.headers.get("Client-Id", "")
        bucket = world.bucket(client_id, grant.user if grant else None, now)
        try:
            if not bucket.take(now):
                raise Refusal(429, "You have exceeded your rate limit, try again later")
            response = await answer(request, _entitled(request, grant, client_id))
        except Refusal as refusal:
            response = json_answer(refusal.helix_body(), refusal.status)
        response.headers.update(bucket.headers())
        return response

    return handle


def _entitled(request: web.Request, grant: Grant | None, client_id: str) -> Grant:
    if not request.headers.get("Authorization"):
        raise Refusal(401, "OAuth token is missing")
    if grant is None:
        raise Refusal(401, "Invalid OAuth token")
    if client_id != grant.client_id:
        raise Refusal(401, "Client ID and OAuth token do not match")
    return grant


def user_of(grant: Grant) -> User:
    if grant.user is None:
        raise Refusal(401, "a user access token is required")
    return grant.user


def listed(request: web.Request, name: str, *, at_most: int = 100) -> list[str]:
    """A parameter that may be repeated; duplicates are dropped."""
    values = request.query.getall(name, [])
    if len(values) > at_most:
        raise Refusal(400, f'The number of "{name}" parameters exceeds {at_most}')
    return list(dict.fromkeys(values))


def ids(request: web.Request, name: str) -> list[str]:
    values = listed(request, name)
    if not values:
        raise Refusal(400, f'Missing required parameter "{name}"')
    if not all(value.isascii() and value.isdigit() for value in values):
        raise Refusal(400, f'The parameter "{name}" was malformed: the value must be a numeric id')
    return values
