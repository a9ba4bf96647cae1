"""The control API itself: users, state, journal, and what it says to a typing error."""

import threading

import pytest
import requests


def test_users_get_short_ids_of_their_own_unless_they_name_one(twitch):
    twitch.control("/users", login="one", id="1001")

    two = twitch.control("/users", login="Two", turbo=True, display_name="II", color="#abcdef")

    assert two == {"id": "1002", "login": "two", "display_name": "II", "turbo": True, "color": "#ABCDEF"}


@pytest.mark.parametrize(
    ("path", "fields", "named"),
    [
        ("/users", {}, "login"),
        ("/users", {"login": ""}, "login"),
        ("/users", {"login": "alice"}, "login"),
        ("/users", {"login": "x", "id": "1001"}, "id"),
        ("/users", {"login": "x", "id": "abc"}, "id"),
        ("/users", {"login": "x", "turbo": 1}, "turbo"),
        ("/users", {"login": "x", "color": "mauve"}, "color"),
        ("/users", {"login": "x", "colour": "red"}, "colour"),
        ("/tokens", {"login": "ghost", "scopes": []}, "login"),
        ("/tokens", {"login": "alice"}, "scopes"),
        ("/tokens", {"login": "alice", "scopes": [], "client_id": "nobody"}, "client_id"),
        ("/tokens", {"login": "alice", "scopes": [], "expires_in": "1"}, "expires_in"),
        ("/settings", {"speed": 1}, "speed"),
        ("/settings", {"token_life": 0}, "token_life"),
        ("/settings", {"journal_chat": 1}, "journal_chat"),
        ("/expire", {"login": "alice", "which": "all"}, "which"),
        ("/rename", {"login": "alice", "to": "bob"}, "to"),
        ("/faults", {"target": "*", "kind": "odd"}, "kind"),
        ("/faults", {"target": "*", "kind": "status", "headers": []}, "headers"),
        ("/sockets", {"action": "close", "login": "ghost"}, "login"),
        ("/sockets", {"action": "raw", "all": True, "binary": True, "data": "?"}, "data"),
        ("/simulation", {"channels": ["ghost"], "users": [], "per_second": 1}, "channels"),
        ("/subscriptions/revoke", {"login": "alice", "status": "enabled"}, "status"),
        ("/subscriptions/revoke", {"id": "none", "status": "user_removed"}, "id"),
    ],
)
def test_a_fault_in_a_request_is_named_by_its_field(twitch, path, fields, named):
    for login in ("alice", "bob"):
        twitch.control("/users", login=login)

    answer = twitch.ask(path, **fields)

    assert answer.status_code == 400
    assert answer.json()["error"].split(":")[0] == named


@pytest.mark.parametrize("body", [b"{", b"[]"])
def test_a_body_must_be_an_object(twitch, body):
    answer = twitch.http.post(twitch.where["control_url"] + "/users", data=body, timeout=5)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("body")


def test_settings_change_together_or_not_at_all(twitch):
    assert twitch.ask("/settings", token_life=5, bucket=-1).status_code == 400

    assert twitch.state()["settings"]["token_life"] == 14400
    assert twitch.control("/settings", token_life=5)["token_life"] == 5


def test_more_clients_can_be_registered(twitch):
    assert twitch.control("/clients", client_id="mine") == {"client_id": "mine", "public": True}
    assert not twitch.control("/clients", client_id="other", client_secret="s")["public"]

    assert twitch.sign_in("alice", client_id="mine").client_id == "mine"


def test_a_rename_keeps_the_id_and_frees_the_old_login(twitch):
    alice = twitch.sign_in("alice")

    assert twitch.control("/rename", login="alice", to="Alicia")["id"] == alice.id

    assert twitch.helix("GET", "/users", alice).json()["data"][0]["login"] == "alicia"
    twitch.control("/users", login="alice")
    assert twitch.control("/rename", login="alicia", to="ALICIA")["display_name"] == "ALICIA"


def test_the_state_shows_users_sessions_and_subscriptions(twitch, reading, dial):
    alice = reading("alice")
    gone = dial()
    gone_id = gone.welcomed()
    gone.raw.close()
    twitch.wait_for("disconnect")

    state = twitch.state()

    assert state["users"][0]["tokens"][0]["valid"]
    by_id = {s["id"]: s for s in state["sessions"]}
    assert by_id[alice.session]["subscriptions"] == 1
    assert by_id[alice.session]["login"] == "alice"
    assert not by_id[gone_id]["connected"]
    assert state["subscriptions"][0]["id"] == alice.subscription


def test_the_journal_can_be_waited_for(twitch):
    twitch.control("/users", login="alice")
    after = twitch.journal()["next"]
    got = []
    waiter = threading.Thread(target=lambda: got.append(wait_for_alice(twitch, after)))
    waiter.start()

    twitch.sign_in("bob", scopes=[])
    requests.get(twitch.where["helix_url"] + "/users", timeout=5)
    twitch.helix("GET", "/users", twitch.sign_in("alice"))
    waiter.join(timeout=5)

    assert [(e["kind"], e["login"]) for e in got[0]["entries"]] == [("call", "alice")]
    assert got[0]["next"] >= got[0]["entries"][0]["n"]


def wait_for_alice(twitch, after):
    query = {"after": after, "wait": 5, "login": "alice", "kind": "call"}
    return requests.get(twitch.where["control_url"] + "/journal", params=query, timeout=10).json()


def test_the_journal_pages_and_comes_back_empty_handed_in_time(twitch):
    alice = twitch.sign_in("alice")
    for _ in range(3):
        twitch.helix("GET", "/users", alice, params={"login": ["a", "b"]})

    first = twitch.journal(limit=2)
    rest = twitch.journal(after=first["next"])

    assert [e["n"] for e in first["entries"] + rest["entries"]] == [1, 2, 3]
    assert first["entries"][0]["query"] == {"login": ["a", "b"]}
    assert twitch.journal(after=rest["next"], wait=0.05) == {"entries": [], "next": rest["next"]}


@pytest.mark.parametrize("query", [{"after": "x"}, {"wait": -1}])
def test_a_journal_query_is_checked(twitch, query):
    assert "error" in twitch.journal(**query)


def test_secrets_stay_out_of_the_journal(twitch):
    url = twitch.where["oauth_url"] + "/revoke"
    twitch.http.post(url, params={"client_id": "nobody", "token": "secret"}, timeout=5)

    assert twitch.wait_for("call")["query"] == {"client_id": ["nobody"]}


def test_a_reset_forgets_everything_but_settings(twitch, reading):
    reading("alice")
    twitch.control("/settings", bucket=5)

    twitch.control("/reset")

    state = twitch.state()
    assert (state["users"], state["sessions"], state["subscriptions"], state["journal"]) == ([], [], [], 0)
    assert state["settings"]["bucket"] == 5


def test_unknown_control_paths_are_404(twitch):
    assert twitch.ask("/nothing").status_code == 404
