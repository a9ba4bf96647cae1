"""Those who are to change a color when a user chats, each in processes of its own.

A contestant is entered as a context with people who have signed in, and yields the processes that do
the work once all are subscribed.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial

from bench.roost import LISTENING, Roost
from bench.stage import Broken, Stage, python
from bench.twitch import CLIENT_ID, CLIENT_SECRET, Person, Twitch

Contestant = Callable[[Stage, Twitch, list[Person]], AbstractContextManager[list[int]]]

TRIES = 3
SETTLE_SECONDS = 0.5  # pyTwitchAPI drops a message that overtakes the answer to its subscription


@contextmanager
def ours(stage: Stage, twitch: Twitch, people: list[Person]) -> Iterator[list[int]]:
    """The whole product; its workers are measured, and not its supervisor, which takes no part."""
    roost = Roost(stage, twitch.urls, people)
    with roost.running():
        roost.wait_for(LISTENING, users=roost.logins)
        yield roost.pids()


@contextmanager
def naive(stage: Stage, twitch: Twitch, people: list[Person]) -> Iterator[list[int]]:
    """A process for each user. Its synchronous connect can hang for ever: then it is started again."""
    with ExitStack() as running:
        pids: dict[str, int] = {}
        missing = people
        for _ in range(TRIES):
            for person in missing:
                worker = script("bench.naive", stage, twitch.urls, [person])
                pids[person.login] = running.enter_context(worker)
            missing = twitch.without_subscription(people)
            if not missing:
                break
        else:
            raise Broken(f"naive workers do not subscribe: {stage.last_errors()}")
        yield list(pids.values())


@contextmanager
def peer(module: str, stage: Stage, twitch: Twitch, people: list[Person]) -> Iterator[list[int]]:
    """One process for all users, which is how these libraries are used."""
    with script(module, stage, twitch.urls, people) as pid:
        if twitch.without_subscription(people):
            raise Broken(f"{module} does not subscribe everybody: {stage.last_errors()}")
        time.sleep(SETTLE_SECONDS)
        yield [pid]


CONTESTANTS: dict[str, Contestant] = {
    "ours": ours,
    "naive": naive,
    "TwitchIO": partial(peer, "bench.peers_twitchio"),
    "pyTwitchAPI": partial(peer, "bench.peers_twitchapi"),
}


@contextmanager
def script(module: str, stage: Stage, urls: Mapping[str, str], people: list[Person]) -> Iterator[int]:
    """Run one of our scripts for ``people``; its pid."""
    orders = {
        **urls,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "log": str(stage.new_folder() / "log"),
        "people": [vars(person) for person in people],
    }
    with stage.process(python(module), orders=orders) as process:
        yield process.pid
