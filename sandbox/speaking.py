"""People speak: one message to all who read the channel, and many at a steady pace."""

import asyncio
import time
from collections.abc import AsyncIterator

from sandbox import chat, messages
from sandbox.users import User
from sandbox.world import World

TICK_SECONDS = 0.01
BURST = 50  # messages between two looks at everything else


def say(
    world: World,
    channel: User,
    chatter: User,
    text: str,
    *,
    id_: str | None = None,
    notification_id: str | None = None,
    at: str | None = None,
) -> tuple[str, int]:
    """Return the event's message id and the number of sockets it went to."""
    event_id = id_ or messages.message_id()
    event = chat.message_event(channel, chatter, text, id_=event_id, users=world.users)
    # Before the write: the client that it wakes may take the core first, and the stamp would come late.
    handed_at = time.monotonic_ns()
    deliveries = world.publish("channel.chat.message", channel, event, id_=notification_id, at=at)
    world.chat_sent += 1
    if world.settings.journal_chat:
        world.journal.note(
            "chat", handed_at, channel=channel.login, chatter=chatter.login, event_message_id=event_id
        )
    return event_id, deliveries


async def pace(per_second: float | None, count: int | None) -> AsyncIterator[int]:
    """Yield 0, 1, 2 … at this pace (``None``: without pause), up to ``count`` (``None``: for ever).

    It sleeps between ticks, not between messages, and catches up when a tick came late.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    n = 0
    while count is None or n < count:
        owed = BURST if per_second is None else int((loop.time() - began) * per_second) + 1 - n
        for _ in range(min(owed, BURST) if count is None else min(owed, BURST, count - n)):
            yield n
            n += 1
        await asyncio.sleep(0 if owed >= BURST else TICK_SECONDS)
