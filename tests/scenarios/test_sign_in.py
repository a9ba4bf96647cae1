"""Getting in and staying in: device flow, refresh, one-time tokens, what an older installation left."""

import subprocess
import sys
from pathlib import Path

from worker.twitch.http import READ_SECONDS


def test_a_person_signs_in_by_device_code_while_status_and_the_log_show_where(house, twitch):
    house.hire("dora", signed_in=False)
    house.open(phase="signing-in")
    rows = house.until(lambda rows: rows["dora"]["sign_in"])
    code = rows["dora"]["sign_in"]["code"]
    assert code in house.roost("status")
    assert code in house.expect_record("sign-in needed", user="dora")["code"]
    waiting = subprocess.Popen(
        [str(Path(sys.executable).with_name("roost")), "--config", str(house.config), "sign-in", "dora"],
        stdout=subprocess.PIPE,
        text=True,
    )
    twitch.post("devices/approve", user_code=code, login="dora")
    told, _ = waiting.communicate(timeout=20)
    assert waiting.returncode == 0
    assert code in told
    rows = house.until(lambda rows: rows["dora"]["phase"] == "listening")
    assert rows["dora"]["sign_in"] is None
    twitch.chat("dora", "dora")
    twitch.expect("color", login="dora")
    assert "already" in house.roost("sign-in", "dora")


def test_a_code_that_expires_is_replaced_by_a_fresh_one(house, twitch):
    twitch.post("settings", device_life=2)
    house.hire("dora", signed_in=False)
    house.open(phase="signing-in")
    first = house.until(lambda rows: rows["dora"]["sign_in"])["dora"]["sign_in"]["code"]
    rows = house.until(lambda rows: (rows["dora"]["sign_in"] or {}).get("code") not in {first, None})
    twitch.post("settings", device_life=1800)
    assert "expired" in rows["dora"]["sign_in"]["why"]
    twitch.post("devices/approve", user_code=rows["dora"]["sign_in"]["code"], login="dora")
    house.until(lambda rows: rows["dora"]["phase"] == "listening")


def test_a_denied_sign_in_is_final_until_somebody_asks_again(house, twitch):
    house.hire("dora", signed_in=False)
    house.open(phase="signing-in")
    code = house.until(lambda rows: rows["dora"]["sign_in"])["dora"]["sign_in"]["code"]
    twitch.post("devices/deny", user_code=code)
    rows = house.until(lambda rows: rows["dora"]["state"] == "FATAL")
    assert "denied" in rows["dora"]["reason"]
    house.roost("start", "dora", expect=None)
    house.until(lambda rows: (rows["dora"]["sign_in"] or {}).get("code") not in {code, None})


def test_somebody_elses_account_is_not_taken_for_the_users(house, twitch):
    twitch.user("mallory")
    house.hire("dora", signed_in=False)
    house.open(phase="signing-in")
    code = house.until(lambda rows: rows["dora"]["sign_in"])["dora"]["sign_in"]["code"]
    twitch.post("devices/approve", user_code=code, login="mallory")
    rows = house.until(lambda rows: (rows["dora"]["sign_in"] or {}).get("code") not in {code, None})
    assert "mallory" in rows["dora"]["sign_in"]["why"]


def test_an_access_token_that_expires_is_refreshed_and_the_message_still_counts(house, twitch):
    house.hire("alice")
    house.open()
    for _ in range(3):
        twitch.post("expire", login="alice", which="access")
        twitch.chat("alice", "alice")
        twitch.expect("color", login="alice")
    assert len(twitch.entries("refresh", login="alice")) >= 3


def test_a_refresh_that_is_refused_asks_for_a_new_sign_in_and_work_goes_on_after_it(house, twitch):
    house.hire("alice")
    house.open()
    twitch.post("expire", login="alice", which="both")
    twitch.chat("alice", "alice")
    rows = house.until(lambda rows: rows["alice"]["sign_in"])
    assert "refresh token" in rows["alice"]["sign_in"]["why"]
    assert rows["alice"]["state"] == "RUNNING"
    twitch.post("devices/approve", user_code=rows["alice"]["sign_in"]["code"], login="alice")
    house.until(lambda rows: rows["alice"]["phase"] == "listening")
    twitch.chat("alice", "alice")
    twitch.expect("color", login="alice")


def test_a_user_who_disconnects_the_app_is_asked_to_sign_in(house, twitch):
    house.hire("alice")
    house.open()
    twitch.post("revoke", login="alice")
    house.until(lambda rows: rows["alice"]["phase"] == "signing-in" and rows["alice"]["sign_in"])


def test_a_token_without_a_scope_leads_to_a_sign_in_that_says_which_and_why(house, twitch):
    twitch.user("alice")
    tokens = twitch.tokens("alice", scopes=["user:read:chat"])
    seed = {name: tokens[name] for name in ("access_token", "refresh_token")}
    house.settings["users"].append({"username": "alice", "seed": seed})
    house.open(phase="signing-in")
    why = house.until(lambda rows: rows["alice"]["sign_in"])["alice"]["sign_in"]["why"]
    assert "user:manage:chat_color" in why
    assert "to change your color" in why


def test_the_tokens_of_an_older_installation_are_taken_over_and_refreshed_if_expired(house, twitch):
    house.hire("alice")
    twitch.post("expire", login="alice", which="access")
    house.open()
    house.expect_record("tokens taken over from the configuration", user="alice")
    assert twitch.entries("device") == []
    house.stop()
    house.open()
    assert len(house.records("tokens taken over from the configuration")) == 1


def test_when_the_answer_to_a_refresh_is_lost_the_old_token_is_tried_and_a_spent_one_is_told(house, twitch):
    house.hire("alice")
    house.open()
    twitch.fault("POST /oauth2/token", "reset", times=1, after="effect")
    twitch.post("expire", login="alice", which="access")
    twitch.chat("alice", "alice")
    rows = house.until(lambda rows: rows["alice"]["sign_in"])
    assert "lost on the way" in rows["alice"]["sign_in"]["why"]


def test_a_late_answer_to_a_refresh_is_waited_for_while_the_chat_goes_on_being_heard(house, twitch):
    twitch.user("bob")
    house.hire("alice")
    house.open()
    twitch.fault("POST /oauth2/token", "stall", times=1, after="effect", seconds=READ_SECONDS + 0.5)
    twitch.post("expire", login="alice", which="access")
    twitch.chat("alice", "alice")
    twitch.expect("refresh", login="alice")
    twitch.chat("alice", "bob")
    house.until(lambda rows: rows["alice"]["counters"].get("messages") == 2)
    assert house.records("token refreshed") == []
    twitch.expect("color", accepted=True, login="alice")
    assert len(twitch.entries("refresh", login="alice")) == 1


def test_damaged_tokens_are_kept_aside_and_a_sign_in_is_asked_for(house, twitch):
    house.hire("alice")
    house.open()
    house.stop()
    tokens = house.folder / "state" / "users" / "alice" / "tokens"
    tokens.write_bytes(b"damaged")
    house.open(phase="signing-in")
    house.expect_record("vault damaged", user="alice")
    assert tokens.with_name("tokens.damaged").read_bytes() == b"damaged"


def test_an_order_to_somebody_who_is_not_signed_in_is_refused_with_the_reason(house, twitch):
    house.hire("alice", signed_in=False)
    house.open(phase="signing-in")
    assert "not while this worker is signing-in" in house.roost("color", "alice", "set", "red", expect=1)
