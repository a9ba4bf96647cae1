"""The way of a log record: from a worker's pipe to standard output or a file, whatever happens there."""

import contextlib
import errno
import os
import resource
import socket
import stat
import subprocess
import sys
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ConfigurationFault
from supervisor import feed as feed_module
from supervisor import outlet as outlet_module
from supervisor.feed import Feed
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


# A worker's pipe.


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(1, 50))
def test_whatever_the_pieces_whole_lines_come_out_and_a_torn_end_is_told(pieces, size):
    reader, writer = os.pipe()
    blocks, torn = [], []
    before = feed_module.PIECE
    feed_module.PIECE = size
    try:
        feed = Feed(reader, blocks.append, torn.append)
        for piece in pieces:
            os.write(writer, piece)
            feed.read()
        os.close(writer)
        feed.finish()
    finally:
        feed_module.PIECE = before
        os.close(reader)
    text = b"".join(pieces)
    whole = text[: text.rfind(b"\n") + 1]
    assert b"".join(blocks) == whole
    assert all(block.endswith(b"\n") for block in blocks)
    assert torn == ([text[len(whole) :].decode(errors="replace")] if text != whole else [])
    assert feed.ended


def test_a_line_without_end_is_cut_before_it_costs_us_our_memory(monkeypatch, pipe):
    monkeypatch.setattr(feed_module, "LONGEST_LINE", 10_000)
    reader, writer = pipe
    blocks, torn = [], []
    feed = Feed(reader, blocks.append, torn.append)
    os.write(writer, b"a" * 20_000)
    assert feed.read()
    assert not feed.read()
    assert (torn, blocks, feed.ended) == (["a" * feed_module.SHOWN], [], False)


# What is kept for `tail`.


def test_recent_records_come_in_the_order_of_time_across_workers(tmp_path):
    journal = Journal(tmp_path / "log")
    journal.write("alice", line(1) + line(4))
    journal.write("bob", line(2) + line(3))
    assert journal.recent(None, 3) == [line(2), line(3), line(4)]
    assert journal.recent(["alice", "nobody"], 9) == [line(1), line(4)]
    assert journal.recent(None, 0) == []
    journal.forget("bob")
    assert journal.recent(None, 9) == [line(1), line(4)]
    journal.close()


def test_what_is_kept_of_a_worker_is_bounded_and_the_newest(tmp_path):
    journal = Journal(tmp_path / "log", most_kept=3 * len(line(1)))
    for second in range(10):
        journal.write("alice", line(second))
    assert journal.recent(["alice"], 99) == [line(7), line(8), line(9)]
    journal.write("alice", line(0, "y" * 1000))
    assert len(journal.recent(["alice"], 99)) == 1
    journal.close()


def test_a_follower_may_leave_while_it_is_told(tmp_path):
    journal = Journal(tmp_path / "log")
    heard = []
    leave = []
    leave.append(journal.follow(None, lambda block: (heard.append(block), leave[0]())))
    journal.follow(["bob"], heard.append)
    journal.write("alice", b"one\n")
    journal.write("alice", b"two\n")
    assert heard == [b"one\n"]
    journal.close()


# Where it goes.


def test_the_log_file_is_private_and_appended_to(tmp_path):
    path = tmp_path / "roost.log"
    for _ in range(2):
        journal = Journal(path)
        journal.logger("info", user="alice").info("hello", fact=1)
        journal.close()
    records = [orjson.loads(record) for record in path.read_bytes().splitlines()]
    assert len(records) == 2
    assert {
        "worker": "supervisor",
        "user": "alice",
        "event": "hello",
        "fact": 1,
        "pid": os.getpid(),
    }.items() <= (records[0].items())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_file_that_cannot_be_opened_is_a_fault_with_its_remedy(tmp_path):
    with pytest.raises(
        ConfigurationFault, match=r"nowhere/log: No such file or directory: .* set supervisor.log.file"
    ):
        Journal(tmp_path / "nowhere" / "log")


def test_after_a_rotation_the_file_is_opened_anew(tmp_path):
    path = tmp_path / "roost.log"
    journal = Journal(path)
    journal.write("alice", b"before\n")
    path.rename(tmp_path / "roost.log.1")
    journal.reopen()
    journal.write("alice", b"after\n")
    journal.close()
    assert (tmp_path / "roost.log.1").read_bytes() == b"before\n"
    assert path.read_bytes() == b"after\n"


def test_a_reopening_that_fails_leaves_the_old_file_open(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    journal = Journal(folder / "log")
    folder.rename(tmp_path / "old")
    with pytest.raises(ConfigurationFault):
        journal.reopen()
    journal.write("alice", b"still\n")
    journal.close()
    assert (tmp_path / "old" / "log").read_bytes() == b"still\n"


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


def test_a_terminal_of_another_user_is_written_to_as_it_was_given(pipe, monkeypatch):
    reader, writer = pipe

    def refused(path, flags):
        raise PermissionError(errno.EACCES, "Permission denied")

    with standard_output(writer), monkeypatch.context() as context:
        context.setattr(outlet_module.os, "open", refused)
        outlet = Outlet(None)
    outlet.write(b"hello\n")
    outlet.close()
    assert drain(reader) == b"hello\n"


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
