"""``/control/chat``: somebody says something; ``/control/simulation``: a crowd never stops."""

import asyncio

from aiohttp import web

from sandbox.answers import json_answer
from sandbox.ask import Ask, taking
from sandbox.simulation import Crowd, simulate
from sandbox.speaking import pace, say
from sandbox.world import World

IDS_ANSWERED = 1_000
BYTES_AROUND_TEXT = 1_110  # of a chat message as JSON


class Chat:
    def __init__(self, world: World) -> None:
        self._world = world
        self._simulation: asyncio.Task[None] | None = None

    def routes(self) -> list[web.RouteDef]:
        chat = "channel chatter text count per_second message_id notification_id timestamp pad"
        return [
            web.post("/control/chat", taking(chat, self.chat)),
            web.post("/control/simulation", taking("channels users per_second seconds commands", self.start)),
            web.delete("/control/simulation", self.stop),
        ]

    async def chat(self, ask: Ask) -> object:
        """``{n}`` in the text becomes the number of the message, from 0."""
        users = self._world.users
        channel, chatter = ask.user("channel", users), ask.user("chatter", users)
        text = padded(ask.text("text"), ask.whole("pad", 0))
        count, per_second = ask.whole("count", 1), ask.number_or_none("per_second")
        same = {
            "id_": ask.text_or_none("message_id"),
            "notification_id": ask.text_or_none("notification_id"),
            "at": ask.text_or_none("timestamp"),
        }
        sent = deliveries = 0
        ids: list[str] = []
        async for n in pace(per_second or None, count):
            id_, reached = say(self._world, channel, chatter, text.replace("{n}", str(n)), **same)
            sent, deliveries = sent + 1, deliveries + reached
            if len(ids) < IDS_ANSWERED:
                ids.append(id_)
        return {"sent": sent, "deliveries": deliveries, "event_message_ids": ids}

    async def start(self, ask: Ask) -> object:
        """A new simulation takes the place of the one before."""
        users = self._world.users
        crowd = Crowd(ask.users("channels", users), ask.users("users", users), commands=ask.flag("commands"))
        per_second, seconds = ask.number("per_second"), ask.number_or_none("seconds")
        await self.end_simulation()
        self._simulation = asyncio.create_task(simulate(self._world, crowd, per_second, seconds))
        return {}

    async def stop(self, _: web.Request) -> web.Response:
        return json_answer({"stopped": await self.end_simulation()})

    async def end_simulation(self) -> bool:
        """Return whether one was running."""
        running = self._simulation is not None and self._simulation.cancel()
        self._simulation = None
        return running


def padded(text: str, size: int) -> str:
    """Lengthen the text so that its frame weighs about ``size`` bytes."""
    missing = (size - BYTES_AROUND_TEXT) // 2 - len(text)
    return text + " " + "x" * missing if missing > 0 else text
