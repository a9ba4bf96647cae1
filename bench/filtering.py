"""How many messages of other people a worker gets through."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from statistics import median

from bench.contestants import script
from bench.flood import BLOCK, PERSON, Flood, flooding
from bench.measure import cpu_seconds
from bench.report import Report, ratio
from bench.roost import LISTENING, Roost
from bench.stage import Stage

WARM_UP = 8  # blocks


@dataclass
class Tally:
    rates: list[float] = field(default_factory=list)  # messages a second
    costs: list[float] = field(default_factory=list)  # seconds of processor time a message


def measure(stage: Stage, *, quick: bool) -> Iterator[Report]:
    rounds, ours_blocks, naive_blocks = (1, 400, 100) if quick else (3, 1200, 300)
    ours, naive = Tally(), Tally()
    with flooding(stage) as flood:
        for _ in range(rounds):
            _drench(flood, _ours(stage, flood), ours_blocks, ours)
            _drench(flood, script("bench.naive", stage, flood.urls, [PERSON]), naive_blocks, naive)
    rates = median(ours.rates), median(naive.rates)
    costs = median(ours.costs), median(naive.costs)
    yield Report(
        title="other people's messages, one worker, TLS",
        method=f"{ours_blocks * BLOCK} frames of 1.5 KB (naive: {naive_blocks * BLOCK}) as fast as they are "
        f"taken -> PUT for an own message behind them; median of {rounds}; CPU of all threads of the worker",
        columns=("messages/s", "CPU a message"),
        ratios=[("ours / naive (aim >= 2.00 messages/s)", ratio(*rates), ratio(*costs))],
        values=[
            ("ours (aim >= 60000/s)", f"{rates[0]:.0f}", f"{costs[0] * 1e6:.1f} us"),
            ("naive", f"{rates[1]:.0f}", f"{costs[1] * 1e6:.1f} us"),
        ],
    )


def _drench(flood: Flood, worker: AbstractContextManager[int], blocks: int, tally: Tally) -> None:
    with worker as pid:
        client = flood.attach()
        flood.flood(client, WARM_UP)
        cpu = cpu_seconds([pid])
        seconds = flood.flood(client, blocks)
        tally.rates.append(blocks * BLOCK / seconds)
        tally.costs.append((cpu_seconds([pid]) - cpu) / (blocks * BLOCK))


@contextmanager
def _ours(stage: Stage, flood: Flood) -> Iterator[int]:
    roost = Roost(stage, flood.urls, [PERSON])
    with roost.running():
        roost.wait_for(LISTENING, users=roost.logins)
        [pid] = roost.pids()
        yield pid
