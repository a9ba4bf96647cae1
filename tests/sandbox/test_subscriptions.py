"""EventSub subscriptions over Helix: who gets which, how many, and what remains of them."""

import pytest

PATH = "/eventsub/subscriptions"


def refused(answer):
    body = answer.json()
    return answer.status_code, body["message"]


def stream_online(subject):
    return {"type": "stream.online", "condition": {"broadcaster_user_id": subject}}


@pytest.fixture
def alice(twitch):
    return twitch.sign_in("alice")


@pytest.fixture
def bob(twitch):
    return twitch.control("/users", login="bob")


@pytest.fixture
def session(dial):
    return dial().welcomed()


def test_a_subscription_is_answered_with_itself_and_the_totals(twitch, alice, bob, session):
    answer = twitch.subscribe(alice, session, bob["id"])

    assert answer.status_code == 202
    body = answer.json()
    [made] = body["data"]
    assert (body["total"], body["total_cost"], body["max_total_cost"]) == (1, 0, 10)
    assert made["condition"] == {"broadcaster_user_id": bob["id"], "user_id": alice.id}
    assert (made["status"], made["cost"], made["version"]) == ("enabled", 0, "1")
    assert made["transport"].keys() == {"method", "session_id", "connected_at"}
    noted = twitch.wait_for("subscribe", login="alice")
    assert (noted["status"], noted["session"], noted["type"]) == (202, session, "channel.chat.message")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"type": "channel.chat.nothing"}, 400),
        ({"version": "9"}, 400),
        ({"type": "channel.follow"}, 410),
        ({"condition": None}, 400),
        ({"condition": {"user_id": "1001"}}, 400),
        ({"condition": {"user_id": "1001", "broadcaster_user_id": 5}}, 400),
        ({"condition": {"user_id": "1001", "broadcaster_user_id": "999999"}}, 400),
        ({"condition": {"user_id": "1002", "broadcaster_user_id": "1001"}}, 403),
        ({"transport": None}, 400),
        ({"transport": {"method": "pigeon"}}, 400),
        ({"transport": {"method": "webhook", "callback": "https://x"}}, 401),
        ({"transport": {"method": "websocket"}}, 400),
        ({"transport": {"method": "websocket", "session_id": "gone"}}, 400),
    ],
)
def test_what_is_wrong_with_the_request_is_refused(twitch, alice, bob, session, change, status):
    assert (alice.id, bob["id"]) == ("1001", "1002")

    assert twitch.subscribe(alice, session, **change).status_code == status
    assert twitch.wait_for("subscribe")["status"] == status


@pytest.mark.parametrize("body", [b"{", b"[]"])
def test_a_body_that_is_no_object_is_400(twitch, alice, body):
    assert twitch.helix("POST", PATH, alice, data=body).status_code == 400


def test_an_app_token_cannot_use_websockets(twitch, session, alice):
    form = {"client_id": "sandboxsecretclient000000000000", "client_secret": "sandboxsecret0000000000000000"}
    token = twitch.oauth("/token", grant_type="client_credentials", **form).json()["access_token"]
    alice.access_token, alice.client_id = token, form["client_id"]

    assert twitch.subscribe(alice, session).status_code == 401


def test_chat_needs_the_scope_and_a_reader_who_is_not_banned(twitch, alice, bob, session):
    carol = twitch.sign_in("carol", scopes=[])
    assert refused(twitch.subscribe(carol, session))[0] == 403

    twitch.control("/ban", channel="bob", login="alice")

    assert refused(twitch.subscribe(alice, session, bob["id"])) == (
        403,
        "subscription missing proper authorization",
    )


def test_a_session_belongs_to_whoever_subscribed_first(twitch, alice, session):
    carol = twitch.sign_in("carol")
    twitch.subscribe(alice, session)

    assert twitch.subscribe(carol, session).status_code == 400


def test_the_same_again_on_a_live_session_is_409_with_the_id_of_the_first(twitch, alice, session):
    first = twitch.subscribe(alice, session).json()["data"][0]["id"]

    again = twitch.subscribe(alice, session)

    assert again.status_code == 409
    assert again.json()["id"] == first


def test_three_copies_on_three_sessions_are_all(twitch, alice, bob, dial):
    sessions = [dial().welcomed() for _ in range(4)]
    assert [twitch.subscribe(alice, s).status_code for s in sessions[:3]] == [202] * 3

    assert refused(twitch.subscribe(alice, sessions[3])) == (
        429,
        "maximum subscriptions with type and condition exceeded",
    )
    assert refused(twitch.subscribe(alice, sessions[3], bob["id"])) == (
        429,
        "number of websocket transports limit exceeded",
    )


def test_a_dead_copy_does_not_conflict(twitch, alice, dial):
    first = dial()
    assert twitch.subscribe(alice, first.welcomed()).status_code == 202
    first.raw.close()
    twitch.wait_for("disconnect")

    answer = twitch.subscribe(alice, dial().welcomed())

    assert answer.status_code == 202
    statuses = [s["status"] for s in twitch.helix("GET", PATH, alice).json()["data"]]
    assert statuses == ["websocket_disconnected", "enabled"]


def test_strangers_cost_a_point_each_and_ten_are_the_limit(twitch, alice, session):
    strangers = [twitch.control("/users", login=f"s{n}")["id"] for n in range(11)]

    answers = [twitch.subscribe(alice, session, **stream_online(s)) for s in strangers]

    assert [a.status_code for a in answers] == [202] * 10 + [429]
    assert answers[9].json()["total_cost"] == 10
    assert twitch.subscribe(alice, session, **stream_online(alice.id)).json()["data"][0]["cost"] == 0


def test_three_hundred_subscriptions_fill_a_connection(twitch, alice, session):
    twitch.control("/settings", chat_joins=1000)
    channels = [twitch.control("/users", login=f"c{n}")["id"] for n in range(151)]
    kinds = ("channel.chat.message", "channel.chat.clear")
    wanted = [(channel, kind) for channel in channels for kind in kinds][:301]

    statuses = [twitch.subscribe(alice, session, channel, kind).status_code for channel, kind in wanted]

    assert statuses == [202] * 300 + [429]


def test_a_user_can_be_in_so_many_chats_of_others(twitch, alice, bob, session):
    twitch.control("/settings", chat_joins=1)
    carol = twitch.control("/users", login="carol")["id"]

    assert twitch.subscribe(alice, session, bob["id"]).status_code == 202
    assert twitch.subscribe(alice, session, bob["id"], "channel.chat.clear").status_code == 202, (
        "the same chat"
    )
    assert twitch.subscribe(alice, session, alice.id).status_code == 202, "its own channel does not count"
    assert twitch.subscribe(alice, session, carol).status_code == 429


def test_the_list_can_be_filtered_by_one_thing(twitch, alice, bob, session):
    chat = twitch.subscribe(alice, session, bob["id"]).json()["data"][0]
    twitch.subscribe(alice, session, **stream_online(alice.id))

    def found(**query):
        return [s["type"] for s in twitch.helix("GET", PATH, alice, params=query).json()["data"]]

    assert found() == ["channel.chat.message", "stream.online"]
    assert found(status="enabled") == ["channel.chat.message", "stream.online"]
    assert found(type="stream.online") == ["stream.online"]
    assert found(user_id=bob["id"]) == ["channel.chat.message"]
    assert found(subscription_id=chat["id"]) == ["channel.chat.message"]
    assert found(conduit_id="c") == []
    both = twitch.helix("GET", PATH, alice, params={"status": "enabled", "type": "stream.online"})
    assert both.status_code == 400
    assert twitch.helix("GET", PATH, alice, params={"after": "x"}).status_code == 400


def test_long_lists_come_in_pages_oldest_first(twitch, alice, session):
    twitch.control("/settings", chat_joins=1000)
    channels = [twitch.control("/users", login=f"c{n}")["id"] for n in range(101)]
    made = [twitch.subscribe(alice, session, channel).json()["data"][0]["id"] for channel in channels]

    first = twitch.helix("GET", PATH, alice).json()
    second = twitch.helix("GET", PATH, alice, params={"after": first["pagination"]["cursor"]}).json()

    assert [s["id"] for s in first["data"] + second["data"]] == made
    assert (first["total"], second["pagination"]) == (101, {})


def test_only_ones_own_subscription_can_be_deleted(twitch, alice, session, reading):
    mine = twitch.subscribe(alice, session).json()["data"][0]["id"]
    other = reading("carol")

    assert twitch.helix("DELETE", PATH, alice).status_code == 400
    assert twitch.helix("DELETE", PATH, alice, params={"id": other.subscription}).status_code == 404
    gone = twitch.helix("DELETE", PATH, alice, params={"id": mine})
    assert (gone.status_code, gone.content) == (204, b"")
    assert twitch.helix("DELETE", PATH, alice, params={"id": mine}).status_code == 404
    assert twitch.helix("GET", PATH, alice).json()["total"] == 0
