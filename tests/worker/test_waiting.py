import os
import signal
import time

import pytest

from shared.errors import Stopping
from shared.messages import Beat, Do, Done, Ready, Stop


def heard(desk):
    return list(desk.link.receive())


def test_the_first_beat_comes_soon_and_the_next_not_within_a_second(desk):
    desk.waiter.ready()
    desk.waiter.vitals.count("messages")
    desk.waiter.pause(0.5)
    desk.waiter.vitals.count("messages")
    desk.waiter.turn(0.0)
    ready, beat = heard(desk)
    assert ready == Ready()
    assert isinstance(beat, Beat)
    assert beat.counters == {"messages": 1}


def test_news_is_told_when_its_second_has_passed(desk):
    desk.waiter.pause(0.3)
    heard(desk)
    desk.waiter.vitals.phase = "listening"
    desk.waiter.vitals.fact(last_color="#ff0000")
    desk.waiter.vitals.say("1 changes", at=5.0)
    desk.waiter.pause(1.1)
    [beat] = heard(desk)
    assert (beat.phase, beat.facts, beat.detail, beat.detail_at) == (
        "listening",
        {"last_color": "#ff0000"},
        "1 changes",
        5.0,
    )


@pytest.mark.parametrize("how", ["stop", "sigterm", "end-of-file"])
def test_every_way_of_being_asked_to_leave_ends_a_long_wait_at_once(desk, how):
    if how == "stop":
        desk.link.send(Stop())
    elif how == "sigterm":
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        desk.link.close()
    began = time.monotonic()
    with pytest.raises(Stopping):
        desk.waiter.pause(50.0)
    assert time.monotonic() - began < 10


def test_orders_are_answered_from_inside_a_wait(desk):
    desk.link.send(Do(id=1, action="color", args=["on"]))
    desk.waiter.turn(time.monotonic() + 5)

    def obey(order):
        if order.args == ["bad"]:
            raise ValueError("not this")
        return "done"

    desk.waiter.obey = obey
    desk.link.send(Do(id=2, action="color", args=["on"]))
    desk.link.send(Do(id=3, action="color", args=["bad"]))
    desk.waiter.turn(time.monotonic() + 5)
    early, good, bad = (message for message in heard(desk) if isinstance(message, Done))
    assert (early.id, early.ok) == (1, False)
    assert good == Done(id=2, ok=True, text="done")
    assert bad == Done(id=3, ok=False, text="not this")


def test_what_one_turn_left_unread_is_read_in_the_next_without_waiting(desk):
    reader, writer = os.pipe()

    class Pipe:
        def fileno(self):
            return reader

    source, left = Pipe(), [3]

    def ready(_):
        left[0] -= 1
        return left[0] > 0

    desk.waiter.watch(source, 1, ready)
    os.write(writer, b"x")
    desk.waiter.turn(None)
    os.read(reader, 1)
    desk.waiter.turn(None)
    desk.waiter.turn(None)
    assert left == [0]
    desk.waiter.unwatch(source)
    os.close(reader)
    os.close(writer)


def test_records_that_found_the_pipe_full_are_moved_by_the_wait(desk):
    logs = desk.waiter._logs
    logs.put(b"x" * 200_000 + b"\n", "info")
    assert logs.waiting
    moved = 0
    while logs.waiting:
        moved += len(os.read(desk.log_reader, 65_536))
        desk.waiter.turn(0.0)
    desk.waiter.turn(0.0)
    os.set_blocking(desk.log_reader, False)
    while moved < 200_001:
        moved += len(os.read(desk.log_reader, 65_536))
    assert moved == 200_001


def test_unwatching_what_is_not_watched_is_no_fault(desk):
    reader, writer = os.pipe()
    with os.fdopen(reader) as source:
        desk.waiter.unwatch(source)
    os.close(writer)
