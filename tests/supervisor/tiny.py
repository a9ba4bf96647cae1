"""A worker that does what a test tells it: by its first channel at birth, by orders later."""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from shared.link import LinkClosed, WorkerEnd, worker_end
from shared.messages import Beat, Do, Done, Failed, NeedsSignIn, Ready, Stop
from shared.settings import WorkerSettings


def run(settings: WorkerSettings, link_socket: socket.socket, log_pipe: "Connection[bytes, bytes]") -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    _keep_only({0, 1, 2, link_socket.fileno(), log_pipe.fileno()})
    manner = settings.channels[0]
    if manner.startswith("exit_"):
        sys.exit(int(manner.removeprefix("exit_")))
    link = worker_end(link_socket)
    if manner == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if manner == "late":
        time.sleep(60)
    link.send(Ready())
    _serve(settings, link, log_pipe.fileno(), is_silent=manner == "silent", is_deaf=manner == "deaf")


def _serve(settings: WorkerSettings, link: WorkerEnd, log: int, *, is_silent: bool, is_deaf: bool) -> None:
    counters = {**settings.counted, "lives": settings.counted.get("lives", 0) + 1}
    phase = "listening"
    while True:
        if not is_silent:
            link.send(
                Beat(phase=phase, detail="at work", counters=counters, facts={"mode": settings.channels[0]})
            )
        select.select([link], [], [], settings.silence_seconds / 3)
        try:
            for message in link.receive():
                if isinstance(message, Stop):
                    if not is_deaf:
                        sys.exit(0)
                elif message.action == "sign-in":
                    phase = "signing-in"
                    link.send(
                        NeedsSignIn(url="https://id.example/go", code="ABCD", expires_at=1.5, why="new here")
                    )
                    link.send(Done(id=message.id, ok=True, text=phase))
                elif message.action == "phase":
                    phase = message.args[0]
                    link.send(Done(id=message.id, ok=True, text=phase))
                else:
                    _obey(message, link, log)
        except LinkClosed:
            sys.exit(0)


def _obey(order: Do, link: WorkerEnd, log: int) -> None:
    text = ""
    match order.action:
        case "exit":
            sys.exit(int(order.args[0]))
        case "fail":
            link.send(Failed(reason=order.args[1]))
            sys.exit(int(order.args[0]))
        case "write":
            os.write(log, order.args[0].encode())
        case "write-and-die":
            os.write(log, order.args[0].encode())
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(60)
        case "shut-the-link":
            link.close()
            time.sleep(60)
        case "mumble":
            return
        case "look":
            text = json.dumps(
                {
                    "environment": [name for name in os.environ if name.startswith("ROOST_")],
                    "rooms": sorted({name.split(".")[0] for name in sys.modules} & {"supervisor", "worker"}),
                    "main": getattr(sys.modules["__main__"], "__file__", None),
                    "descriptors": len(_open_descriptors()) - 1,
                }
            )
        case "refuse":
            link.send(Done(id=order.id, ok=False, text="not today"))
            return
    link.send(Done(id=order.id, ok=True, text=text or " ".join(order.args)))


def _keep_only(wanted: set[int]) -> None:
    for descriptor in set(_open_descriptors()) - wanted:
        with contextlib.suppress(OSError):  # the one that listed the folder is gone already
            os.close(descriptor)


def _open_descriptors() -> list[int]:
    return [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
