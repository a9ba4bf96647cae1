"""The language of the control socket, without a socket."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.protocol import (
    FIELDS,
    LONGEST_REQUEST,
    MOST_LINES,
    Inbox,
    Outbox,
    Refusal,
    Request,
    parse,
)

NAMES = st.lists(st.text(max_size=8), max_size=3)
RECORD = st.integers(1, 300).map(lambda length: b"r" * length + b"\n")


def everything_in(inbox: Inbox) -> list[Request | Refusal]:
    return list(iter(inbox.take, None))


@given(st.lists(st.binary(max_size=200)))
def test_no_bytes_can_make_the_inbox_raise(pieces):
    inbox = Inbox()
    for piece in pieces:
        inbox.feed(piece)
        for found in everything_in(inbox):
            assert isinstance(found, Request | Refusal)
    assert not inbox.waiting


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)
FIELD_NAMES = st.sampled_from([*sorted(set().union(*FIELDS.values())), "id", "op", "extra"])


@given(st.sampled_from(list(FIELDS)) | JSON, st.dictionaries(FIELD_NAMES, JSON, max_size=5))
def test_what_is_understood_has_the_types_it_promises(op, fields):
    found = parse(json.dumps({**fields, "op": op}).encode())
    if isinstance(found, Refusal):
        assert found.error
        return
    assert found.op in FIELDS
    assert isinstance(found.name, str)
    assert found.names is None or all(isinstance(name, str) for name in found.names)
    assert 0 <= found.lines <= MOST_LINES
    assert isinstance(found.follow, bool)
    assert all(isinstance(arg, str) for arg in found.args)


@given(st.lists(st.tuples(st.integers(0, 1000), NAMES), max_size=6), st.data())
def test_requests_arrive_whole_and_in_order_however_they_are_cut(wanted, data):
    lines = [
        json.dumps({"op": "status", "id": id_, "names": names}).encode() + b"\n" for id_, names in wanted
    ]
    stream = b"\r\n".join(lines)
    inbox, found = Inbox(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        inbox.feed(stream[:cut])
        stream = stream[cut:]
        found += everything_in(inbox)
    assert [(request.id, request.names) for request in found] == [
        (id_, list(dict.fromkeys(names))) for id_, names in wanted
    ]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_without_an_end_is_refused_and_forgotten(end):
    inbox = Inbox()
    inbox.feed(b"x" * LONGEST_REQUEST + end)
    assert inbox.waiting
    refusal = inbox.take()
    assert isinstance(refusal, Refusal)
    assert refusal.final
    assert inbox.take() is None
    assert not inbox.waiting


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"hello", "not JSON"),
        (b"[" * 60_000, "not JSON"),
        (b'{"op": "pid", "id": NaN}', "not JSON"),
        (b"[]", "is an object"),
        (b'{"op": "pid", "id": []}', "`id`"),
        (b'{"op": []}', "`op` must be one of status"),
        (b'{"op": "dance"}', "`op` must be one of status"),
        (b'{"op": "start"}', "start: `name` is missing"),
        (b'{"op": "start", "name": 7}', "start: `name` must be a name"),
        (b'{"op": "pid", "name": "alice"}', "pid: unknown field 'name'"),
        (b'{"op": "tail", "lines": -1}', "tail: `lines` must be a whole number"),
        (b'{"op": "tail", "lines": true}', "tail: `lines` must be a whole number"),
        (b'{"op": "tail", "follow": 1}', "tail: `follow` must be true or false"),
        (b'{"op": "do", "name": "a", "action": "b", "args": [1]}', "do: `args` must be a list of words"),
    ],
)
def test_a_refusal_says_what_is_wrong(line, why):
    refusal = parse(line)
    assert isinstance(refusal, Refusal)
    assert why in refusal.error


@given(
    bound=st.integers(100, 2000),
    steps=st.lists(st.lists(RECORD, min_size=1, max_size=8) | st.integers(1, 1500), max_size=40),
)
def test_every_record_is_delivered_whole_or_counted_as_dropped_where_it_is_missing(bound, steps):
    outbox, given_in, out = Outbox(bound), 0, b""
    for step in steps:
        if isinstance(step, int):
            piece = outbox.next()[:step]
            outbox.sent(len(piece))
            out += piece
        else:
            given_in += len(step)
            outbox.records(b"".join(step))
        assert len(outbox) <= bound + 30  # the word about a gap comes on top
    while piece := outbox.next():
        outbox.sent(len(piece))
        out += piece
    lines = out.splitlines()
    dropped = sum(json.loads(line)["dropped"] for line in lines if line.startswith(b"{"))
    whole = [line for line in lines if not line.startswith(b"{")]
    assert set(b"".join(whole)) <= {ord("r")}
    assert len(whole) + dropped == given_in


def test_a_slow_reader_gets_long_runs_and_not_one_gap_for_each_record():
    outbox = Outbox(1000)
    outbox.records(b"r" * 99 + b"\n" * 1)
    for _ in range(20):
        outbox.records(b"r" * 99 + b"\n")
        outbox.records(b"r" * 99 + b"\n")
        outbox.sent(100)
    assert outbox.next().count(b"dropped") <= 5
