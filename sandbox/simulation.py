"""Endless plausible chat: the users of a test or demo among a crowd of strangers."""

import asyncio
import random
from dataclasses import dataclass, field

from sandbox import clock, colors
from sandbox.speaking import pace, say
from sandbox.users import User, Users
from sandbox.world import World

STRANGERS = (
    "mossy_otter", "tinklebyte", "pixelheron", "quietcomet", "sir_waffle", "lunarmarmot", "copperfinch",
    "zestyyak", "novabadger", "driftwood7", "peppercorn_", "velvetlynx", "gigglefern", "ironturnip",
)  # fmt: skip
LINES = (
    "LUL", "no way", "that was close!", "gg", "first time here, hi!", "clip it", "Kappa", "what a save", "W",
    "hello chat", "so good", "wait what", "PogChamp PogChamp", "how is everyone?", "one more!", "let's goooo",
    "been here since the start", "that music though", "who else saw that?", "ok that was clean", "brb snacks",
    "@{friend} agreed", "F", "the timing LUL", "it's 3 am here", "new emote when", "@{friend} hi!",
)  # fmt: skip
COMMANDS = ("ccc", "ccc", "ccc blue_violet", "ccc #1e90ff", "ccd", "cce")
OWN_SHARE = 0.3  # of the messages come from the listed users
COMMAND_SHARE = 0.05  # of their messages are commands


@dataclass
class Crowd:
    channels: list[User]
    users: list[User]
    commands: bool = False
    strangers: list[User] = field(default_factory=list)

    def gather(self, users: Users) -> None:
        """Make the strangers known, each with a color of their own."""
        for login in STRANGERS:
            stranger = users.find(login)
            if stranger is None:
                stranger = users.add(login, now=clock.now())
                stranger.color = random.choice(list(colors.NAMED.values()))
            self.strangers.append(stranger)

    def next_line(self) -> tuple[User, User, str]:
        """Who says what where. A disabling command is followed sooner or later by an enabling one."""
        channel = random.choice(self.channels)
        if self.users and random.random() < OWN_SHARE:
            user = random.choice(self.users)
            if self.commands and random.random() < COMMAND_SHARE:
                return channel, user, random.choice(COMMANDS)
            return channel, user, self._line()
        return channel, random.choice(self.strangers), self._line()

    def _line(self) -> str:
        return random.choice(LINES).replace("{friend}", random.choice(self.strangers + self.users).login)


async def simulate(world: World, crowd: Crowd, per_second: float, seconds: float | None) -> None:
    """Talk until the time is over or the task is cancelled."""
    crowd.gather(world.users)
    try:
        async with asyncio.timeout(seconds):
            async for _ in pace(per_second, None):
                say(world, *crowd.next_line())
    except TimeoutError:
        pass
