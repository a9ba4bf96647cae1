import socket

import pytest
from pydantic import TypeAdapter

from shared.link import LARGEST_RECORD, Link, LinkClosed, pair, worker_end
from shared.messages import DOWN, Beat, Do, Failed, Ready, Stop


@pytest.fixture
def ends():
    ours, theirs = pair()
    worker = worker_end(theirs)
    yield ours, worker
    ours.close()
    worker.close()


def test_messages_arrive_in_order_and_nothing_is_waited_for(ends):
    supervisor, worker = ends
    assert list(supervisor.receive()) == []
    assert worker.send(Ready())
    assert worker.send(Beat(phase="listening", counters={"changes": 3}))
    assert list(supervisor.receive()) == [Ready(), Beat(phase="listening", counters={"changes": 3})]
    assert supervisor.send(Do(id=1, action="color", args=["set", "red"]))
    assert supervisor.send(Stop())
    assert list(worker.receive()) == [Do(id=1, action="color", args=["set", "red"]), Stop()]


def test_what_was_sent_before_the_end_is_heard_before_the_end(ends):
    supervisor, worker = ends
    worker.send(Failed(reason="last words"))
    worker.close()
    heard = supervisor.receive()
    assert next(heard) == Failed(reason="last words")
    with pytest.raises(LinkClosed):
        next(heard)


@pytest.mark.parametrize(
    "garbage",
    [
        b"nonsense",
        b"\xff\x00",
        b'{"kind": "stop"}',
        b'{"kind": "beat"}',
        b'{"kind": "ready", "x": 1}',
        b"x" * 60_000,
        b"[" * 60_000,
    ],
)
def test_garbage_is_passed_over_and_what_follows_is_heard(garbage):
    ours, theirs = pair()
    with theirs:
        theirs.send(garbage)
        theirs.send(Ready().model_dump_json().encode())
        assert list(ours.receive()) == [Ready()]
    ours.close()


def test_a_record_beyond_the_bound_is_passed_over_whole(ends):
    """The rest of a longer record is cut by the kernel, never taken for the next one."""
    supervisor, worker = ends
    assert worker.send(Failed(reason="x" * LARGEST_RECORD))
    assert worker.send(Ready())
    assert list(supervisor.receive()) == [Ready()]


def test_a_full_link_drops_and_says_so_and_works_again_once_read(ends):
    supervisor, worker = ends
    sent = 0
    while worker.send(Beat(phase=f"{sent}")):
        sent += 1
    assert sent > 50
    heard = [beat.phase for beat in supervisor.receive()]
    assert heard == [str(number) for number in range(sent)]
    assert worker.send(Ready())
    assert list(supervisor.receive()) == [Ready()]


def test_sending_to_nobody_is_false_and_no_signal(ends):
    supervisor, worker = ends
    worker.close()
    assert supervisor.send(Stop()) is False
    with pytest.raises(LinkClosed):
        list(supervisor.receive())


def test_a_link_that_breaks_is_at_its_end():
    """A reset is not end-of-file, and means the same. A stream over TCP can be reset at will."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    link = Link(near, TypeAdapter(object))
    far.close()
    with pytest.raises(LinkClosed):
        list(link.receive())
    link.close()


def test_an_end_can_be_selected_on(ends):
    supervisor, _ = ends
    assert supervisor.fileno() == supervisor.sock.fileno() >= 0
    assert DOWN.validate_json(b'{"kind": "stop"}') == Stop()
