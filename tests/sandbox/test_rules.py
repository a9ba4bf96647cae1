"""The rules that need no process: they are told the time."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import clock
from sandbox.bucket import Bucket
from sandbox.faults import Fault
from sandbox.journal import Filter, Journal
from sandbox.session import Close, Send, Session, keepalive_of
from sandbox.settings import Settings
from sandbox.subscriptions import Subscriptions, Wanted
from sandbox.tokens import PUBLIC_CLIENT, Tokens
from sandbox.topics import TOPICS
from sandbox.users import User


@given(st.lists(st.floats(0, 30), max_size=200), st.integers(1, 50))
def test_a_bucket_never_gives_more_than_it_holds_and_what_flows_in(pauses, size):
    bucket, now, taken = Bucket.full(size, 60.0, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now)

    assert taken <= size + now * size / 60 + 1e-6
    assert 0 <= int(bucket.headers()["Ratelimit-Remaining"]) <= size


def test_a_patient_caller_is_never_refused():
    bucket = Bucket.full(60, 60.0, 0.0)

    assert all(bucket.take(float(second)) for second in range(300))


@pytest.mark.parametrize(
    ("query", "seconds"), [(None, 10), ("", 10), ("x", 10), ("30", 30), ("1", 10), ("9999", 600), ("nan", 10)]
)
def test_a_keepalive_outside_the_limits_is_clamped(query, seconds):
    assert keepalive_of(query, floor=10) == seconds


def session(**rules: float) -> Session:
    made = Session("s", 10, Settings(**{"ping_seconds": 1e6, **rules}), connected_at=0.0)
    made.used = True
    return made


@given(st.lists(st.floats(0.01, 30), max_size=50))
def test_no_silence_is_ever_longer_than_the_keepalive(pauses):
    """Whatever is said in between, and however the timer is woken."""
    talk, now, spoke = session(), 0.0, [0.0]
    for pause in pauses:
        until = now + pause
        while talk.due_at() <= until:
            now = talk.due_at()
            spoke += [now for what in talk.due(now) if what is Send.KEEPALIVE]
        now = talk.spoke_at = until
        spoke.append(now)

    assert all(later - earlier <= 10.0 + 1e-9 for earlier, later in itertools.pairwise(spoke))


def test_a_ping_waits_for_its_pong_and_then_no_longer():
    talk = session(ping_seconds=5.0, pong_seconds=3.0)

    assert list(talk.due(5.0)) == [Send.PING]
    talk.pong()
    assert list(talk.due(9.9)) == []
    assert Send.PING in talk.due(10.0)
    assert list(talk.due(13.0)) == [Close(4002)]


def test_when_it_closes_nothing_else_is_due():
    talk = session(handover_seconds=30.0)
    talk.begin_handover(0.0)

    assert list(talk.due(100.0)) == [Close(4004)]


def test_a_public_clients_refresh_token_dies_after_thirty_days_without_use():
    tokens, user = Tokens(), User("1", "a", "a", 0.0)
    issued = tokens.sign_in(PUBLIC_CLIENT, user, (), life=10, now=0.0)
    day = 86_400.0

    issued = tokens.refresh(PUBLIC_CLIENT, "", issued.grant.refresh_token, life=10, now=29 * day)
    with pytest.raises(Exception, match="Invalid refresh token"):
        tokens.refresh(PUBLIC_CLIENT, "", issued.grant.refresh_token, life=10, now=59 * day)


def test_ended_subscriptions_are_listed_for_a_minute():
    subscriptions = Subscriptions()
    wanted = Wanted(
        type="channel.chat.message",
        version="1",
        condition={"broadcaster_user_id": "1", "user_id": "2"},
        topic=TOPICS["channel.chat.message", "1"],
        cost=0,
        owner=("c", "2"),
        session_id="s",
        connected_at="",
    )
    made = subscriptions.create(wanted, max_joins=100, now=0.0)
    subscriptions.end(made, "websocket_disconnected", 10.0)

    assert subscriptions.listed(("c", "2"), 70.0) == [made]
    assert subscriptions.listed(("c", "2"), 70.1) == []
    assert subscriptions.find(made.id) is None


def test_the_journal_keeps_the_latest():
    journal = Journal(capacity=3)
    for n in range(5):
        journal.note("chat", login=str(n))

    entries, following = journal.read(0, 10, Filter())

    assert [e["login"] for e in entries] == ["2", "3", "4"]
    assert following == 5
    assert journal.read(0, 10, Filter(login="3"))[0] == [entries[1]]


def test_waiting_for_the_journal_ends():
    asyncio.run(Journal().wait(Filter(), 0.001))


def test_a_used_up_fault_strikes_no_more():
    assert not Fault("*", "reset", times=0).strikes("GET /helix/users", None)


def test_stamps_have_nine_decimals():
    assert clock.stamp(1_700_000_000_000_000_001) == "2023-11-14T22:13:20.000000001Z"
    assert clock.stamp_seconds(1_700_000_000.9) == "2023-11-14T22:13:20Z"
