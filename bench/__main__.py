"""Choose figures, measure, print. Ctrl-C and SIGTERM end every process that was started."""

import argparse
import signal
import sys

from bench import connects, filtering, latency, memory, startup
from bench.stage import Broken, Stage

FIGURES = {
    "latency": latency.measure,
    "memory": memory.measure,
    "startup": startup.measure,
    "filter": filtering.measure,
    "connects": connects.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure ours beside other clients.")
    parser.add_argument("figure", nargs="?", choices=[*FIGURES, "all"], default="all")
    parser.add_argument("--quick", action="store_true", help="about a minute: less of everything, noisier")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = FIGURES.values() if asked.figure == "all" else [FIGURES[asked.figure]]
    try:
        with Stage() as stage:
            for measure in chosen:
                for report in measure(stage, quick=asked.quick):
                    print(report, end="\n\n", flush=True)
    except Broken as fault:
        print(f"bench: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; what it had started is ended", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
