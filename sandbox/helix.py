"""https://api.twitch.tv/helix: users, chat colors, streams and channels.

https://dev.twitch.tv/docs/api/reference/
"""

from aiohttp import web

from sandbox import clock, colors
from sandbox.answers import json_answer
from sandbox.helix_call import ids, listed, metered, user_of
from sandbox.refusal import Refusal
from sandbox.tokens import Grant
from sandbox.users import Stream, User
from sandbox.world import World


class Helix:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/helix/users", metered(self._world, self.users)),
            web.get("/helix/chat/color", metered(self._world, self.color)),
            web.put("/helix/chat/color", metered(self._world, self.change_color)),
            web.get("/helix/streams", metered(self._world, self.streams)),
            web.get("/helix/channels", metered(self._world, self.channels)),
        ]

    async def users(self, request: web.Request, grant: Grant) -> web.Response:
        """Without parameters: the token's own user."""
        wanted_ids, logins = listed(request, "id"), listed(request, "login")
        if len(wanted_ids) + len(logins) > 100:
            raise Refusal(400, "The total number of ids and logins exceeds 100")
        if wanted_ids or logins:
            found = self._by_ids(wanted_ids) + [u for u in map(self._world.users.find, logins) if u]
        elif grant.user:
            found = [grant.user]
        else:
            raise Refusal(400, "Invalid username(s), email(s), or ID(s)")
        return json_answer({"data": [_user(user) for user in dict.fromkeys(found)]})

    async def color(self, request: web.Request, _: Grant) -> web.Response:
        """Unknown ids are dropped without a word; the color is empty if none was ever chosen."""
        found = self._by_ids(ids(request, "user_id"))
        return json_answer({"data": [{**_names(user, "user"), "color": user.color} for user in found]})

    async def change_color(self, request: web.Request, grant: Grant) -> web.Response:
        [user_id] = ids(request, "user_id")[:1]
        user = user_of(grant)
        if user_id != user.id:
            raise Refusal(401, "The ID in user_id must match the user ID found in the request's OAuth token")
        if "user:manage:chat_color" not in grant.scopes:
            raise Refusal(401, "Missing scope: user:manage:chat_color")
        asked = request.query.get("color", "")
        try:
            color = colors.resolve(asked, turbo=user.turbo)
        except Refusal:
            self._world.journal.note("color", login=user.login, color=asked, via="helix", accepted=False)
            raise
        self._world.change_color(user, color, "helix")
        return web.Response(status=204)

    async def streams(self, request: web.Request, _: Grant) -> web.Response:
        """Channels that are offline are simply absent; most viewers first. Paging has one page."""
        by_id, by_login = listed(request, "user_id"), listed(request, "user_login")
        live = [(user, user.stream) for user in self._world.users if user.stream]
        if by_id or by_login:
            live = [(user, stream) for user, stream in live if user.id in by_id or user.login in by_login]
        live.sort(key=lambda pair: pair[1].viewers, reverse=True)
        page = [_stream(user, stream) for user, stream in live[: _first(request)]]
        return json_answer({"data": page, "pagination": {}})

    async def channels(self, request: web.Request, _: Grant) -> web.Response:
        return json_answer(
            {"data": [_channel(user) for user in self._by_ids(ids(request, "broadcaster_id"))]}
        )

    def _by_ids(self, wanted: list[str]) -> list[User]:
        return [user for user in map(self._world.users.find_id, wanted) if user]


def _first(request: web.Request) -> int:
    given = request.query.get("first", "20")
    if not given.isdigit() or not 1 <= int(given) <= 100:
        raise Refusal(400, 'The parameter "first" was malformed: the value must be between 1 and 100')
    return int(given)


def _names(user: User, prefix: str) -> dict[str, object]:
    return {f"{prefix}_id": user.id, f"{prefix}_login": user.login, f"{prefix}_name": user.display_name}


def _user(user: User) -> dict[str, object]:
    return {
        "id": user.id,
        "login": user.login,
        "display_name": user.display_name,
        "type": "",
        "broadcaster_type": "",
        "description": "",
        "profile_image_url": "",
        "offline_image_url": "",
        "view_count": 0,
        "created_at": clock.stamp_seconds(user.created_at),
    }


def _stream(user: User, stream: Stream) -> dict[str, object]:
    return {
        "id": stream.id,
        **_names(user, "user"),
        "game_id": "509658",
        "game_name": "Just Chatting",
        "type": "live",
        "title": stream.title,
        "tags": [],
        "viewer_count": stream.viewers,
        "started_at": clock.stamp_seconds(stream.started_at),
        "language": "en",
        "thumbnail_url": "",
        "tag_ids": [],
        "is_mature": False,
    }


def _channel(user: User) -> dict[str, object]:
    return {
        **_names(user, "broadcaster"),
        "broadcaster_language": "en",
        "game_id": "509658" if user.stream else "",
        "game_name": "Just Chatting" if user.stream else "",
        "title": user.stream.title if user.stream else "",
        "delay": 0,
        "tags": [],
        "content_classification_labels": [],
        "is_branded_content": False,
    }
