"""What a chat message looks like to those who read it. Pure.

https://dev.twitch.tv/docs/eventsub/eventsub-reference/#channel-chat-message-event
"""

import re

import orjson

from sandbox.users import User, Users

_WORD = re.compile(r"@\w+|\b(?:Kappa|LUL|PogChamp)\b")
_EMOTES = {"Kappa": "25", "LUL": "425618", "PogChamp": "305954156"}


def message_event(channel: User, chatter: User, text: str, *, id_: str, users: Users) -> bytes:
    """The event of ``channel.chat.message`` v1, complete: what does not apply is null.

    ``color`` is the color at send time, and empty if the chatter never chose one.
    """
    return orjson.dumps(
        {
            "broadcaster_user_id": channel.id,
            "broadcaster_user_login": channel.login,
            "broadcaster_user_name": channel.display_name,
            "source_broadcaster_user_id": None,
            "source_broadcaster_user_login": None,
            "source_broadcaster_user_name": None,
            "chatter_user_id": chatter.id,
            "chatter_user_login": chatter.login,
            "chatter_user_name": chatter.display_name,
            "message_id": id_,
            "source_message_id": None,
            "is_source_only": None,
            "message": {"text": text, "fragments": _fragments(text, users)},
            "color": chatter.color,
            "badges": _badges(channel, chatter),
            "source_badges": None,
            "message_type": "text",
            "cheer": None,
            "reply": None,
            "channel_points_custom_reward_id": None,
            "channel_points_animation_id": None,  # not in the reference; TwitchIO reads it from every message
        }
    )


def _fragments(text: str, users: Users) -> list[dict[str, object]]:
    """Cut out what is more than text: mentions of people who exist, and a few global emotes."""
    fragments = []
    plain_from = 0
    for word in _WORD.finditer(text):
        special = _special(word.group(), users)
        if special is None:
            continue
        if word.start() > plain_from:
            fragments.append(_fragment("text", text[plain_from : word.start()]))
        fragments.append(special)
        plain_from = word.end()
    if plain_from < len(text) or not fragments:
        fragments.append(_fragment("text", text[plain_from:]))
    return fragments


def _special(word: str, users: Users) -> dict[str, object] | None:
    if word in _EMOTES:
        emote = {"id": _EMOTES[word], "emote_set_id": "0", "owner_id": "0", "format": ["static"]}
        return _fragment("emote", word, emote=emote)
    user = users.find(word[1:])
    if user is None:
        return None
    mention = {"user_id": user.id, "user_login": user.login, "user_name": user.display_name}
    return _fragment("mention", word, mention=mention)


def _fragment(kind: str, text: str, *, emote: object = None, mention: object = None) -> dict[str, object]:
    return {"type": kind, "text": text, "cheermote": None, "emote": emote, "mention": mention}


def _badges(channel: User, chatter: User) -> list[dict[str, str]]:
    badges = []
    if chatter is channel:
        badges.append({"set_id": "broadcaster", "id": "1", "info": ""})
    if chatter.turbo:
        badges.append({"set_id": "turbo", "id": "1", "info": ""})
    return badges


def stream_event(channel: User, **more: object) -> bytes:
    """The event of ``stream.offline`` v1 and, with id, type and start, that of ``stream.online`` v1."""
    broadcaster = {
        "broadcaster_user_id": channel.id,
        "broadcaster_user_login": channel.login,
        "broadcaster_user_name": channel.display_name,
    }
    return orjson.dumps({**more, **broadcaster})
