"""Helix: identity, colors, streams, channels, and the points of the bucket."""

import pytest

PUBLIC = "sandboxpublicclient000000000000"
CONFIDENTIAL = "sandboxsecretclient000000000000"


@pytest.fixture
def alice(twitch):
    return twitch.sign_in("alice")


@pytest.fixture
def app_headers(twitch):
    form = {"client_id": CONFIDENTIAL, "client_secret": "sandboxsecret0000000000000000"}
    token = twitch.oauth("/token", grant_type="client_credentials", **form).json()["access_token"]
    return {"Authorization": f"Bearer {token}", "Client-Id": CONFIDENTIAL}


def refused(answer):
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["error"]


def put(twitch, person, color, user_id=None):
    return twitch.helix(
        "PUT", "/chat/color", person, params={"user_id": user_id or person.id, "color": color}
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Client-Id": "another"},
        {"Authorization": "Basic abc"},
    ],
)
def test_a_call_without_the_right_token_and_client_id_is_401(twitch, alice, headers):
    person = alice if "Client-Id" in headers else None
    answer = twitch.helix("GET", "/users", person, headers=headers)

    assert refused(answer) == (401, "Unauthorized")
    assert "Ratelimit-Remaining" in answer.headers


def test_users_are_found_by_id_and_login_and_oneself_by_nothing(twitch, alice):
    bob = twitch.control("/users", login="Bob", display_name="BobTheGreat", id="77")

    assert [u["login"] for u in twitch.helix("GET", "/users", alice).json()["data"]] == ["alice"]
    found = twitch.helix(
        "GET", "/users", alice, params={"id": ["77", "999"], "login": ["alice", "bob", "ghost"]}
    )

    assert [(u["id"], u["display_name"]) for u in found.json()["data"]] == [
        ("77", "BobTheGreat"),
        (alice.id, "alice"),
    ]
    assert bob["login"] == "bob"


def test_users_needs_something_to_look_for_and_not_too_much(twitch, alice, app_headers):
    assert refused(twitch.helix("GET", "/users", None, headers=app_headers)) == (400, "Bad Request")
    many = {"id": [str(n) for n in range(60)], "login": [f"u{n}" for n in range(60)]}
    assert refused(twitch.helix("GET", "/users", alice, params=many)) == (400, "Bad Request")
    more = {"id": [str(n) for n in range(101)]}
    assert refused(twitch.helix("GET", "/users", alice, params=more)) == (400, "Bad Request")


def test_a_named_color_becomes_its_hex_value(twitch, alice):
    answer = put(twitch, alice, "blue_violet")

    assert (answer.status_code, answer.content) == (204, b"")
    seen = twitch.helix("GET", "/chat/color", alice, params={"user_id": [alice.id, alice.id, "999"]}).json()
    assert seen == {
        "data": [{"user_id": alice.id, "user_login": "alice", "user_name": "alice", "color": "#8A2BE2"}]
    }
    assert twitch.state()["users"][0]["color_changes"] == 1


def test_hex_is_for_turbo_and_prime(twitch, alice):
    assert refused(put(twitch, alice, "#a1b2c3")) == (400, "Bad Request")

    twitch.control("/turbo", login="alice", turbo=True)

    assert put(twitch, alice, "#a1b2c3").status_code == 204
    noted = [(e["color"], e["accepted"]) for e in twitch.journal(kind="color", login="alice")["entries"]]
    assert noted == [("#a1b2c3", False), ("#A1B2C3", True)]


@pytest.mark.parametrize("color", ["", "mauve", "#12345", "#12345g", "BLUE"])
def test_an_unknown_color_is_400(twitch, alice, color):
    assert refused(put(twitch, alice, color)) == (400, "Bad Request")


def test_only_ones_own_color_can_be_changed_and_only_with_the_scope(twitch, alice, app_headers):
    bob = twitch.sign_in("bob", scopes=["user:read:chat"])

    assert refused(put(twitch, alice, "blue", bob.id)) == (401, "Unauthorized")
    assert refused(put(twitch, bob, "blue")) == (401, "Unauthorized")
    assert refused(put(twitch, alice, "blue", "x")) == (400, "Bad Request")
    nobody = {"params": {"user_id": alice.id, "color": "blue"}, "headers": app_headers}
    assert refused(twitch.helix("PUT", "/chat/color", None, **nobody)) == (401, "Unauthorized")
    assert refused(twitch.helix("GET", "/chat/color", alice)) == (400, "Bad Request")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/chat/color"), ("GET", "/nothing"), ("PATCH", "/users")]
)
def test_a_wrong_verb_or_path_is_404(twitch, alice, method, path):
    assert refused(twitch.helix(method, path, alice)) == (404, "Not Found")


def test_offline_channels_are_absent_from_streams_and_the_most_watched_come_first(twitch, alice):
    for login, viewers in (("small", 3), ("big", 900), ("off", 1)):
        twitch.control("/users", login=login)
        twitch.control("/live", login=login, title=f"{login} show", viewers=viewers)
    twitch.control("/live", login="off", live=False)

    everybody = twitch.helix("GET", "/streams", alice).json()
    assert [s["user_login"] for s in everybody["data"]] == ["big", "small"]
    assert everybody["pagination"] == {}
    one = twitch.helix("GET", "/streams", alice, params={"user_login": ["small", "off"], "first": 1}).json()[
        "data"
    ]
    assert [(s["title"], s["viewer_count"], s["type"]) for s in one] == [("small show", 3, "live")]
    assert refused(twitch.helix("GET", "/streams", alice, params={"first": "101"})) == (400, "Bad Request")
    assert refused(twitch.helix("GET", "/streams", alice, params={"first": "x"})) == (400, "Bad Request")


def test_channels_shows_title_only_while_live(twitch, alice):
    twitch.control("/live", login="alice", title="hello")
    ask = {"params": {"broadcaster_id": alice.id}}

    assert twitch.helix("GET", "/channels", alice, **ask).json()["data"][0]["title"] == "hello"
    twitch.control("/live", login="alice", live=False)
    assert twitch.helix("GET", "/channels", alice, **ask).json()["data"][0]["title"] == ""


def test_each_user_has_a_bucket_that_empties_and_refills(twitch, alice):
    twitch.control("/settings", bucket=3, bucket_window=3600)
    bob = twitch.sign_in("bob")

    left = [twitch.helix("GET", "/users", alice).headers["Ratelimit-Remaining"] for _ in range(3)]
    empty = twitch.helix("GET", "/users", alice)

    assert left == ["2", "1", "0"]
    assert refused(empty) == (429, "Too Many Requests")
    assert empty.headers["Ratelimit-Limit"] == "3"
    assert int(empty.headers["Ratelimit-Reset"]) > 1_700_000_000
    assert twitch.helix("GET", "/users", bob).status_code == 200
    twitch.control("/settings", bucket_window=0.001)
    assert [twitch.helix("GET", "/users", alice).status_code for _ in range(5)] == [200] * 5
