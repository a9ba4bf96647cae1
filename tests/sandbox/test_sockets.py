"""The EventSub WebSocket: welcome, keepalive, pings, handover, and every way to end."""

import json
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

ENDED = {
    4000: "websocket_internal_error",
    4001: "websocket_received_inbound_traffic",
    4002: "websocket_failed_ping_pong",
    4003: "websocket_connection_unused",
    4004: "websocket_failed_to_reconnect",
    4005: "websocket_network_timeout",
    4006: "websocket_network_error",
    4007: "websocket_disconnected",
}


def close_code(socket, timeout=5):
    """Read to the end of the socket and say how it ended."""
    try:
        while True:
            socket.raw.recv(timeout=timeout)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


def texts(socket, count):
    return [socket.expect("notification")["payload"]["event"]["message"]["text"] for _ in range(count)]


@pytest.mark.parametrize(("asked", "granted"), [({}, 10), ({"keepalive_timeout_seconds": 30}, 30)])
def test_the_welcome_names_session_and_keepalive(dial, asked, granted):
    message = dial(**asked).expect("session_welcome")

    session = message["payload"]["session"]
    assert session["keepalive_timeout_seconds"] == granted
    assert (session["status"], session["reconnect_url"]) == ("connected", None)
    stamp = message["metadata"]["message_timestamp"]
    assert len(stamp) == len("2026-01-02T03:04:05.123456789Z")
    assert stamp.endswith("Z")


def test_a_silent_socket_is_kept_alive_and_one_with_messages_needs_no_keepalive(twitch, reading):
    alice = reading("alice", keepalive_timeout_seconds=1)
    began = time.monotonic()
    twitch.control("/chat", channel="alice", chatter="alice", text="hi")

    alice.socket.expect("notification")
    keepalive = alice.socket.expect("session_keepalive")

    assert keepalive["payload"] == {}
    assert time.monotonic() - began >= 0.9


def test_a_socket_without_subscription_is_closed_as_unused(twitch, dial):
    twitch.control("/settings", unused_seconds=0.05)

    assert close_code(dial()) == 4003


def test_a_subscription_in_time_keeps_the_socket(twitch, reading):
    alice = reading("alice")
    twitch.control("/settings", unused_seconds=0.05)

    with pytest.raises(TimeoutError):
        alice.socket.receive(timeout=0.15)


@pytest.mark.parametrize("data", ["hello", b"\x00"])
def test_a_client_that_speaks_is_closed(twitch, reading, data):
    alice = reading("alice")

    alice.socket.raw.send(data)

    assert close_code(alice.socket) == 4001
    assert twitch.state()["subscriptions"][0]["status"] == "websocket_received_inbound_traffic"


def test_a_client_ping_is_tolerated(dial):
    socket = dial()

    assert socket.raw.ping().wait(timeout=5)


def test_pings_that_are_answered_go_on_and_on(twitch, reading):
    alice = reading("alice")
    twitch.control("/settings", ping_seconds=0.02, pong_seconds=0.5)

    with pytest.raises(TimeoutError):
        alice.socket.receive(timeout=0.2)

    assert twitch.state()["sessions"][0]["connected"]


def test_a_missing_pong_ends_the_session(twitch, reading):
    alice = reading("alice")
    twitch.control("/settings", pong_seconds=0.05)
    twitch.control("/sockets", action="blackhole", login="alice")
    twitch.control("/sockets", action="ping", login="alice")

    gone = twitch.wait_for("disconnect", login="alice")

    assert (gone["code"], gone["by"]) == (4002, "server")
    assert twitch.state()["subscriptions"][0]["status"] == "websocket_failed_ping_pong"
    with pytest.raises(TimeoutError):
        alice.socket.receive(timeout=0.05)  # nobody told the client


@pytest.mark.parametrize("code", ENDED)
def test_every_close_code_disables_the_subscriptions_in_its_own_way(twitch, reading, code):
    alice = reading("alice")

    assert twitch.control("/sockets", action="close", code=code, session_id=alice.session) == {"sockets": 1}

    assert close_code(alice.socket) == code
    [subscription] = twitch.state()["subscriptions"]
    assert subscription["status"] == ENDED[code]
    assert "disconnected_at" in subscription["transport"]


def test_closing_twice_is_closing_once(twitch, dial):
    socket = dial()
    socket.welcomed()
    twitch.control("/sockets", action="close", all=True)

    assert twitch.control("/sockets", action="close", all=True) == {"sockets": 0}


def test_a_reset_comes_without_a_word(twitch, reading):
    alice = reading("alice")
    twitch.control("/sockets", action="reset", login="alice")

    assert close_code(alice.socket) == 1006
    assert twitch.wait_for("disconnect")["by"] == "client"


def test_a_silenced_socket_still_pings(twitch, reading):
    alice = reading("alice")
    twitch.control("/settings", pong_seconds=0.05)
    twitch.control("/sockets", action="silence", login="alice")
    twitch.control("/sockets", action="ping", login="alice")

    assert twitch.control("/chat", channel="alice", chatter="alice", text="hi")["deliveries"] == 0
    with pytest.raises(TimeoutError):
        alice.socket.receive(timeout=0.15)
    assert twitch.state()["sessions"][0]["connected"]


def test_keepalives_can_be_withheld(twitch, reading):
    alice = reading("alice", keepalive_timeout_seconds=1)
    twitch.control("/sockets", action="pause_keepalive", login="alice")

    with pytest.raises(TimeoutError):
        alice.socket.receive(timeout=1.2)


def test_anything_can_be_put_on_the_wire(twitch, dial):
    socket = dial()
    socket.welcomed()

    twitch.control("/sockets", action="raw", all=True, data="{broken")
    twitch.control("/sockets", action="raw", all=True, data="AAEC", binary=True)

    assert socket.raw.recv(timeout=5) == "{broken"
    assert socket.raw.recv(timeout=5) == b"\x00\x01\x02"


def reconnect_url(twitch, reader, **more):
    twitch.control("/sockets", action="reconnect", login=reader.person.login, **more)
    session = reader.socket.expect("session_reconnect")["payload"]["session"]
    assert (session["id"], session["status"]) == (reader.session, "reconnecting")
    assert session["keepalive_timeout_seconds"] is None
    return session["reconnect_url"]


def test_a_handover_carries_the_subscriptions_and_loses_nothing(twitch, reading, dial):
    alice = reading("alice", keepalive_timeout_seconds=30)
    url = reconnect_url(twitch, alice)
    twitch.control("/chat", channel="alice", chatter="alice", text="on the old one")

    new = dial(url)
    welcome = new.expect("session_welcome")["payload"]["session"]
    twitch.control("/chat", channel="alice", chatter="alice", text="on the new one")

    assert texts(alice.socket, 1) == ["on the old one"]
    assert texts(new, 1) == ["on the new one"]
    assert welcome["id"] != alice.session
    assert welcome["keepalive_timeout_seconds"] == 30
    moving = twitch.control("/sockets", action="reconnect", session_id=alice.session)
    assert moving == {"sockets": 0}, "the old one has moved already"
    again = twitch.subscribe(alice.person, welcome["id"])
    assert (again.status_code, again.json()["id"]) == (409, alice.subscription)
    alice.socket.raw.close()
    twitch.wait_for("disconnect")
    assert twitch.state()["subscriptions"][0]["status"] == "enabled"


def test_a_handover_can_keep_the_session_id_and_repeat_messages(twitch, reading, dial):
    twitch.control("/settings", handover_keeps_id=True, handover_duplicates=True)
    alice = reading("alice")
    new = dial(reconnect_url(twitch, alice))

    assert new.welcomed() == alice.session
    assert twitch.control("/chat", channel="alice", chatter="alice", text="hi")["deliveries"] == 2

    twice = [s.expect("notification")["metadata"]["message_id"] for s in (alice.socket, new)]
    assert twice[0] == twice[1]


def test_an_old_socket_that_stays_is_closed_when_its_grace_is_over(twitch, reading):
    alice = reading("alice")
    twitch.control("/settings", handover_seconds=0.05)
    reconnect_url(twitch, alice)

    assert close_code(alice.socket) == 4004
    assert twitch.state()["subscriptions"][0]["status"] == "websocket_failed_to_reconnect"


def test_after_a_handover_the_grace_ends_without_harm(twitch, reading, dial):
    alice = reading("alice")
    twitch.control("/settings", handover_seconds=0.1)
    dial(reconnect_url(twitch, alice)).welcomed()

    assert close_code(alice.socket) == 4004
    assert twitch.state()["subscriptions"][0]["status"] == "enabled"


def test_a_reconnect_url_is_good_once_in_time_and_while_the_old_socket_lives(twitch, reading, dial):
    alice = reading("alice")
    url = reconnect_url(twitch, alice)
    dial(url).welcomed()
    assert close_code(dial(url)) == 4007, "used"

    bob = reading("bob")
    url = reconnect_url(twitch, bob)
    bob.socket.raw.close()
    twitch.wait_for("disconnect", login="bob")
    assert close_code(dial(url)) == 4007, "the old socket left too early"


def test_reconnects_can_fail_in_three_ways(twitch, reading, dial):
    alice = reading("alice")

    assert close_code(dial(reconnect_url(twitch, alice, reconnect_mode="bad_url"))) == 4007
    with pytest.raises(InvalidStatus) as refusal:
        dial(reconnect_url(twitch, alice, reconnect_mode="refuse"))
    assert refusal.value.response.status_code == 503
    mute = dial(reconnect_url(twitch, alice, reconnect_mode="no_welcome"))
    with pytest.raises(TimeoutError):
        mute.receive(timeout=0.1)


def test_a_handover_before_any_subscription_leaves_the_new_socket_unused_too(twitch, dial):
    socket = dial()
    socket.welcomed()
    twitch.control("/sockets", action="reconnect", all=True)
    url = socket.expect("session_reconnect")["payload"]["session"]["reconnect_url"]
    new = dial(url)
    new.welcomed()
    twitch.control("/settings", unused_seconds=0.01)

    assert close_code(new) == 4003


@pytest.mark.parametrize(
    "status",
    ["authorization_revoked", "user_removed", "version_removed", "moderator_removed", "beta_maintenance"],
)
def test_a_subscription_can_be_revoked_for_every_reason(twitch, reading, status):
    alice = reading("alice")

    assert twitch.control("/subscriptions/revoke", id=alice.subscription, status=status) == {
        "subscriptions": 1
    }

    assert alice.socket.expect("revocation")["payload"]["subscription"]["status"] == status
    assert twitch.control("/chat", channel="alice", chatter="alice", text="hi")["deliveries"] == 0
    assert twitch.ask("/subscriptions/revoke", id=alice.subscription, status=status).status_code == 400


def test_a_user_s_subscriptions_can_be_revoked_at_once(twitch, reading):
    alice = reading("alice")
    twitch.subscribe(alice.person, alice.session, kind="channel.chat.clear")

    done = twitch.control("/subscriptions/revoke", login="alice", status="user_removed")

    assert done == {"subscriptions": 2}
    assert twitch.wait_for("revocation", login="alice")["status"] == "user_removed"


def test_a_ban_revokes_what_was_being_read(twitch, reading):
    alice, bob = reading("alice"), reading("bob")
    twitch.subscribe(alice.person, alice.session, bob.person.id)

    twitch.control("/ban", channel="bob", login="alice")

    revoked = alice.socket.expect("revocation")["payload"]["subscription"]
    assert revoked["status"] == "chat_user_banned"
    assert revoked["condition"]["broadcaster_user_id"] == bob.person.id
    assert [s["status"] for s in twitch.state()["subscriptions"]].count("enabled") == 2


def test_disconnecting_the_app_revokes_and_ends_the_tokens(twitch, reading):
    alice = reading("alice")

    assert twitch.control("/revoke", login="alice", client_id=alice.person.client_id) == {"grants": 1}

    assert alice.socket.expect("revocation")["payload"]["subscription"]["status"] == "authorization_revoked"
    assert twitch.helix("GET", "/users", alice.person).status_code == 401
    assert not twitch.state()["users"][0]["tokens"][0]["valid"]


def test_going_live_and_offline_is_told_to_those_who_listen(twitch, reading):
    alice = reading("alice")
    for kind in ("stream.online", "stream.offline"):
        condition = {"broadcaster_user_id": alice.person.id}
        assert (
            twitch.subscribe(alice.person, alice.session, kind=kind, condition=condition).status_code == 202
        )

    for live in (True, True, False, False):
        twitch.control("/live", login="alice", live=live)

    online, offline = alice.socket.expect("notification"), alice.socket.expect("notification")
    assert online["payload"]["event"]["type"] == "live"
    assert online["metadata"]["subscription_type"] == "stream.online"
    assert offline["payload"]["event"].keys() == {
        "broadcaster_user_id",
        "broadcaster_user_login",
        "broadcaster_user_name",
    }


def test_a_message_longer_than_64_kib_has_the_long_frame_header(twitch, reading):
    alice = reading("alice")

    twitch.control("/chat", channel="alice", chatter="alice", text="long", pad=100_000)

    frame = alice.socket.raw.recv(timeout=5)
    assert 95_000 < len(frame) < 105_000
    assert json.loads(frame)["payload"]["event"]["message"]["text"].startswith("long x")
