"""Where worker processes come from: one forkserver, preloaded and frozen, through ``multiprocessing``.

It is the only file that knows how ``multiprocessing`` works inside (3.11 to 3.14), and the only one
that names the worker. ``Popen`` is used without ``Process.start()``, which would keep every worker
in a list that it polls from end to end at each start (quadratic), eats their exit codes on the way,
and joins them for ever when we exit.

The forkserver may be killed at any time. Its workers live on; as sub-reaper we become their parent.
"""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import forkserver, popen_forkserver, resource_tracker
from pathlib import Path
from typing import Any, NamedTuple

from shared.entry import Entry
from supervisor import descriptors

WORKER = Entry("worker.main:run")
PRELOAD = ("worker.preload",)
CA_VARIABLE = "ROOST_PRELOAD_CA"  # a path; all that the preload is told

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_SECONDS = 15.0  # for a forkserver that is stopped or stuck; a cold preload takes some
FAREWELL_SECONDS = 1.0
SETTLED_SECONDS = 5.0  # one that dies younger than this is not replaced before it is needed

# A terminal's Ctrl-C and hang-up, and systemd's SIGTERM, reach the whole group. What ends the
# forkserver is the end of its "alive" pipe; workers put their own mask back.
HELD_BACK = {signal.SIGINT, signal.SIGHUP, signal.SIGTERM}


# Two singletons of a process. Nothing public tells their pids, or ends them for good.
SERVER: Any = forkserver._forkserver  # noqa: SLF001
TRACKER: Any = resource_tracker._resource_tracker  # noqa: SLF001


class StartFailed(Exception):
    """No process came of it. The next attempt may do better."""


class Birth(NamedTuple):
    """A new process. Its exit code arrives on ``sentinel`` if the forkserver lives to see its death."""

    pid: int
    sentinel: int
    popen: popen_forkserver.Popen

    def close(self) -> None:
        """Close the descriptors that ``multiprocessing`` holds for it, ``sentinel`` among them."""
        self.popen.close()


class Death(NamedTuple):
    pid: int
    code: int  # negative: the signal


class Nursery:
    """One of these in a process: ``multiprocessing`` has one forkserver.

    ``ca_file`` is for the preload: extra certificates to trust.
    """

    def __init__(
        self, ca_file: Path | None = None, *, worker: Entry = WORKER, preload: Sequence[str] = PRELOAD
    ) -> None:
        descriptors.make_ready()  # before the first of a process that will have thousands
        self._worker = worker
        self._preload_environment = {} if ca_file is None else {CA_VARIABLE: str(ca_file)}
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(preload))
        self._opened_at = 0.0
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def open(self) -> None:
        """Have a forkserver before the first worker needs it: it goes on importing after this returns.

        What goes wrong here goes wrong again in ``start``, which can tell.
        """
        with contextlib.suppress(OSError):
            self._have_forkserver()

    def start(self, name: str, *args: object) -> Birth:
        """Start a worker process with ``args``. Raises ``StartFailed``.

        Waits some milliseconds for the fork, and for the preload if the forkserver is new.
        """
        try:
            self._have_forkserver()
            process = self._context.Process(target=self._worker, args=args, name=f"roost:{name}")
            with _bare_environment(self._preload_environment), _nobody_in_main(), _patience(PATIENCE_SECONDS):
                popen = popen_forkserver.Popen(process)
        except TimeoutError as stuck:
            self.kill_forkserver()
            raise StartFailed(str(stuck)) from stuck
        # ProcessError: since 3.14 both ends of the forkserver's socket prove who they are.
        except (OSError, EOFError, multiprocessing.ProcessError) as fault:
            raise StartFailed(f"{type(fault).__name__}: {fault}") from fault
        return Birth(popen.pid, popen.sentinel, popen)

    def reap(self) -> Iterator[Death]:
        """Collect our dead children: workers whose forkserver died, and strangers we inherited.

        They are looked at before they are collected, because ``multiprocessing`` must find the
        statuses of its own two processes, or it would wait for ever.
        """
        with contextlib.suppress(ChildProcessError):
            while dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if dead.si_pid == _forkserver_pid():
                    self._replace_forkserver()
                elif dead.si_pid == _tracker_pid():
                    TRACKER._stop()  # noqa: SLF001
                elif status := os.waitid(os.P_PID, dead.si_pid, os.WEXITED | os.WNOHANG):
                    exited = status.si_code == os.CLD_EXITED
                    yield Death(dead.si_pid, status.si_status if exited else -status.si_status)

    def kill_forkserver(self) -> None:
        """For one that does not answer, or does not report the dead."""
        if pid := _forkserver_pid():
            os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """End the forkserver and the resource tracker, by force if they linger."""
        _dismiss(_forkserver_pid(), SERVER._forkserver_alive_fd, SERVER._stop)  # noqa: SLF001
        _dismiss(_tracker_pid(), TRACKER._fd, TRACKER._stop)  # noqa: SLF001

    def _have_forkserver(self) -> None:
        before = _forkserver_pid()
        with _bare_environment(self._preload_environment):
            resource_tracker.ensure_running()  # first: it puts back a signal mask of its own
            with _signals_held_back():
                forkserver.ensure_running()
        if _forkserver_pid() != before:
            self._opened_at = time.monotonic()

    def _replace_forkserver(self) -> None:
        """At once, so that the next worker need not wait for it; unless it cannot even stand up."""
        SERVER._stop()  # noqa: SLF001
        if time.monotonic() - self._opened_at > SETTLED_SECONDS:
            self.open()


def _forkserver_pid() -> int | None:
    pid: int | None = SERVER._forkserver_pid  # noqa: SLF001
    return pid


def _tracker_pid() -> int | None:
    pid: int | None = TRACKER._pid  # noqa: SLF001
    return pid


def _dismiss(pid: int | None, pipe: int | None, stop: Callable[[], None]) -> None:
    """Let it see the end of its pipe, as it expects. ``stop`` then collects it, and would wait for ever."""
    if pid is None or pipe is None:
        return
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), pipe, inheritable=False)
    try:
        with _patience(FAREWELL_SECONDS):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
    stop()


@contextlib.contextmanager
def _bare_environment(additions: dict[str, str]) -> Iterator[None]:
    """What a new forkserver inherits: none of our variables, which may hold secrets, but ``additions``.

    Our own ``sys.path`` goes with it, as 3.11 and 3.12 drop the one that they are handed; and the
    current folder must not, as it may well contain a package called `worker`.
    """
    additions = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONSAFEPATH": "1", **additions}
    ours = [name for name in os.environ if name.startswith("ROOST_")]
    before = {name: os.environ.pop(name, None) for name in {*ours, *additions}}
    os.environ.update(additions)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _nobody_in_main() -> Iterator[None]:
    """Hide our ``__main__``: each child would import it again, and all of the supervisor with it."""
    ours = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = ours


@contextlib.contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Raise ``TimeoutError`` out of a wait that lasts longer: the one thing that can, inside ``read``."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"the forkserver (pid {_forkserver_pid()}) did not answer for {seconds:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)
