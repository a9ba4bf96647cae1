"""The way of a log record: from a worker's pipe to standard output or a file, whatever happens there."""

import os
import stat

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ConfigurationFault
from supervisor import feed as feed_module
from supervisor.feed import Feed
from supervisor.journal import Journal


def line(second, text="x"):
    return b'{"ts":"2026-01-01T00:00:%02d.000Z","level":"info","event":"%s"}\n' % (second, text.encode())


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


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
