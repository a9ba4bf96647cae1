"""Faults that were asked for: each looks from outside as it would in the world."""

import contextlib
import time

import pytest
import requests
from websockets.exceptions import InvalidStatus

CALL = "GET /helix/users"


@pytest.fixture
def alice(twitch):
    return twitch.sign_in("alice")


def fail(twitch, kind, target=CALL, **more):
    return twitch.control("/faults", target=target, kind=kind, **more)["id"]


def look(twitch, person, **more):
    return twitch.helix("GET", "/users", person, **more)


def test_a_status_is_answered_as_often_as_asked(twitch, alice):
    fail(twitch, "status", status=503, times=2, headers={"Retry-After": "7"}, body='{"status":503}')

    answers = [look(twitch, alice) for _ in range(3)]

    assert [a.status_code for a in answers] == [503, 503, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[0].json() == {"status": 503}


def test_a_fault_without_times_lasts_until_removed_and_spares_others(twitch, alice):
    bob = twitch.sign_in("bob")
    fail(twitch, "status", target="*", login="alice")

    assert [look(twitch, p).status_code for p in (alice, alice, bob)] == [500, 500, 200]
    assert look(twitch, alice).json()["error"] == "Internal Server Error"
    twitch.forget("/faults")
    assert look(twitch, alice).status_code == 200


def test_the_oldest_fault_strikes_first(twitch, alice):
    assert [fail(twitch, "status", status=s, times=1) for s in (500, 502)] == ["1", "2"]

    assert [look(twitch, alice).status_code for _ in range(3)] == [500, 502, 200]


def test_a_page_of_a_gateway_is_html(twitch, alice):
    fail(twitch, "html", times=1)
    page = look(twitch, alice)
    assert page.status_code == 502
    assert page.headers["Content-Type"].startswith("text/html")

    fail(twitch, "html", status=504, body="<p>late</p>", times=1)
    assert (look(twitch, alice).text, look(twitch, alice).status_code) == ("<p>late</p>", 200)


def test_a_reset_and_half_an_answer_break_the_connection(twitch, alice):
    for kind in ("reset", "half"):
        fail(twitch, kind, times=1)
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            look(twitch, alice)
    assert look(twitch, alice).status_code == 200


def test_a_stall_without_end_outlasts_the_client(twitch, alice):
    fail(twitch, "stall")

    with pytest.raises(requests.ReadTimeout):
        requests.get(twitch.where["helix_url"] + "/users", headers=alice.headers, timeout=0.1)

    assert twitch.wait_for("call", login="alice")["status"] == 0


def test_a_short_stall_and_a_slow_answer_arrive_in_the_end(twitch, alice):
    for kind in ("stall", "slow"):
        fail(twitch, kind, seconds=0.15, times=1)
        began = time.monotonic()
        assert look(twitch, alice).json()["data"][0]["login"] == "alice"
        assert time.monotonic() - began > 0.14


@pytest.mark.parametrize("kind", ["reset", "half", "status", "stall"])
def test_after_the_effect_only_the_answer_is_lost(twitch, alice, kind):
    """A public client cannot know whether its refresh token was used up."""
    fail(twitch, kind, target="POST /oauth2/token", after="effect", times=1, seconds=0.05)
    form = {"grant_type": "refresh_token", "client_id": alice.client_id, "refresh_token": alice.refresh_token}

    with contextlib.suppress(requests.RequestException):
        assert twitch.oauth("/token", **form).status_code == (200 if kind == "stall" else 500)

    assert twitch.wait_for("refresh", login="alice")["accepted"]
    assert twitch.oauth("/token", **form).status_code == 400
    calls = [e["login"] for e in twitch.journal(kind="call")["entries"]]
    assert calls == ["alice", None], "known by the refresh token, while it is known"


def test_an_answer_without_body_can_be_slow_too(twitch, alice):
    fail(twitch, "slow", target="PUT /helix/chat/color", seconds=0.01)

    params = {"user_id": alice.id, "color": "red"}

    assert twitch.helix("PUT", "/chat/color", alice, params=params).status_code == 204


def test_a_handshake_can_be_refused(twitch, dial):
    fail(twitch, "status", target="GET /ws", status=503, times=1)

    with pytest.raises(InvalidStatus):
        dial()

    assert twitch.wait_for("call")["status"] == 503
    dial().welcomed()


def test_a_socket_that_opened_has_no_answer_left_to_spoil(twitch, dial):
    fail(twitch, "slow", target="GET /ws", seconds=0.01)

    socket = dial()
    socket.welcomed()
    socket.raw.close()

    assert twitch.wait_for("disconnect")["by"] == "client"


def test_a_plain_call_to_the_socket_is_refused(twitch):
    answer = requests.get(twitch.where["base"] + "/ws", timeout=5)

    assert answer.status_code == 400
