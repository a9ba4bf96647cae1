"""What a connected worker weighs, before and after its first color change."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from bench.contestants import naive
from bench.measure import Memory, memory, typical_memory
from bench.report import Report, Row, megabytes, ratio
from bench.roost import LISTENING, Roost
from bench.stage import Stage
from bench.twitch import Person, Twitch, sandbox

SETTLE_SECONDS = 1.5  # the beat that follows a change has been sent by then
CHANGES = 3


@dataclass(frozen=True)
class Weight:
    before: Memory
    after: Memory
    all_told: float  # bytes: PSS of everything that was started, for each user

    def cells(self) -> tuple[str, ...]:
        sizes = (self.before.uss, self.after.uss, self.before.pss, self.after.pss, self.all_told)
        return tuple(map(megabytes, sizes))

    def over(self, other: "Weight") -> tuple[str, ...]:
        return (
            ratio(self.before.uss, other.before.uss),
            ratio(self.after.uss, other.after.uss),
            ratio(self.before.pss, other.before.pss),
            ratio(self.after.pss, other.after.pss),
            ratio(self.all_told, other.all_told),
        )


def measure(stage: Stage, *, quick: bool) -> Iterator[Report]:
    crowds, independent = ([1, 50], 10) if quick else ([1, 50, 200], 50)
    with sandbox(stage, tls=True) as twitch:
        weights = {users: _weigh_ours(stage, twitch, twitch.start_over(users)) for users in crowds}
        baseline = _weigh_naive(stage, twitch, twitch.start_over(independent))
    ratios: list[Row] = []
    for users, weight in weights.items():
        aim = " (aim USS after <= 0.30)" if users == 200 else ""
        ratios.append((f"ours, {users} / independent{aim}", *weight.over(baseline)))
    values: list[Row] = [(f"ours, {users} (aim USS after <= 8)", *w.cells()) for users, w in weights.items()]
    yield Report(
        title="memory of a connected worker, TLS",
        method=f"smaps_rollup, median of workers, {SETTLE_SECONDS:g} s after connecting, and after "
        f"{CHANGES} color changes; all: PSS of every process after, supervisor included, for each user",
        columns=("USS before", "USS after", "PSS before", "PSS after", "all"),
        ratios=ratios,
        values=[*values, (f"{independent} independent naive processes", *baseline.cells())],
    )


def _weigh_ours(stage: Stage, twitch: Twitch, people: list[Person]) -> Weight:
    """A second start: the first one takes over tokens and resolves names, which is done once in a life."""
    roost = Roost(stage, twitch.urls, people)
    with roost.running():
        roost.wait_for(LISTENING, users=roost.logins)
    since = len(roost.records)
    with roost.running() as supervisor:
        roost.wait_for(LISTENING, users=roost.logins, since=since)
        family = psutil.Process(supervisor.pid)
        everybody = [family.pid, *(child.pid for child in family.children(recursive=True))]
        return _weigh(twitch, people, roost.pids(), everybody)


def _weigh_naive(stage: Stage, twitch: Twitch, people: list[Person]) -> Weight:
    with naive(stage, twitch, people) as pids:
        return _weigh(twitch, people, pids, pids)


def _weigh(twitch: Twitch, people: list[Person], workers: list[int], everybody: list[int]) -> Weight:
    time.sleep(SETTLE_SECONDS)
    before = typical_memory(workers)
    twitch.converse(people, CHANGES * len(people))
    time.sleep(SETTLE_SECONDS)
    all_told = sum(memory(pid).pss for pid in everybody) / len(people)
    return Weight(before, typical_memory(workers), all_told)
