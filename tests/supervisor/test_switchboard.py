"""The one selector and the one clock."""

import os
import time

from supervisor.switchboard import Switchboard


def test_moments_come_in_their_order_and_one_that_a_moment_adds_waits_for_the_next_turn():
    board, heard = Switchboard(), []
    now = time.monotonic()
    board.call_at(now - 1, lambda: heard.append("second"))
    board.call_at(
        now - 2, lambda: (heard.append("first"), board.call_at(now - 3, lambda: heard.append("third")))
    )
    board.ring_the_due()
    assert heard == ["first", "second"]
    board.wait()
    board.ring_the_due()
    assert heard == ["first", "second", "third"]
    board.close()


def test_a_descriptor_that_a_callback_closed_is_not_called_any_more():
    board, heard = Switchboard(), []
    pipes = [os.pipe(), os.pipe()]

    def hear(reader, other):
        heard.append(reader)
        board.unwatch(other)

    for (reader, writer), (other, _) in zip(pipes, reversed(pipes), strict=True):
        os.write(writer, b"!")
        board.watch_descriptor(reader, 1, lambda reader=reader, other=other: hear(reader, other))
    board.wait()
    assert len(heard) == 1
    board.close()
    for fd in (*pipes[0], *pipes[1]):
        os.close(fd)


def test_once_it_is_closed_nothing_is_watched_and_letting_go_is_no_fault():
    board = Switchboard()
    reader, writer = os.pipe()
    board.watch_descriptor(reader, 1, lambda: None)
    board.close()
    board.unwatch(reader)
    os.close(reader)
    os.close(writer)
