"""OAuth: device codes, refreshing, validation, revocation."""

import pytest

PUBLIC = "sandboxpublicclient000000000000"
SECRET = {"client_id": "sandboxsecretclient000000000000", "client_secret": "sandboxsecret0000000000000000"}
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
def device(twitch):
    twitch.control("/users", login="alice")
    return twitch.oauth("/device", client_id=PUBLIC, scopes="user:read:chat user:manage:chat_color").json()


def poll(twitch, device, client_id=PUBLIC):
    form = {"client_id": client_id, "scopes": "user:read:chat", "grant_type": DEVICE}
    return twitch.oauth("/token", device_code=device["device_code"], **form)


def refresh(twitch, token, **client):
    return twitch.oauth(
        "/token", grant_type="refresh_token", refresh_token=token, **(client or {"client_id": PUBLIC})
    )


def said(answer):
    return answer.status_code, answer.json()["message"]


def validate(twitch, header):
    headers = {"Authorization": header} if header else {}
    return twitch.http.get(twitch.where["oauth_url"] + "/validate", headers=headers, timeout=5)


def test_a_device_code_is_pending_until_approved_and_good_once(twitch, device):
    assert len(device["device_code"]) == 40
    assert len(device["user_code"]) == 8
    assert (device["interval"], device["expires_in"]) == (5, 1800)
    assert device["user_code"] in device["verification_uri"]
    assert said(poll(twitch, device)) == (400, "authorization_pending")

    twitch.control("/devices/approve", user_code=device["user_code"], login="alice")

    token = poll(twitch, device).json()
    assert token["scope"] == ["user:read:chat", "user:manage:chat_color"]
    assert token["token_type"] == "bearer"
    assert token["expires_in"] == 14400
    assert said(poll(twitch, device)) == (400, "invalid device code")
    assert validate(twitch, f"OAuth {token['access_token']}").json()["login"] == "alice"
    assert twitch.wait_for("approve")["login"] == "alice"
    assert twitch.wait_for("device")["user_code"] == device["user_code"]


def test_the_verification_page_tells_how_to_approve(twitch, device):
    page = twitch.http.get(device["verification_uri"], timeout=5)

    assert page.status_code == 200
    assert device["user_code"] in page.text


def test_a_device_code_belongs_to_its_client_and_expires(twitch, device):
    assert said(poll(twitch, device, SECRET["client_id"])) == (400, "invalid device code")
    assert said(poll(twitch, device, "nobody")) == (400, "invalid client")

    twitch.control("/settings", device_life=1e-9)
    short = twitch.oauth("/device", client_id=PUBLIC).json()
    assert said(poll(twitch, short)) == (400, "invalid device code")


def test_a_denied_code_and_a_hasty_poll_get_the_words_of_the_rfc(twitch, device):
    twitch.control("/settings", device_slow_down=True)

    assert said(poll(twitch, device)) == (400, "authorization_pending")
    assert said(poll(twitch, device)) == (400, "slow_down")
    twitch.control("/devices/deny", user_code=device["user_code"])
    assert said(poll(twitch, device)) == (400, "access_denied")


def test_any_pending_device_can_be_approved_and_pending_ones_are_listed(twitch, device):
    pending = twitch.http.get(twitch.where["control_url"] + "/devices", timeout=5).json()["devices"]
    assert [d["user_code"] for d in pending] == [device["user_code"]]

    assert twitch.control("/devices/approve", any=True, login="alice") == {"user_code": device["user_code"]}

    assert poll(twitch, device).status_code == 200
    assert twitch.ask("/devices/approve", any=True, login="alice").status_code == 400
    assert twitch.ask("/devices/deny", user_code="ABCDEFGH").status_code == 400


def test_automatic_approval_covers_waiting_and_coming_codes_of_its_client(twitch, device):
    twitch.control("/devices/auto", login="alice", after_seconds=0.02, client_id=PUBLIC)
    first = twitch.wait_for("approve")
    coming = twitch.oauth("/device", client_id=PUBLIC).json()
    twitch.oauth("/device", client_id=SECRET["client_id"])

    second = twitch.wait_for("approve", after=first["n"])

    assert (first["user_code"], second["user_code"]) == (device["user_code"], coming["user_code"])
    assert not twitch.journal(kind="approve", after=second["n"], wait=0.1)["entries"]


def test_an_approval_that_comes_too_late_changes_nothing(twitch, device):
    twitch.control("/devices/auto", login="alice", after_seconds=0.05)
    twitch.control("/devices/deny", user_code=device["user_code"])

    assert not twitch.journal(kind="approve", wait=0.15)["entries"]


@pytest.mark.parametrize(
    ("path", "form", "expected"),
    [
        ("/device", {}, (400, "missing client id")),
        ("/device", {"client_id": "nobody"}, (400, "invalid client")),
        ("/token", {}, (400, "missing grant type")),
        ("/token", {"grant_type": "password"}, (400, "invalid grant type")),
        ("/token", {"grant_type": "refresh_token"}, (400, "missing client id")),
        ("/token", {"grant_type": "refresh_token", "client_id": "nobody"}, (400, "invalid client")),
        ("/token", {"grant_type": "refresh_token", "client_id": PUBLIC}, (400, "missing refresh token")),
        ("/token", {"grant_type": "client_credentials", "client_id": PUBLIC}, (400, "invalid client")),
        ("/revoke", {"client_id": "nobody"}, (400, "Invalid client_id: nobody")),
        ("/revoke", {"client_id": PUBLIC}, (400, "missing oauth token")),
        ("/revoke", {"client_id": PUBLIC, "token": "x"}, (400, "Invalid token")),
    ],
)
def test_bad_forms_are_refused_in_twitchs_words(twitch, path, form, expected):
    answer = twitch.oauth(path, **form)

    assert said(answer) == expected
    assert "error" not in answer.json()


def test_a_public_clients_refresh_token_works_once(twitch):
    alice = twitch.sign_in("alice")

    renewed = refresh(twitch, alice.refresh_token).json()

    assert renewed["refresh_token"] != alice.refresh_token
    assert said(refresh(twitch, alice.refresh_token)) == (400, "Invalid refresh token")
    assert refresh(twitch, renewed["refresh_token"]).status_code == 200
    accepted = [(e["login"], e["accepted"]) for e in twitch.journal(kind="refresh")["entries"]]
    assert accepted == [("alice", True), (None, False), ("alice", True)]


def test_a_confidential_client_needs_its_secret_and_keeps_its_refresh_token(twitch):
    alice = twitch.sign_in("alice", client_id=SECRET["client_id"])

    assert said(refresh(twitch, alice.refresh_token, client_id=alice.client_id)) == (
        403,
        "invalid client secret",
    )
    for _ in range(55):
        renewed = refresh(twitch, alice.refresh_token, **SECRET).json()
        assert renewed["refresh_token"] == alice.refresh_token

    assert validate(twitch, f"OAuth {renewed['access_token']}").status_code == 200
    assert validate(twitch, f"OAuth {alice.access_token}").status_code == 401, "only 50 stay valid"


def test_a_refresh_token_is_of_no_use_to_another_client(twitch):
    alice = twitch.sign_in("alice")

    assert said(refresh(twitch, alice.refresh_token, **SECRET)) == (400, "Invalid refresh token")


def test_what_has_expired_and_what_was_disconnected_are_refused_differently(twitch):
    alice = twitch.sign_in("alice")

    twitch.control("/expire", login="alice", which="access")
    assert validate(twitch, f"Bearer {alice.access_token}").status_code == 401
    renewed = refresh(twitch, alice.refresh_token).json()

    twitch.control("/expire", login="alice", which="refresh")
    assert said(refresh(twitch, renewed["refresh_token"])) == (400, "Invalid refresh token")
    assert validate(twitch, f"Bearer {renewed['access_token']}").status_code == 200

    twitch.control("/revoke", login="alice")
    assert said(refresh(twitch, renewed["refresh_token"])) == (401, "Invalid refresh token")
    assert validate(twitch, f"Bearer {renewed['access_token']}").status_code == 401


def test_token_life_is_a_setting_and_validation_counts_down(twitch):
    twitch.control("/settings", token_life=100)
    alice = twitch.sign_in("alice")

    answer = validate(twitch, f"OAuth {alice.access_token}").json()

    assert answer.pop("expires_in") in (99, 100)
    assert answer == {
        "client_id": PUBLIC,
        "login": "alice",
        "user_id": alice.id,
        "scopes": ["user:read:chat", "user:manage:chat_color"],
    }
    assert said(validate(twitch, None)) == (401, "missing authorization token")
    assert said(validate(twitch, "OAuth nonsense")) == (401, "invalid access token")


def test_an_app_token_names_no_user(twitch):
    wrong = twitch.oauth("/token", grant_type="client_credentials", client_id=SECRET["client_id"])
    assert said(wrong) == (403, "invalid client secret")

    token = twitch.oauth("/token", grant_type="client_credentials", **SECRET).json()

    assert token.keys() == {"access_token", "expires_in", "token_type"}
    answer = validate(twitch, f"OAuth {token['access_token']}").json()
    assert answer.keys() == {"client_id", "scopes", "expires_in"}
    gone = twitch.oauth("/revoke", client_id=SECRET["client_id"], token=token["access_token"])
    assert (gone.status_code, gone.content) == (200, b"")


def test_revoking_kills_the_sign_in_and_is_heard_on_the_socket(twitch, reading):
    alice = reading("alice")

    assert twitch.oauth("/revoke", client_id=PUBLIC, token=alice.person.access_token).status_code == 200

    message = alice.socket.expect("revocation")
    assert message["payload"]["subscription"]["status"] == "authorization_revoked"
    assert message["payload"]["subscription"]["id"] == alice.subscription
    assert message["metadata"]["subscription_type"] == "channel.chat.message"
    assert "event" not in message["payload"]
    assert validate(twitch, f"OAuth {alice.person.access_token}").status_code == 401


def test_revoking_one_of_two_sign_ins_leaves_the_subscriptions(twitch, reading):
    alice = reading("alice")
    twitch.sign_in("alice")

    twitch.oauth("/revoke", client_id=PUBLIC, token=alice.person.access_token)

    assert twitch.wait_for("revoke")["login"] == "alice"
    assert twitch.state()["subscriptions"][0]["status"] == "enabled"
