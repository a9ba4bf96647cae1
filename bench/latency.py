"""From a chat event to the color change it leads to, and what it costs the one who does it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.contestants import CONTESTANTS
from bench.measure import cpu_seconds, percentile
from bench.report import Report, Row, milliseconds, ratio
from bench.stage import Broken, Stage
from bench.twitch import Person, Twitch, sandbox

WARM_UP = 30  # messages of each user before the counting begins, shared by all when there are many
AIMS = {"naive": "p50 <= 0.65", "TwitchIO": "p50 <= 0.70"}  # one user, TLS


@dataclass
class Tally:
    latencies: list[float] = field(default_factory=list)  # seconds
    cpu: float = 0.0  # seconds

    @property
    def marks(self) -> tuple[float, float, float]:
        """p50, p99, processor time of a message."""
        each = self.cpu / len(self.latencies)
        return percentile(self.latencies, 0.50), percentile(self.latencies, 0.99), each


def measure(stage: Stage, *, quick: bool) -> Iterator[Report]:
    for users, tls, rounds, messages in _plan(quick):
        with sandbox(stage, tls=tls) as twitch:
            tallies = _compare(stage, twitch, users, rounds, messages)
        yield _report(users, tls, f"{rounds} x {messages} messages", tallies)


def _plan(quick: bool) -> list[tuple[int, bool, int, int]]:
    """Users, whether over TLS, rounds, messages in each."""
    if quick:
        return [(1, True, 2, 150), (1, False, 1, 150)]
    return [(1, True, 4, 300), (1, False, 3, 300), (50, True, 2, 400), (50, False, 1, 400)]


def _compare(stage: Stage, twitch: Twitch, users: int, rounds: int, messages: int) -> dict[str, Tally]:
    tallies = {name: Tally() for name in CONTESTANTS}
    names = list(CONTESTANTS)
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            people = twitch.start_over(users)
            with CONTESTANTS[name](stage, twitch, people) as pids, _blame(stage, name):
                _take_part(twitch, people, pids, messages, tallies[name])
    return tallies


def _take_part(twitch: Twitch, people: list[Person], pids: list[int], messages: int, tally: Tally) -> None:
    twitch.converse(people, max(WARM_UP, 2 * len(people)))
    after, cpu = twitch.position(), cpu_seconds(pids)
    twitch.converse(people, messages)
    tally.cpu += cpu_seconds(pids) - cpu
    tally.latencies += twitch.latencies(after)


@contextmanager
def _blame(stage: Stage, name: str) -> Iterator[None]:
    try:
        yield
    except Broken as fault:
        raise Broken(f"{name}: {fault}\n{stage.last_errors()}") from None


def _report(users: int, tls: bool, much: str, tallies: dict[str, Tally]) -> Report:
    who = "one user" if users == 1 else f"{users} users in turn"
    ours = tallies["ours"].marks
    ratios: list[Row] = []
    for name, tally in tallies.items():
        if name != "ours":
            aim = f" (aim {AIMS[name]})" if users == 1 and tls and name in AIMS else ""
            ratios.append((f"ours / {name}{aim}", *map(ratio, ours, tally.marks)))
    return Report(
        title=f"latency, {who}, {'TLS' if tls else 'plain'}",
        method="chat event handed to its socket -> PUT /chat/color at the sandbox, both by its clock; "
        f"{much} of 1.5 KB, each after the last one's PUT; one contestant at a time, blocks alternating",
        columns=("p50", "p99", "CPU a message"),
        ratios=ratios,
        values=[(name, *map(milliseconds, tally.marks)) for name, tally in tallies.items()],
        notes=[
            "TwitchIO: its constants Route.BASE, Route.ID_BASE and websockets.WSS are set to the sandbox",
            "with many users, the two libraries serve all in one process; ours and naive have one for each",
        ],
    )
