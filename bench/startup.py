"""How fast many workers come, how fast a dead one is replaced, and how fast all leave."""

import random
import signal
import time
from collections.abc import Iterator
from statistics import median

from bench.contestants import naive
from bench.measure import percentile
from bench.report import Report, Row, milliseconds, ratio
from bench.roost import LISTENING, STATE_CHANGED, Roost, logged_at
from bench.stage import Process, Stage
from bench.twitch import Twitch, sandbox

RUNNING = {**STATE_CHANGED, "state": "RUNNING"}
PARTING_SECONDS = 30.0


def measure(stage: Stage, *, quick: bool) -> Iterator[Report]:
    users, starts, kills, independent = (100, 1, 30, 5) if quick else (200, 3, 100, 20)
    with sandbox(stage, tls=True) as twitch:
        roost = Roost(stage, twitch.urls, twitch.start_over(users))
        begun = [_start_and_stop(roost) for _ in range(1 + starts)]
        replaced = _replace(roost, kills)
        baseline = independent / _start_independent(stage, twitch, independent)
    first, later = begun[0], begun[1:]
    running, listening, stopped = (median(column) for column in zip(*later, strict=True))
    rate = users / listening
    values: list[Row] = [
        ("until all are RUNNING", f"{running:.2f} s", f"{users / running:.0f}/s"),
        ("until all listen (aim >= 60/s)", f"{listening:.2f} s", f"{rate:.0f}/s"),
        (
            "the very first start: tokens taken over, names resolved",
            f"{first[1]:.2f} s",
            f"{users / first[1]:.0f}/s",
        ),
        (
            f"{independent} independent naive processes",
            f"{independent / baseline:.2f} s",
            f"{baseline:.1f}/s",
        ),
        ("stop-all (aim <= 1 s)", f"{stopped:.2f} s", f"{users / stopped:.0f}/s"),
    ]
    yield Report(
        title=f"start and stop of {users} workers, TLS",
        method=f"from the start of `roost run` to the last worker's log record, and from SIGTERM to the end "
        f"of all; median of {starts}",
        columns=("time", "workers"),
        ratios=[("ours / independent processes, workers a second", "", ratio(rate, baseline))],
        values=values,
    )
    yield Report(
        title=f"replacement of a killed worker among {users}",
        method=f"kill -9 of a random worker -> the supervisor's record that the next one is forked, in 1 ms "
        f"steps; no back-off; {kills} kills, each when the last replacement listens",
        columns=("p50", "p99"),
        ratios=[],
        values=[
            (
                "ours (aim p50 <= 20 ms)",
                milliseconds(percentile(replaced, 0.50)),
                milliseconds(percentile(replaced, 0.99)),
            )
        ],
    )


def _start_and_stop(roost: Roost) -> tuple[float, float, float]:
    """Seconds to all RUNNING, to all listening, and for all to leave."""
    since, begun = len(roost.records), time.time()
    with roost.running() as supervisor:
        listening = roost.wait_for(LISTENING, users=roost.logins, since=since)
        running = roost.wait_for(RUNNING, users=roost.logins, since=since)
        stopped = _stop(supervisor)
    return (
        max(map(logged_at, running.values())) - begun,
        max(map(logged_at, listening.values())) - begun,
        stopped,
    )


def _stop(supervisor: Process) -> float:
    begun = time.monotonic()
    supervisor.send_signal(signal.SIGTERM)
    supervisor.wait(PARTING_SECONDS)
    return time.monotonic() - begun


def _replace(roost: Roost, kills: int) -> list[float]:
    since = len(roost.records)
    with roost.running():
        roost.wait_for(LISTENING, users=roost.logins, since=since)
        return [roost.kill(random.choice(roost.people).login) for _ in range(kills)]


def _start_independent(stage: Stage, twitch: Twitch, count: int) -> float:
    people = twitch.start_over(count)
    begun = time.monotonic()
    with naive(stage, twitch, people):
        return time.monotonic() - begun
