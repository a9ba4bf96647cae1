"""Whether a connect over TLS can hang for ever: our wire, and the stock synchronous client."""

import json
import subprocess
from collections.abc import Iterator

from bench.report import Report
from bench.stage import Broken, Stage, python
from bench.twitch import Twitch, sandbox


def measure(stage: Stage, *, quick: bool) -> Iterator[Report]:
    ours, stock = (1_000, 500) if quick else (5_000, 4_000)
    with sandbox(stage, tls=True) as twitch:
        rows = [
            _dial(stage, twitch, "ours", ours, "ours (aim: none of 5000)"),
            _dial(stage, twitch, "stock", stock, "websockets.sync.connect"),
        ]
    yield Report(
        title="connects in a row over TLS 1.3",
        method="connect, hear the welcome, say goodbye, one after the other; hung: not through after 3 s",
        columns=("connects", "hung", "failed", "each"),
        ratios=[],
        values=rows,
    )


def _dial(stage: Stage, twitch: Twitch, how: str, count: int, label: str) -> tuple[str, ...]:
    orders = {
        "how": how,
        "url": twitch.urls["eventsub_url"],
        "count": count,
        "ca_file": str(stage.ca_file),
    }
    with stage.process(python("bench.dial"), orders=orders, stdout=subprocess.PIPE) as process:
        line = process.stdout.readline() if process.stdout else b""
    if not line:
        raise Broken(f"no connects came of it ({how}): {stage.last_errors()}")
    result = json.loads(line)
    hung, failed = result["hung"], result["failed"]
    each = result["seconds"] / max(1, count - hung - failed)
    return label, str(count), str(hung), str(failed), f"{each * 1000:.1f} ms"
