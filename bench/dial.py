"""Connect over and over, by our wire or by the stock client, and say how it went: a script.

It is a process of its own because the waiting of our workers owns signals and a wake-up descriptor,
and because a hung stock client can only be left behind.
"""

import json
import os
import signal
import ssl
import sys
import time
from collections.abc import Callable
from multiprocessing import Pipe
from types import FrameType

from websockets.sync.client import connect

from shared.link import pair, worker_end
from worker.eventsub.wire import Wire
from worker.logs import LogQueue
from worker.waiting import Waiter

HUNG_SECONDS = 3.0

Dial = Callable[[], None]  # connect, hear the welcome, say goodbye; raises TimeoutError if it hangs


def ours(url: str, tls: ssl.SSLContext) -> Dial:
    supervisor, link = pair()
    reader, log_pipe = Pipe(duplex=False)
    waiter = Waiter(worker_end(link), LogQueue(log_pipe.fileno()), silence_seconds=3600.0)
    kept_open = supervisor, reader

    def dial() -> None:
        assert kept_open
        heard: list[bytes] = []
        ended: list[str] = []
        wire = Wire(
            url, tls=tls, waiter=waiter, on_text=heard.append, on_end=lambda _, reason: ended.append(reason)
        )
        until = time.monotonic() + HUNG_SECONDS
        while not ended:
            if time.monotonic() > until:
                wire.drop()
                raise TimeoutError
            waiter.turn(until)
            if len(heard) == 1:
                wire.close()
        if not heard:
            raise OSError(ended[0])

    return dial


def stock(url: str, tls: ssl.SSLContext) -> Dial:
    def dial() -> None:
        # Again and again: cleaning up after the first interruption may hang as well.
        signal.setitimer(signal.ITIMER_REAL, HUNG_SECONDS, HUNG_SECONDS)
        try:
            with connect(url, ssl=tls) as socket:
                socket.recv()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    return dial


def wake_up(_: int, __: FrameType | None) -> None:
    raise TimeoutError


def main() -> None:
    orders = json.loads(sys.stdin.readline())
    tls = ssl.create_default_context(cafile=orders["ca_file"])
    dial = {"ours": ours, "stock": stock}[orders["how"]](orders["url"], tls)
    if orders["how"] == "stock":
        signal.signal(signal.SIGALRM, wake_up)
    hung = failed = 0
    seconds = 0.0  # of those that came through
    for _ in range(orders["count"]):
        begun = time.perf_counter()
        try:
            dial()
        except TimeoutError:
            hung += 1
        except (OSError, EOFError) as fault:
            failed += 1
            print(f"dial: {type(fault).__name__}: {fault}", file=sys.stderr)
        else:
            seconds += time.perf_counter() - begun
    print(json.dumps({"hung": hung, "failed": failed, "seconds": seconds}), flush=True)
    os._exit(0)  # the threads of hung connects never end


if __name__ == "__main__":
    main()
