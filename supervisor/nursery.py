"""Where worker processes come from: one forkserver, preloaded and frozen, through ``multiprocessing``.

It is the only file that knows how ``multiprocessing`` works inside (3.11 to 3.14), and the only one
that names the worker. ``Popen`` is used without ``Process.start()``, which would keep every worker
in a list that it polls from end to end at each start (quadratic), eats their exit codes on the way,
and joins them for ever when we exit. Nor does a start wait for the forkserver, which may be busy,
stopped or stuck: its answer arrives on a descriptor like everything else.

The forkserver may be killed at any time. Its workers live on; as sub-reaper we become their parent.
"""

import contextlib
import ctypes
import io
import multiprocessing
import os
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import forkserver, popen_forkserver, process, reduction, resource_tracker, spawn, util
from multiprocessing.context import set_spawning_popen
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from shared.entry import Entry
from supervisor import descriptors

WORKER = Entry("worker.main:run")
PRELOAD = ("worker.preload",)
PRELOADER = "shared.preload"
CA_VARIABLE = "ROOST_PRELOAD_CA"  # a path
SOCKETS = "listener-*"  # as ``multiprocessing`` calls them

PR_SET_CHILD_SUBREAPER = 36
PRELOAD_SECONDS = 15.0  # until a new forkserver answers, with cold imports on a slow machine
ANSWER_SECONDS = 5.0  # between two answers of one that has its imports behind it
FAREWELL_SECONDS = 1.0
SETTLED_SECONDS = 5.0  # one that dies younger than this is not replaced before it is needed

# A terminal's Ctrl-C and hang-up, and systemd's SIGTERM, reach the whole group. What ends the
# forkserver is the end of its "alive" pipe; workers put their own mask back.
HELD_BACK = {signal.SIGINT, signal.SIGHUP, signal.SIGTERM}


class _Forkserver(forkserver.ForkServer):
    _forkserver_pid: int | None

    def ensure_running(self) -> None:
        """Start one if there is none. The original collects a dead one, too, and nobody would hear of it."""
        if self._forkserver_pid is None:
            super().ensure_running()


# One of each in a process. Nothing public tells their pids, or ends them for good.
SERVER: Any = _Forkserver()
TRACKER: Any = resource_tracker._resource_tracker  # noqa: SLF001


class StartFailed(Exception):
    """No process came of it. The next attempt may do better."""


class Birth(popen_forkserver.Popen):
    """A process on its way. On ``sentinel`` arrives its pid; then, if the forkserver lives, its exit code."""

    _fds: list[int]

    def _launch(self, process_obj: BaseProcess) -> None:
        """As ``multiprocessing`` has it, but for the last step, which is to wait for the pid."""
        data = io.BytesIO()
        set_spawning_popen(self)
        try:
            reduction.dump(spawn.get_preparation_data(process_obj.name), data)
            reduction.dump(process_obj, data)
        finally:
            set_spawning_popen(None)
        self.sentinel, pipe = SERVER.connect_to_new_process(self._fds)
        ours = (os.dup(pipe), self.sentinel)
        self.finalizer = util.Finalize(self, util.close_fds, ours)  # type: ignore[attr-defined]
        with open(pipe, "wb") as file:
            file.write(data.getbuffer())


class Death(NamedTuple):
    pid: int
    code: int  # negative: the signal
    of_forkserver: bool = False


class Nursery:
    """One of these in a process: ``multiprocessing`` has one forkserver.

    ``ca_file`` is for the preload: extra certificates to trust. ``folder`` is where the forkserver's
    socket goes; no other living supervisor may use it, as what a dead one has left there is removed.
    """

    def __init__(
        self,
        ca_file: Path | None = None,
        folder: Path | None = None,
        *,
        worker: Entry = WORKER,
        preload: Sequence[str] = PRELOAD,
    ) -> None:
        descriptors.make_ready()  # before the first of a process that will have thousands
        self._worker = worker
        self._context = multiprocessing.get_context("forkserver")
        SERVER.set_forkserver_preload([PRELOADER])
        if folder is not None:
            process.current_process()._config["tempdir"] = str(folder)  # type: ignore[attr-defined]  # noqa: SLF001
            for left_behind in folder.glob(SOCKETS):
                left_behind.unlink()
        self._fault_file = Path(util.get_temp_dir()) / "preload.fault"
        self._preload_environment = {
            "ROOST_PRELOAD": " ".join(preload),
            "ROOST_PRELOAD_FAULT": str(self._fault_file),
            **({} if ca_file is None else {CA_VARIABLE: str(ca_file)}),
        }
        self._opened_at = 0.0
        self._answered_at: float | None = None
        self._fault: str | None = None
        self._deaths: list[Death] = []
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def open(self) -> None:
        """Have a forkserver before the first worker needs it: it goes on importing after this returns.

        What goes wrong here goes wrong again in ``start``, which can tell.
        """
        with contextlib.suppress(OSError):
            self._have_forkserver()

    def start(self, name: str, *args: object) -> Birth:
        """Ask for a worker process with ``args``. Raises ``StartFailed``.

        Only a crowd of requests, settings larger than a pipe or, since 3.14, the forkserver's proof of
        identity can make this wait at all.
        """
        try:
            self._have_forkserver()
            child = self._context.Process(target=self._worker, args=args, name=f"roost:{name}")
            patience = _patience(self._patience_seconds)
            with _bare_environment(self._preload_environment), _nobody_in_main(), patience:
                return Birth(child)
        except TimeoutError as stuck:
            self.end_forkserver(str(stuck))
            raise StartFailed(str(stuck)) from stuck
        # ProcessError: since 3.14 both ends of the forkserver's socket prove who they are.
        except (OSError, EOFError, multiprocessing.ProcessError) as fault:
            raise StartFailed(self.fault or f"{type(fault).__name__}: {fault}") from fault

    def note_answer(self) -> None:
        """The forkserver has told a pid."""
        self._answered_at = time.monotonic()
        self._fault = None

    def hung_at(self, asked_at: float) -> float:
        """When a forkserver that was asked then, and has not answered since, is past hope."""
        return max(asked_at, self._opened_at, self._answered_at or 0.0) + self._patience_seconds

    @property
    def fault(self) -> str | None:
        """What has ended the forkserver, as far as anybody has said it."""
        try:
            return self._fault_file.read_text()
        except OSError:
            return self._fault

    def reap(self) -> Iterator[Death]:
        """Collect our dead children: the forkserver, workers whose forkserver died, inherited strangers.

        They are looked at before they are collected, because ``multiprocessing`` must find the
        statuses of its own two processes, or it would wait for ever.
        """
        with contextlib.suppress(ChildProcessError):
            while dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if dead.si_pid == _forkserver_pid():
                    self._collect_forkserver()
                    if time.monotonic() - self._opened_at > SETTLED_SECONDS:
                        self.open()  # at once, so that the next worker need not wait for it
                elif dead.si_pid == _tracker_pid():
                    TRACKER._stop()  # noqa: SLF001
                elif status := os.waitid(os.P_PID, dead.si_pid, os.WEXITED | os.WNOHANG):
                    yield Death(dead.si_pid, _exit_code(status))
        deaths, self._deaths = self._deaths, []
        yield from deaths

    def end_forkserver(self, because: str) -> None:
        """For one that does not answer, or does not report the dead."""
        if pid := _forkserver_pid():
            self._fault = because
            os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """End the forkserver and the resource tracker, by force if they linger."""
        _dismiss(_forkserver_pid(), SERVER._forkserver_alive_fd, SERVER._stop)  # noqa: SLF001
        _dismiss(_tracker_pid(), TRACKER._fd, TRACKER._stop)  # noqa: SLF001
        self._fault_file.unlink(missing_ok=True)

    @property
    def _patience_seconds(self) -> float:
        return PRELOAD_SECONDS if self._answered_at is None else ANSWER_SECONDS

    def _have_forkserver(self) -> None:
        self._collect_forkserver()
        is_new = _forkserver_pid() is None
        if is_new:
            self._fault_file.unlink(missing_ok=True)
        with _bare_environment(self._preload_environment):
            resource_tracker.ensure_running()  # first: it puts back a signal mask of its own
            with _signals_held_back():
                SERVER.ensure_running()
        if is_new:
            self._opened_at, self._answered_at = time.monotonic(), None

    def _collect_forkserver(self) -> None:
        """If it is dead; ``multiprocessing`` would do so at the next start, and nobody would hear of it."""
        pid = _forkserver_pid()
        if pid and (dead := os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
            self._deaths.append(Death(pid, _exit_code(dead), of_forkserver=True))
            self._fault = self.fault
            SERVER._stop()  # noqa: SLF001


def _exit_code(status: os.waitid_result) -> int:
    return status.si_status if status.si_code == os.CLD_EXITED else -status.si_status


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
