import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.eventsub.frames import (
    BadFrame,
    Keepalive,
    Notification,
    Reconnect,
    Revocation,
    Unknown,
    Welcome,
    decode,
)

SENT_AT = 1767323045.123456


def frame(kind: str, payload: dict, **metadata) -> bytes:
    stamp = "2026-01-02T03:04:05.123456789Z"
    head = {"message_id": "m", "message_type": kind, "message_timestamp": stamp, **metadata}
    return json.dumps({"metadata": head, "payload": payload, "novelty": 1}).encode()


SESSION = {"id": "S1", "status": "connected", "keepalive_timeout_seconds": 12, "reconnect_url": None}
SUBSCRIPTION = {
    "id": "s",
    "status": "user_removed",
    "type": "channel.chat.message",
    "condition": {"user_id": "2"},
}


def test_every_kind_of_message_is_read():
    assert decode(frame("session_welcome", {"session": SESSION})) == Welcome("S1", 12.0, SENT_AT)
    assert decode(frame("session_keepalive", {})) == Keepalive(SENT_AT)
    moved = {**SESSION, "keepalive_timeout_seconds": None, "reconnect_url": "wss://edge/ws?x"}
    assert decode(frame("session_reconnect", {"session": moved})) == Reconnect("wss://edge/ws?x")
    assert decode(frame("revocation", {"subscription": SUBSCRIPTION})) == Revocation(
        "s", "channel.chat.message", "user_removed", {"user_id": "2"}
    )
    event = decode(frame("notification", {"subscription": SUBSCRIPTION, "event": {"a": 1}}))
    assert isinstance(event, Notification)
    assert (event.message_id, event.kind, event.event) == ("m", "channel.chat.message", {"a": 1})
    assert event.sent_at == pytest.approx(SENT_AT)
    assert decode(frame("session_novelty", {})) == Unknown("session_novelty")


def test_a_time_that_is_not_understood_costs_no_message():
    data = frame("notification", {"subscription": SUBSCRIPTION, "event": {}}, message_timestamp="yesterday")
    assert decode(data).sent_at is None


@pytest.mark.parametrize(
    "stamp", ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.123456789Z"]
)
def test_timestamps_with_any_number_of_decimals_are_read(stamp):
    data = frame("notification", {"subscription": SUBSCRIPTION, "event": {}}, message_timestamp=stamp)
    assert int(decode(data).sent_at) == 1767323045


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"<html>",
        frame("notification", {}),
        frame("session_welcome", {}),
        frame("session_reconnect", {"session": SESSION}),
        frame("session_welcome", {"session": {"id": 5}}),
    ],
)
def test_what_cannot_be_read_is_told_with_a_sample(data):
    with pytest.raises(BadFrame) as bad:
        decode(data)
    assert len(str(bad.value)) < 1000


@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_garbage_is_bad_and_nothing_worse(data):
    with pytest.raises(BadFrame):
        decode(data)
