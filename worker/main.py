"""One user in, one exit code out: what the supervisor starts in a process of its own."""

import os
import signal
import socket
import sys
from multiprocessing.connection import Connection

from shared.errors import RoostError, Stopping
from shared.exits import Exit
from shared.link import WorkerEnd, worker_end
from shared.logs import logger
from shared.messages import Failed
from shared.settings import WorkerSettings
from worker import birth
from worker.logs import LogQueue
from worker.user import UserWorker
from worker.waiting import Waiter


def run(settings: WorkerSettings, link_socket: socket.socket, log_pipe: "Connection[bytes, bytes]") -> None:
    """Work until told to stop. Leaves by ``SystemExit`` with a ``shared.exits.Exit``.

    A SIGTERM that the supervisor knows nothing of ends the process by that very signal, when all is
    put away, so that it is seen as the accident that it is, and the worker is started again.
    """
    birth.begin_alone(settings.username, keep={link_socket.fileno(), log_pipe.fileno()})
    link = worker_end(link_socket)
    logs = LogQueue(log_pipe.fileno())
    code = _work(settings, link, logs)
    logs.flush(seconds=1.0)
    if code is None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    sys.exit(code)


def _work(settings: WorkerSettings, link: WorkerEnd, logs: LogQueue) -> Exit | None:
    """Why it ended; ``None``: a stranger's SIGTERM."""
    name = settings.username
    log = logger(logs.put, settings.log_level, worker=name, user=name, pid=os.getpid())
    waiter = Waiter(link, logs, settings.silence_seconds)
    try:
        UserWorker(settings, waiter, log).run()
    except Stopping:
        dismissed = waiter.was_dismissed()
        log.info("worker stopped", dismissed=dismissed)
        return Exit.DONE if dismissed else None
    except RoostError as fault:
        log.error("worker gave up", reason=str(fault), exit=int(fault.exit))
        link.send(Failed(reason=str(fault)))
        return fault.exit
    except Exception as surprise:  # the last stand of this process: whatever it is, it must be told
        log.critical("worker crashed", exc_info=surprise)
        link.send(Failed(reason=f"{type(surprise).__name__}: {surprise}"[:500]))
        return Exit.CRASHED
