"""What a measured script is told on its standard input."""

import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.twitch import Person


@dataclass(frozen=True)
class Orders:
    client_id: str
    client_secret: str
    oauth_url: str
    helix_url: str
    eventsub_url: str
    log: Path
    people: list[Person]


def read_orders() -> Orders:
    given = json.loads(sys.stdin.readline())
    return Orders(
        client_id=given["client_id"],
        client_secret=given["client_secret"],
        oauth_url=given["oauth_url"],
        helix_url=given["helix_url"],
        eventsub_url=given["eventsub_url"],
        log=Path(given["log"]),
        people=[Person(**person) for person in given["people"]],
    )


def any_color() -> str:
    """What every contestant asks for."""
    return f"#{random.randrange(0x1000000):06x}"
