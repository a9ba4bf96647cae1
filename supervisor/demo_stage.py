"""The demo's temporary folder and its two processes, and that nothing of them stays.

However the demo itself ends, the processes follow: the sandbox leaves when its standard input
closes, the supervisor is sent SIGTERM by the kernel. Only a folder that nobody was left to remove
stays behind then.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Self

from shared.deadline import Deadline
from supervisor.faults import CommandFault

PR_SET_PDEATHSIG = 1
LONGEST_PARENT = 50  # bytes: sockets are made in the folder, and their paths may have 107
# What the caller's own service was told is not meant for the demo.
SYSTEMD = {"STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC"}
SUPERVISOR_SECONDS = 1.2  # to end, before it is killed
SANDBOX_SECONDS = 0.3
LAST_BREATH_SECONDS = 1.0
REMOVAL_SECONDS = 0.3

LONGEST_EPITAPH = 2_000

Process = subprocess.Popen[bytes]


class Stage:
    def __init__(self) -> None:
        parent = tempfile.gettempdir()
        if len(os.fsencode(parent)) > LONGEST_PARENT:
            parent = "/tmp"  # noqa: S108  the folder in it is made by mkdtemp
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="roost-", dir=parent))
        except OSError as fault:
            raise CommandFault(
                f"{parent}: {fault.strerror}: set TMPDIR to a folder that you can write"
            ) from fault
        self.sandbox: Process | None = None
        self.supervisor: Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End everything within two seconds, by force if need be."""
        if self.supervisor is not None:
            _end(self.supervisor, self.supervisor.terminate, SUPERVISOR_SECONDS)
        if self.sandbox is not None:
            _end(self.sandbox, self._let_the_sandbox_go, SANDBOX_SECONDS)
        self._remove_folder()

    def open_sandbox(self) -> IO[bytes]:
        """Start it; the one line that it will print says where it listens."""
        self.sandbox = self._start(
            ["-m", "sandbox", "--until-stdin-closes", "--port", "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.sandbox.stdout is not None  # noqa: S101  a pipe was asked for
        return self.sandbox.stdout

    def open_supervisor(self, configuration: Path) -> None:
        code = "from supervisor.cli import main; main()"
        self.supervisor = self._start(
            ["-c", code, "--config", str(configuration), "run"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # its log is read through its control socket
            preexec_fn=_leave_with_the_parent(),
        )

    def somebody_has_left(self) -> bool:
        processes = (self.sandbox, self.supervisor)
        return any(process is not None and process.poll() is not None for process in processes)

    def epitaph(self, of: Process | None = None) -> str:
        """Who has ended, and what was said on standard error last.

        ``of`` has closed its end of something and is about to go: its exit code is waited for.
        """
        if of is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                of.wait(LAST_BREATH_SECONDS)
        left = [
            f"{name} has ended with {process.returncode}"
            for name, process in (("the sandbox", self.sandbox), ("the supervisor", self.supervisor))
            if process is not None and process.poll() is not None
        ]
        words = self._errors.read_text(errors="replace").strip()[-LONGEST_EPITAPH:]
        return f"{', '.join(left) or 'its processes still run'}: {words or 'without a word'}"

    @property
    def _errors(self) -> Path:
        return self.folder / "errors"

    def _start(
        self,
        arguments: list[str],
        *,
        stdin: int,
        stdout: int,
        preexec_fn: Callable[[], None] | None = None,
    ) -> Process:
        with self._errors.open("ab") as errors:
            return subprocess.Popen(
                [sys.executable, "-P", *arguments],
                stdin=stdin,
                stdout=stdout,
                stderr=errors,
                env=_environment(os.environ, self.folder),
                process_group=0,  # the terminal's Ctrl-C is for us; we tell them
                preexec_fn=preexec_fn,  # noqa: PLW1509  this process has one thread
            )

    def _let_the_sandbox_go(self) -> None:
        if self.sandbox and self.sandbox.stdin:
            self.sandbox.stdin.close()

    def _remove_folder(self) -> None:
        """Whoever was killed may take a moment to let go of it, and write a last file."""
        deadline = Deadline(REMOVAL_SECONDS)
        while self.folder.exists() and not deadline.passed():
            shutil.rmtree(self.folder, ignore_errors=True)


def _environment(ours: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Nothing that would make the demo play another piece, and a place for all temporary files."""
    kept = {
        name: value for name, value in ours.items() if not name.startswith("ROOST_") and name not in SYSTEMD
    }
    return kept | {"TMPDIR": str(folder)}


def _leave_with_the_parent() -> Callable[[], None]:
    parent, libc = os.getpid(), ctypes.CDLL(None)

    def in_the_child() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it had died before the kernel was told
            os._exit(0)

    return in_the_child


def _end(process: Process, ask: Callable[[], None], seconds: float) -> None:
    """Ask, wait, and then kill whatever is left of its process group, while its number is still its own."""
    if process.poll() is None:
        ask()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
