"""Where records go, whatever happens there: a slow reader, a full disk, nobody at all."""

import contextlib
import errno
import os
import pty
import resource
import select
import socket
import subprocess
import sys
import time

import orjson
import pytest

from supervisor import outlet as outlet_module
from supervisor.journal import Journal
from supervisor.outlet import Outlet
from supervisor.switchboard import Switchboard


def line(second, text="x"):
    return b'{"ts":"2026-01-01T00:00:%02d.000Z","level":"info","event":"%s"}\n' % (second, text.encode())


@contextlib.contextmanager
def standard_output(fd):
    """Have ``fd`` for standard output, as the kernel sees it."""
    kept = os.dup(1)
    os.dup2(fd, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    for fd in (reader, writer):
        with contextlib.suppress(OSError):
            os.close(fd)


def fill(writer):
    with contextlib.suppress(BlockingIOError):
        os.set_blocking(writer, False)
        while True:
            os.write(writer, b"." * 4096)
    os.set_blocking(writer, True)


def test_a_slow_reader_of_standard_output_does_not_stop_us_and_misses_nothing(pipe):
    reader, writer = pipe
    board = Switchboard()
    with standard_output(writer):
        journal = Journal()
        journal.attend(board)
        assert os.get_blocking(1)  # whoever shares it with us still has it as it was
    sent = [line(second % 60, "z" * 900) for second in range(200)]
    for record in sent:
        journal.write("alice", record)  # far more than a pipe holds
    got = b""
    while len(got) < sum(map(len, sent)):
        with contextlib.suppress(BlockingIOError):
            got += os.read(reader, 65_536)
        board.wait(at_most=0.1)
    assert got == b"".join(sent)
    begin = time.process_time()
    board.wait(at_most=0.05)  # nothing waits for room any more
    assert time.process_time() - begin < 0.04
    journal.attend(None)
    journal.close()
    board.close()


def test_what_never_fitted_is_counted_and_told_when_the_trouble_is_over(pipe, monkeypatch):
    monkeypatch.setattr(outlet_module, "MOST_KEPT", 5_000)
    reader, writer = pipe
    with standard_output(writer):
        outlet = Outlet(None, most_kept=5_000)
    fill(writer)
    for second in range(50):
        outlet.write(line(second, "z" * 900))
    assert outlet.take_lost() == 0  # it goes on
    drain(reader)
    outlet.flush()
    assert outlet.take_lost() == 45
    assert drain(reader) == b"".join(line(second, "z" * 900) for second in range(5))
    outlet.close()


def drain(reader):
    got = b""
    with contextlib.suppress(BlockingIOError):
        while data := os.read(reader, 65_536):
            got += data
    return got


def test_the_count_of_lost_records_is_itself_a_record(tmp_path, pipe):
    reader, writer = pipe
    with standard_output(writer):
        journal = Journal()
    fill(writer)
    for second in range(60):
        journal.write("alice", line(second, "z" * 30_000))
    drain(reader)
    for _ in range(40):
        journal.write("alice", line(0))
        told = drain(reader)
        if b"log records lost" in told:
            break
    record = orjson.loads(told.splitlines()[-1])
    assert record["count"] > 20
    journal.close()


def test_a_full_disk_costs_records_and_not_the_work(tmp_path):
    """Out of process, because the limit on a file's size is one for the whole process."""
    script = f"""
import resource, signal
from pathlib import Path
from supervisor.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path({str(tmp_path / "log")!r}))
from supervisor.switchboard import Switchboard
journal.attend(Switchboard())
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for number in range(3000):
    journal.write("alice", b"%04d" % number + b"x" * 995 + b"\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.write("alice", b"the end\\n")
journal.write("alice", b"the very end\\n")
journal.close()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=20)
    lines = (tmp_path / "log").read_bytes().splitlines()
    whole = [number for number, text in enumerate(lines) if text[:4] == b"%04d" % number and len(text) == 999]
    assert len(whole) > 900  # the megabyte that we keep
    lost = next(orjson.loads(text) for text in lines if b"log records lost" in text)
    assert lost["count"] == 3000 - len(whole) + (b"the end" not in lines)
    assert lines[-1] == b"the very end"


def test_standard_output_whose_reader_left_costs_records_and_not_the_work(pipe):
    reader, writer = pipe
    with standard_output(writer):
        journal = Journal()
    board = Switchboard()
    journal.attend(board)
    os.close(reader)
    journal.write("alice", line(1))
    begin = time.process_time()
    board.wait(at_most=0.05)
    assert time.process_time() - begin < 0.04  # a broken pipe is always "writable": it must not be watched
    assert journal.recent(None, 1) == [line(1)]
    journal.close()
    board.close()


def test_a_reader_who_had_already_left_is_survived_too(pipe):
    reader, writer = pipe
    os.close(reader)
    with standard_output(writer):
        journal = Journal()
    journal.write("alice", line(1))
    journal.close()


BORROWED = """
import ctypes, os, sys
from supervisor.journal import Journal
if os.getuid() == 0:
    os.setuid(65534)  # nobody: what root has opened is another user's from here on
ctypes.CDLL(None).prctl(4, 0)  # PR_SET_DUMPABLE: what our /proc/self shows is root's
try:
    os.open("/proc/self/fd/1", os.O_WRONLY | os.O_NONBLOCK)
    sys.exit("could be opened again")
except PermissionError:
    pass
journal = Journal()
for number in range(200):
    journal.write("alice", b"%03d" % number + b"x" * 996 + b"\\n")
os.write(2, b"went on")
os.read(0, 1)
journal.close()
"""


@pytest.mark.parametrize("ends", [os.pipe, pty.openpty], ids=["pipe", "terminal"])
def test_another_users_pipe_or_terminal_that_nobody_reads_does_not_stop_us(ends):
    """Neither can be opened again: what we write there must not wait all the same."""
    reader, writer = ends()
    command = [sys.executable, "-c", BORROWED]
    with subprocess.Popen(command, stdin=-1, stdout=writer, stderr=-1) as process:
        os.close(writer)
        try:
            told, _, _ = select.select([process.stderr], [], [], 10)
            assert told, "it waits for its reader"
            assert process.stderr.read(7) == b"went on"
            process.stdin.close()
            got = b"".join(pieces(reader)).replace(b"\r\n", b"\n")
        finally:
            process.kill()
    os.close(reader)
    assert got == b"".join(b"%03d" % number + b"x" * 996 + b"\n" for number in range(200))


def pieces(reader):
    with contextlib.suppress(OSError):  # so ends a terminal
        while piece := os.read(reader, 65_536):
            yield piece


def test_standard_output_may_be_a_socket_as_under_systemd():
    ours, theirs = socket.socketpair()
    with standard_output(theirs.fileno()):
        outlet = Outlet(None)
    outlet.write(b"hello\n")
    assert ours.recv(100) == b"hello\n"
    for _ in range(3000):
        outlet.write(b"z" * 999 + b"\n")
        if outlet.stuck:
            break
    assert outlet.stuck
    assert os.get_blocking(theirs.fileno())
    ours.close()
    theirs.close()
    outlet.close()


def test_standard_output_may_be_a_file_that_standard_error_shares(tmp_path):
    path = tmp_path / "out"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with standard_output(fd):
        outlet = Outlet(None)
    outlet.write(b"one\n")
    os.write(fd, b"two\n")
    outlet.write(b"three\n")
    outlet.reopen()  # there is nothing to open: SIGUSR1 is for files
    outlet.close()
    os.close(fd)
    assert path.read_bytes() == b"one\ntwo\nthree\n"


def test_without_a_standard_output_nothing_breaks():
    script = "from supervisor.journal import Journal; j = Journal(); j.write('a', b'x\\n'); j.close()"
    with_none = ["/bin/sh", "-c", f'exec {sys.executable} -c "{script}" >&-']
    subprocess.run(with_none, check=True, timeout=20)


def test_a_slow_reader_has_a_last_moment_when_we_leave(pipe, monkeypatch):
    monkeypatch.setattr(outlet_module, "PARTING_SECONDS", 0.05)
    reader, writer = pipe
    with standard_output(writer):
        outlet = Outlet(None)
    fill(writer)
    outlet.write(b"late\n")
    begin = time.monotonic()
    outlet.close()
    assert time.monotonic() - begin < 2
    assert b"late" not in drain(reader)


def test_the_limit_of_open_files_is_raised_and_the_standard_three_are_filled():
    script = (
        "import resource, os\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 2000))\n"
        "from supervisor import descriptors\n"
        "descriptors.make_ready()\n"
        "descriptors.make_ready()\n"
        "assert resource.getrlimit(resource.RLIMIT_NOFILE) == (2000, 2000)\n"
        "assert all(os.readlink(f'/proc/self/fd/{fd}') == '/dev/null' for fd in (0, 1))\n"
    )
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 2000
    closed = ["/bin/sh", "-c", 'exec "$0" -c "$1" <&- >&-', sys.executable, script]
    subprocess.run(closed, check=True, timeout=20)


def test_an_error_of_writing_is_not_mistaken_for_a_full_pipe(tmp_path, monkeypatch):
    outlet = Outlet(tmp_path / "log")

    def full(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(outlet_module.os, "write", full)
    outlet.write(b"one\n")
    assert not outlet.stuck
    monkeypatch.undo()
    outlet.write(b"two\n")
    outlet.close()
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"
