"""The EventSub connection: handed over, lost, silent, refused, revoked; and listening again."""

import json

import pytest


def listening_again(house, login="alice"):
    """Wait until the worker listens after a loss, and check that it did so in the same process."""
    pid = house.status()[login]["pid"]
    rows = house.until(lambda rows: rows[login]["counters"].get("disconnects"))
    rows = house.until(lambda rows: rows[login]["phase"] == "listening")
    assert rows[login]["pid"] == pid


def change(twitch, login="alice"):
    twitch.chat(login, login)
    [entry] = twitch.expect("color", accepted=True, login=login)
    return entry


@pytest.fixture
def alice(house):
    house.hire("alice")
    house.open()
    return house


def test_a_handover_loses_and_doubles_nothing_and_subscribes_nothing(alice, twitch):
    subscribed = len(twitch.entries("subscribe", login="alice"))
    for _ in range(5):
        twitch.chat("alice", "alice")
    twitch.post("sockets", action="reconnect", login="alice")
    for _ in range(5):
        twitch.chat("alice", "alice")
    alice.expect_record("handover done", user="alice")
    for _ in range(5):
        twitch.chat("alice", "alice")
    alice.until(lambda rows: rows["alice"]["counters"].get("own_messages") == 15)
    assert len(twitch.entries("subscribe", login="alice")) == subscribed
    assert "disconnects" not in alice.status()["alice"]["counters"]


@pytest.mark.parametrize("mode", ["bad_url", "refuse"])
def test_after_a_handover_that_fails_everything_is_subscribed_again(alice, twitch, mode):
    twitch.expect("subscribe", login="alice")
    twitch.post("sockets", action="reconnect", login="alice", reconnect_mode=mode)
    twitch.expect("subscribe", login="alice")
    change(twitch)


@pytest.mark.parametrize("code", [4000, 4002, 4004, 4005, 4006, 4007, 1000, 1001])
def test_after_any_close_code_it_listens_again(alice, twitch, code):
    twitch.expect("subscribe", login="alice")
    twitch.post("sockets", action="close", login="alice", code=code)
    twitch.expect("subscribe", login="alice")
    listening_again(alice)
    change(twitch)


def test_after_a_reset_it_listens_again_and_asks_for_the_current_color(alice, twitch):
    twitch.expect("subscribe", login="alice")
    twitch.post("sockets", action="reset", login="alice")
    [again] = twitch.expect("subscribe", login="alice")
    twitch.expect("call", method="GET", path="/helix/chat/color")
    listening_again(alice)
    change(twitch)
    assert twitch.entries("call", after=again["n"], method="PUT", path="/helix/chat/color")


def test_silence_is_noticed_and_answered_with_a_new_connection(house, twitch):
    house.settings["twitch"]["eventsub_url"] = twitch.urls["eventsub_url"] + "?keepalive_timeout_seconds=1"
    house.hire("alice")
    house.open()
    twitch.expect("subscribe", login="alice")
    twitch.post("sockets", action="blackhole", login="alice")
    twitch.expect("subscribe", login="alice")
    listening_again(house)
    assert "silence" in house.expect_record("connection lost", user="alice")["reason"]
    change(twitch)


def test_a_server_that_refuses_is_asked_again_until_it_does_not(alice, twitch):
    twitch.expect("subscribe", login="alice")
    twitch.fault("GET /ws", "status", status=503, times=1)
    twitch.post("sockets", action="close", login="alice", code=4000)
    twitch.expect("subscribe", login="alice")
    listening_again(alice)


@pytest.mark.parametrize("status", ["user_removed", "chat_user_banned", "version_removed"])
def test_a_revoked_subscription_costs_that_channel_only(house, twitch, status):
    twitch.user("bob")
    house.hire("alice", channels=["alice", "bob"])
    house.open()
    bob = next(
        subscription
        for subscription in twitch.get("state")["subscriptions"]
        if subscription["condition"]["broadcaster_user_id"] != subscription["condition"]["user_id"]
    )
    twitch.post("subscriptions/revoke", id=bob["id"], status=status)
    record = house.expect_record("subscription revoked", user="alice")
    assert (record["channels"], record["status"]) == (["bob"], status)
    house.until(lambda rows: rows["alice"]["facts"]["channels"] == 1)
    change(twitch)


@pytest.mark.parametrize("status", ["user_removed", "version_removed"])
def test_when_the_last_subscription_is_revoked_the_session_is_given_up(alice, twitch, status):
    twitch.post("subscriptions/revoke", login="alice", status=status)
    record = alice.expect_record("connection lost", user="alice")
    assert record["reason"] == "every subscription was revoked"
    assert record["retry_in"] >= 60
    row = alice.until(lambda rows: rows["alice"]["phase"] == "reconnecting")["alice"]
    assert "alice" in row["detail"]


def test_a_channel_that_was_deleted_is_looked_up_again_by_the_next_worker(house, twitch):
    twitch.user("bob")
    house.hire("alice", channels=["alice", "bob"])
    house.open()
    gone = {"target": "POST /helix/eventsub/subscriptions", "kind": "status", "status": 400, "times": 1}
    twitch.post("faults", **gone, body='{"status":400,"message":"user not found"}')
    house.roost("restart", "alice")
    house.expect_record("not subscribed", user="alice")
    house.until(lambda rows: rows["alice"]["phase"] == "listening")
    house.roost("stop", "alice")
    stored = json.loads((house.folder / "state" / "users" / "alice" / "state.json").read_bytes())
    assert len(stored["ids"]) == 1


def test_a_channel_where_the_user_is_banned_or_that_does_not_exist_leaves_the_others(house, twitch):
    twitch.user("bob")
    house.hire("alice", channels=["nobody_here", "bob", "alice"])
    twitch.post("ban", channel="bob", login="alice")
    house.open()
    assert house.expect_record("not subscribed", user="alice")["channel"] == "bob"
    assert house.expect_record("no such channel", user="alice")["channel"] == "nobody_here"
    change(twitch)
    house.until(lambda rows: "not in bob (no access to this channel)" in rows["alice"]["detail"])


def test_where_nothing_can_be_subscribed_it_does_not_hammer(house, twitch):
    house.hire("alice")
    twitch.post("ban", channel="alice", login="alice")
    house.open(phase="reconnecting")
    record = house.expect_record("connection lost", user="alice")
    assert record["reason"] == "nothing could be subscribed"
    assert record["retry_in"] >= 60


def test_nonsense_on_the_socket_is_told_once_and_passed_over(alice, twitch):
    for data in ('{"half', "<html>", '{"metadata":{"message_type":5}}', '{"metadata": []}'):
        twitch.post("sockets", action="raw", login="alice", data=data)
    novelty = (
        '{"metadata":{"message_id":"x","message_type":"novelty","message_timestamp":"2026-01-02T03:04:05Z"},'
        '"payload":{}}'
    )
    twitch.post("sockets", action="raw", login="alice", data=novelty)
    change(twitch)
    assert len(alice.records("frame not understood", user="alice")) == 1
    assert len(alice.records("unknown message type", user="alice")) == 1


@pytest.mark.parametrize("kind", ["status", "stall", "reset", "half", "html"])
def test_a_platform_that_fails_at_start_is_waited_for(house, twitch, kind):
    more = {"status": 500} if kind == "status" else {}
    targets = ["GET /oauth2/validate", "GET /helix/users", "POST /helix/eventsub/subscriptions"]
    for target in targets[:1] if kind == "stall" else targets:
        twitch.fault(target, kind, times=1, **more)
    house.hire("alice")
    house.open()
    assert house.records("no answer yet", user="alice")
    change(twitch)
