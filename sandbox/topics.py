"""The subscription types the stand-in knows. Pure.

https://dev.twitch.tv/docs/eventsub/eventsub-subscription-types/
"""

from dataclasses import dataclass

from sandbox.refusal import Refusal


@dataclass(frozen=True)
class Topic:
    condition: tuple[str, ...]
    scope: str | None = (
        None  # what the reading user (``user_id``) must have granted; none: anybody may listen
    )

    @property
    def joins_chat(self) -> bool:
        """Whether reading it counts as one of the channels a user is in."""
        return self.scope is not None


_CHAT = Topic(("broadcaster_user_id", "user_id"), "user:read:chat")
_STREAM = Topic(("broadcaster_user_id",))
_USER = Topic(("user_id",))

TOPICS = {
    ("channel.chat.message", "1"): _CHAT,
    ("channel.chat.notification", "1"): _CHAT,
    ("channel.chat.clear", "1"): _CHAT,
    ("channel.chat.clear_user_messages", "1"): _CHAT,
    ("channel.chat.message_delete", "1"): _CHAT,
    ("channel.chat_settings.update", "1"): _CHAT,
    ("stream.online", "1"): _STREAM,
    ("stream.offline", "1"): _STREAM,
    ("channel.update", "2"): _STREAM,
    ("user.update", "1"): _USER,
}
_REMOVED = {("channel.follow", "1")}


def find(kind: str, version: str) -> Topic:
    if (kind, version) in _REMOVED:
        raise Refusal(410, "subscription type and version have been removed")
    if (kind, version) not in TOPICS:
        raise Refusal(400, "invalid subscription type and version")
    return TOPICS[kind, version]
