"""The demo as a real process: what it shows, and that nothing of it stays however it ends."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from supervisor import demo_cast, demo_stage
from supervisor.config import examine
from supervisor.demo_cast import CAST, Sandbox, SandboxRefused
from supervisor.demo_stage import Stage
from supervisor.faults import CommandFault

PATIENCE = 20.0
ROOST = "from supervisor.cli import main; main()"
HURRY = (
    "from supervisor import demo_cast as cast; "
    "cast.KILL_EVERY_SECONDS = 1.2; cast.APPROVAL_SECONDS = 0.2; cast.MESSAGES_PER_SECOND = 60; "
)
ENDS_WITHIN = 2.0


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="d-"))
    yield folder
    shutil.rmtree(folder)


def processes_of(place: Path) -> list[psutil.Process]:
    """Whoever was told to keep temporary files below ``place``: the demo gives that to all it starts."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            temporary = process.environ().get("TMPDIR", "")
            if temporary.startswith(f"{place}/") and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def eventually(come_true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Look every few milliseconds; there is nothing to wait on when a process that is not ours ends."""
    deadline = time.monotonic() + seconds
    while not come_true():
        assert time.monotonic() < deadline, come_true
        select.select([], [], [], 0.01)


class Demo:
    """``roost demo`` with its output in a pipe, or on a terminal of its own."""

    def __init__(
        self, place: Path, *options: str, terminal: bool = False, quiet: bool = False, before: str = ""
    ) -> None:
        environ = {name: text for name, text in os.environ.items() if name != "NO_COLOR"}
        environ |= {"TMPDIR": str(place), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        environ |= {"ROOST_CONFIG": "/none", "ROOST_NONSENSE": "of the caller, and not meant for the demo"}
        if terminal:
            self.reader, writer = pty.openpty()
            fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        else:
            self.reader, writer = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", before + ROOST, *["--quiet"] * quiet, "demo", *options],
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            env=environ,
            start_new_session=True,
        )
        os.close(writer)
        self.output = ""

    def read_until(self, *wanted: str) -> None:
        """Until all of ``wanted`` have been shown."""
        deadline = time.monotonic() + PATIENCE
        while not all(text in self.output for text in wanted):
            ready, _, _ = select.select([self.reader], [], [], deadline - time.monotonic())
            assert ready, self.output
            piece = self._read()
            assert piece, (self.output, self.process.stderr.read())
            self.output += piece

    def rest(self) -> str:
        while piece := self._read():
            self.output += piece
        return self.output

    def _read(self) -> str:
        try:
            return os.read(self.reader, 65_536).decode(errors="replace")
        except OSError:  # how a terminal says that nobody is at its other end
            return ""

    def end(self, number: int) -> float:
        """Send a signal; how long it then took to end, in seconds."""
        sent_at = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        return time.monotonic() - sent_at

    def close_eyes(self) -> None:
        os.close(self.reader)
        self.reader = -1

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        if self.reader >= 0:
            self.close_eyes()


@pytest.fixture
def start(place: Path) -> Iterator[Callable[..., Demo]]:
    demos: list[Demo] = []

    def start(*options: str, **manner: Any) -> Demo:
        demos.append(Demo(place, *options, **manner))
        return demos[-1]

    yield start
    for demo in demos:
        demo.close()
    eventually(lambda: not processes_of(place))


def assert_nothing_stays(place: Path) -> None:
    assert processes_of(place) == []
    assert list(place.iterdir()) == []


def test_everything_that_it_promises_happens(start, place):
    """The same piece, played faster: the kills and the sign-in come early."""
    demo = start(before=HURRY)
    demo.read_until("color changed", "sign-in needed", "signed in", "hex colors off", "SIGKILL")
    assert "Four streamers, one worker process each" in demo.output
    assert demo.end(signal.SIGINT) < ENDS_WITHIN
    *_, last = demo.rest().splitlines()
    assert re.fullmatch(
        r"demo: \d+ s, \d+ color changes?, [1-9]\d* kills? survived, [34] of 4 workers running", last
    )
    assert "\x1b" not in demo.output
    assert "ROOST_NONSENSE" not in demo.output
    assert_nothing_stays(place)


def test_after_its_time_it_ends_by_itself(start, place):
    demo = start("--seconds", "1")
    assert demo.process.wait(PATIENCE) == 0
    assert re.fullmatch(r"demo: [12] s, .* of 4 workers running", demo.rest().splitlines()[-1])
    assert_nothing_stays(place)


def test_quiet_it_says_its_one_line_only(start):
    demo = start("--seconds", "0.3", quiet=True)
    assert demo.rest().startswith("demo: 0 s, 0 color changes")
    assert len(demo.output.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_time_and_nothing_stays(start, place, number):
    demo = start()
    demo.read_until("listening")
    eventually(lambda: len(processes_of(place)) >= 5)
    assert demo.end(number) < ENDS_WITHIN
    assert_nothing_stays(place)
    assert demo.process.returncode == 0
    assert demo.rest().splitlines()[-1].startswith("demo: ")


def test_a_signal_before_the_first_sign_of_life_is_obeyed_too(start, place):
    demo = start()
    demo.read_until("Four streamers")
    assert demo.end(signal.SIGTERM) < ENDS_WITHIN
    assert_nothing_stays(place)


def test_killed_without_a_chance_to_clear_away_it_leaves_no_process(start, place):
    demo = start()
    demo.read_until("listening")
    demo.end(signal.SIGKILL)
    eventually(lambda: not processes_of(place), ENDS_WITHIN)


def test_on_a_terminal_it_draws_a_table_and_gives_the_window_back(start, place):
    demo = start(terminal=True)
    demo.read_until("\x1b[?1049h", "RESTARTS", "RUNNING", "██ ", "has Turbo")
    assert demo.end(signal.SIGINT) < ENDS_WITHIN
    demo.rest()
    assert "\x1b[?1049l" in demo.output
    assert "\x1b[?25h" in demo.output
    _, _, after = demo.output.rpartition("\x1b[?1049l")
    assert after.startswith("demo: ")
    assert_nothing_stays(place)


@pytest.mark.parametrize("terminal", [False, True])
def test_when_nobody_looks_on_any_more_it_ends_without_complaint(start, place, terminal):
    """As after `roost demo | head`, or when the window is closed."""
    demo = start(terminal=terminal)
    demo.read_until("listening")
    demo.close_eyes()
    assert demo.process.wait(PATIENCE) == 0
    assert demo.process.stderr.read() == b""
    assert_nothing_stays(place)


@pytest.mark.parametrize("whom", ["sandbox", "run"])
def test_if_one_of_its_processes_is_lost_it_says_so_and_clears_away(start, place, whom):
    demo = start()
    demo.read_until("listening")
    lost = next(p for p in processes_of(place) if p.ppid() == demo.process.pid and whom in p.cmdline())
    lost.send_signal(signal.SIGKILL)
    assert demo.process.wait(PATIENCE) == 1
    name = "sandbox" if whom == "sandbox" else "supervisor"
    assert f"roost: the {name} has ended with -9" in demo.process.stderr.read().decode()
    eventually(lambda: not processes_of(place), ENDS_WITHIN)
    assert_nothing_stays(place)


def test_a_sandbox_that_cannot_start_is_told_with_its_last_words(start, place, tmp_path, monkeypatch):
    (tmp_path / "aiohttp.py").write_text("raise ImportError('the demo needs aiohttp')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    demo = start()
    assert demo.process.wait(PATIENCE) == 1
    told = demo.process.stderr.read().decode()
    assert "roost: the sandbox has ended with 1: " in told
    assert "ImportError: the demo needs aiohttp" in told
    assert_nothing_stays(place)


def test_a_supervisor_that_never_answers_is_not_waited_for_for_ever(start, place):
    demo = start(before="from supervisor import demo; demo.PATIENCE_SECONDS = 0.05; ")
    assert demo.process.wait(PATIENCE) == 1
    assert "nothing answers after 0 s" in demo.process.stderr.read().decode()
    assert_nothing_stays(place)


def test_two_demos_at_once_do_not_meet(start, place):
    one, other = start("--seconds", "30"), start("--seconds", "30")
    one.read_until("listening")
    other.read_until("listening")
    one.end(signal.SIGTERM)
    other.end(signal.SIGTERM)
    assert (one.process.returncode, other.process.returncode) == (0, 0)
    assert_nothing_stays(place)


# --- its parts


@pytest.fixture
def sandbox(place, monkeypatch) -> Iterator[dict[str, str]]:
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    with Stage() as stage:
        yield json.loads(stage.open_sandbox().readline())


def test_what_the_supervisor_is_told_is_a_good_configuration(sandbox, place):
    control = Sandbox(sandbox["control_url"])
    content = demo_cast.configuration(sandbox, demo_cast.enter(control), place)
    control.close()
    path = place / "roost.json"
    path.write_text(json.dumps(content))
    loaded = examine(path, {})
    path.unlink()
    assert loaded.rejected == ()
    assert list(loaded.workers()) == [player.login for player in CAST]
    assert [worker.seed is not None for worker in loaded.workers().values()] == [True, True, True, False]


def test_what_the_sandbox_refuses_is_told(sandbox):
    control = Sandbox(sandbox["control_url"])
    with pytest.raises(SandboxRefused, match=r"/users: .*login"):
        control.tell("/users", turbo=True)
    control.close()


def test_without_a_place_for_its_folder_the_remedy_is_told(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/none")
    with pytest.raises(CommandFault, match="/none: No such file or directory: set TMPDIR"):
        Stage()


def test_a_long_way_to_the_temporary_folder_is_avoided_because_sockets_are_made_in_it(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "long/" * 20)
    with Stage() as stage:
        assert stage.folder.parent == Path("/tmp")
    assert not stage.folder.exists()


def test_what_does_not_leave_when_told_is_killed_with_all_that_it_started(place, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setattr(demo_stage, "SUPERVISOR_SECONDS", 0.05)
    deaf = "import signal, subprocess, sys; signal.signal(15, signal.SIG_IGN); "
    deaf += "subprocess.Popen([sys.executable, '-c', 'while True: input()'], stdin=subprocess.PIPE); "
    with Stage() as stage:
        stage.supervisor = subprocess.Popen(
            [sys.executable, "-c", deaf + "print('deaf', flush=True); signal.pause()"],
            stdout=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(stage.folder)},
            process_group=0,
        )
        assert stage.supervisor.stdout.readline() == b"deaf\n"
        eventually(lambda: len(processes_of(place)) == 2)
    assert stage.supervisor.returncode == -signal.SIGKILL
    eventually(lambda: not processes_of(place), ENDS_WITHIN)
    assert_nothing_stays(place)
