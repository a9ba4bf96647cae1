"""Chat: what readers see of it, how fast it comes, and the crowd that never stops."""

import pytest

EVENT_FIELDS = {
    "broadcaster_user_id", "broadcaster_user_login", "broadcaster_user_name",
    "source_broadcaster_user_id", "source_broadcaster_user_login", "source_broadcaster_user_name",
    "chatter_user_id", "chatter_user_login", "chatter_user_name",
    "message_id", "source_message_id", "is_source_only", "message", "color", "badges", "source_badges",
    "message_type", "cheer", "reply", "channel_points_custom_reward_id",
    "channel_points_animation_id",
}  # fmt: skip


def test_the_event_is_complete_and_its_envelope_names_the_subscription(twitch, reading):
    alice = reading("alice")
    twitch.control("/users", login="bob", display_name="Bob", color="coral", turbo=True)

    sent = twitch.control("/chat", channel="alice", chatter="bob", text="hey @alice and @ghost Kappa")

    message = alice.socket.expect("notification")
    event, subscription = message["payload"]["event"], message["payload"]["subscription"]
    assert event.keys() == EVENT_FIELDS
    assert event["message_id"] == sent["event_message_ids"][0]
    assert (event["color"], event["chatter_user_name"]) == ("#FF7F50", "Bob")
    assert event["badges"] == [{"set_id": "turbo", "id": "1", "info": ""}]
    assert [(f["type"], f["text"]) for f in event["message"]["fragments"]] == [
        ("text", "hey "),
        ("mention", "@alice"),
        ("text", " and @ghost "),
        ("emote", "Kappa"),
    ]
    assert event["message"]["fragments"][1]["mention"]["user_id"] == alice.person.id
    assert subscription["id"] == alice.subscription
    assert subscription["transport"] == {"method": "websocket", "session_id": alice.session}
    assert (sent["sent"], sent["deliveries"]) == (1, 1)


def test_one_s_own_messages_come_back_with_the_color_of_the_moment(twitch, reading):
    alice = reading("alice")

    for color in ("red", "green"):
        params = {"user_id": alice.person.id, "color": color}
        twitch.helix("PUT", "/chat/color", alice.person, params=params)
        twitch.control("/chat", channel="alice", chatter="alice", text="look")

    events = [alice.socket.expect("notification")["payload"]["event"] for _ in range(2)]
    assert [e["color"] for e in events] == ["#FF0000", "#008000"]
    assert events[0]["badges"][0]["set_id"] == "broadcaster"


def test_only_those_who_read_the_channel_hear_it(twitch, reading):
    alice, bob = reading("alice"), reading("bob")
    twitch.subscribe(alice.person, alice.session, bob.person.id)

    assert twitch.control("/chat", channel="bob", chatter="bob", text="to both")["deliveries"] == 2
    assert twitch.control("/chat", channel="alice", chatter="bob", text="to one")["deliveries"] == 1

    ids = {s.socket.expect("notification")["metadata"]["message_id"] for s in (alice, bob)}
    assert len(ids) == 2, "each notification is a message of its own"


def test_a_message_can_be_repeated_exactly_or_under_a_new_id_or_come_late(twitch, reading):
    alice = reading("alice")
    same = {"channel": "alice", "chatter": "alice", "text": "again", "message_id": "event-1"}

    twitch.control("/chat", **same, notification_id="note-1")
    twitch.control("/chat", **same, notification_id="note-1", timestamp="2020-01-01T00:00:00.000000000Z")
    twitch.control("/chat", **same)

    got = [alice.socket.expect("notification") for _ in range(3)]
    assert [m["payload"]["event"]["message_id"] for m in got] == ["event-1"] * 3
    assert [m["metadata"]["message_id"] for m in got][:2] == ["note-1", "note-1"]
    assert got[2]["metadata"]["message_id"] != "note-1"
    assert got[1]["metadata"]["message_timestamp"].startswith("2020-")


def test_a_burst_arrives_whole_and_in_order(twitch, reading):
    alice = reading("alice")

    sent = twitch.control("/chat", channel="alice", chatter="alice", text="#{n}", count=120)

    assert sent["deliveries"] == len(set(sent["event_message_ids"])) == 120
    texts = [alice.socket.expect("notification")["payload"]["event"]["message"]["text"] for _ in range(120)]
    assert texts == [f"#{n}" for n in range(120)]


def test_a_pace_is_kept(twitch):
    twitch.control("/users", login="alice")

    twitch.control("/chat", channel="alice", chatter="alice", text="tick", count=5, per_second=50)

    at = [entry["at_ns"] / 1e9 for entry in twitch.journal(kind="chat")["entries"]]
    assert len(at) == 5
    assert 0.06 < at[-1] - at[0] < 0.5


def test_answers_name_at_most_a_thousand_messages(twitch):
    twitch.control("/users", login="alice")

    sent = twitch.control("/chat", channel="alice", chatter="alice", text="spam", count=1005)

    assert sent["sent"] == 1005
    assert len(sent["event_message_ids"]) == 1000


def test_the_journal_of_chat_can_be_switched_off(twitch):
    twitch.control("/users", login="alice")
    twitch.control("/settings", journal_chat=False)

    twitch.control("/chat", channel="alice", chatter="alice", text="unseen")

    assert twitch.journal(kind="chat")["entries"] == []
    assert twitch.state()["chat_sent"] == 1


def test_a_crowd_chats_until_stopped(twitch, reading):
    alice = reading("alice")
    crowd = {"channels": ["alice"], "users": ["alice"], "per_second": 2000, "commands": True}

    twitch.control("/simulation", **crowd)
    lines = [alice.socket.expect("notification")["payload"]["event"] for _ in range(1500)]
    assert twitch.forget("/simulation") == {"stopped": True}

    assert twitch.forget("/simulation") == {"stopped": False}
    own = {e["message"]["text"] for e in lines if e["chatter_user_login"] == "alice"}
    assert own & {"ccc", "ccd", "cce", "ccc blue_violet", "ccc #1e90ff"}
    assert all(e["color"] for e in lines if e["chatter_user_login"] != "alice")


def test_a_crowd_may_have_an_end_and_a_new_one_replaces_the_old(twitch):
    twitch.control("/users", login="alice")
    crowd = {"channels": ["alice"], "users": [], "per_second": 1000}
    twitch.control("/simulation", **crowd)
    twitch.control("/simulation", **crowd, seconds=0.05)

    last = twitch.wait_for("chat")["n"]
    while twitch.journal(kind="chat", after=last, wait=0.2)["entries"]:
        last = twitch.journal()["next"]

    assert twitch.forget("/simulation") == {"stopped": False}


def test_a_reset_ends_the_simulation(twitch):
    twitch.control("/users", login="alice")
    twitch.control("/simulation", channels=["alice"], users=["alice"], per_second=1000)
    twitch.wait_for("chat")

    twitch.control("/reset")

    assert twitch.journal(wait=0.1)["entries"] == []


@pytest.mark.parametrize("field", ["channel", "chatter"])
def test_people_must_exist_before_they_chat(twitch, field):
    twitch.control("/users", login="alice")
    people = {"channel": "alice", "chatter": "alice", field: "ghost"}

    answer = twitch.ask("/chat", text="boo", **people)

    assert answer.status_code == 400
    assert answer.json() == {"error": f"{field}: there is no user 'ghost'"}
