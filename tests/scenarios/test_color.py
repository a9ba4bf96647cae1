"""The main job, as its user sees it: somebody chats, and their color changes."""

import json
import time

import pytest

from worker.color.colors import NAMED


def test_every_own_message_changes_the_color_and_nobody_elses_does(house, twitch):
    house.hire("alice", channels=["alice", "bob"])
    twitch.user("bob")
    house.open()
    colors = []
    for channel in ("alice", "bob", "alice"):
        twitch.chat(channel, "bob", "not mine")
        twitch.chat(channel, "alice")
        [entry] = twitch.expect("color", accepted=True, login="alice")
        colors.append(entry["color"])
    assert len(set(colors)) == 3
    row = house.until(lambda rows: rows["alice"]["counters"].get("changes") == 3)["alice"]
    assert row["counters"]["own_messages"] == 3
    assert row["counters"]["messages"] == 6
    assert row["facts"]["last_color"] == colors[-1].lower()
    assert row["facts"]["latency_p50_ms"] > 0


@pytest.mark.parametrize(
    ("said", "color"), [("ccc Hot Pink", "hot_pink"), ("CCC #f0a", "#ff00aa"), ("ccc 1e90ff", "#1e90ff")]
)
def test_ccc_sets_a_color_also_while_switched_off(house, twitch, said, color):
    house.hire("alice")
    house.open()
    twitch.chat("alice", "alice", "ccd")
    house.until(lambda rows: rows["alice"]["facts"]["switched_on"] is False)
    twitch.chat("alice", "alice", "an ordinary message")
    twitch.chat("alice", "alice", said)
    [entry] = twitch.expect("color", accepted=True, login="alice")
    assert entry["color"].lower() == NAMED.get(color, color)


def test_nonsense_is_told_with_its_reason_and_changes_nothing(house, twitch):
    house.hire("alice")
    house.open()
    twitch.chat("alice", "alice", "ccc nocolor")
    record = house.expect_record("color command not understood", user="alice")
    assert "nocolor" in record["reason"]
    assert twitch.entries("color", accepted=True, login="alice") == []


def test_the_switch_survives_a_restart_and_cce_turns_it_on_again(house, twitch):
    house.hire("alice")
    house.open()
    twitch.chat("alice", "alice", "ccd")
    house.until(lambda rows: rows["alice"]["facts"]["switched_on"] is False)
    pid = house.status()["alice"]["pid"]
    house.roost("restart", "alice")
    rows = house.until(lambda rows: rows["alice"]["pid"] != pid and rows["alice"]["phase"] == "listening")
    assert rows["alice"]["facts"]["switched_on"] is False
    twitch.chat("alice", "alice", "quiet")
    twitch.chat("alice", "alice", "CCE")
    twitch.chat("alice", "alice", "loud")
    twitch.expect("color", accepted=True, login="alice")
    house.until(lambda rows: rows["alice"]["counters"].get("own_messages") == 4)
    assert len(twitch.entries("color", accepted=True, login="alice")) == 1


def test_the_operators_orders_do_what_the_chat_commands_do(house, twitch):
    house.hire("alice")
    house.open()
    assert "off" in house.roost("color", "alice", "off")
    house.until(lambda rows: rows["alice"]["facts"]["switched_on"] is False)
    house.roost("color", "alice", "set", "#123456")
    assert twitch.expect("color", accepted=True, login="alice")[0]["color"].lower() == "#123456"
    assert "nocolor" in house.roost("color", "alice", "set", "nocolor", expect=1)
    assert "on" in house.roost("color", "alice", "on")


def test_without_turbo_names_are_used_after_two_refusals_and_a_set_hex_color_is_tried_again(house, twitch):
    house.hire("nell", turbo=False)
    house.open()
    twitch.chat("nell", "nell")
    [entry] = twitch.expect("color", accepted=True, login="nell")
    assert entry["color"].lower() in NAMED.values()
    refused = twitch.entries("call", method="PUT", path="/helix/chat/color", status=400)
    assert len(refused) == 2
    rows = house.until(lambda rows: rows["nell"]["facts"]["hex_allowed"] is False)
    assert "Turbo" in rows["nell"]["detail"]
    twitch.chat("nell", "nell")
    twitch.expect("color", accepted=True, login="nell")
    assert len(twitch.entries("call", method="PUT", path="/helix/chat/color", status=400)) == 2
    twitch.post("turbo", login="nell", turbo=True)
    house.roost("color", "nell", "set", "#abcdef")
    twitch.expect("color", accepted=True, login="nell")
    house.until(lambda rows: rows["nell"]["facts"]["hex_allowed"] is True)


@pytest.mark.parametrize("fault", ["status", "stall", "reset", "half", "html"])
def test_a_failing_change_is_tried_again_and_only_the_newest_color_matters(house, twitch, fault):
    house.hire("alice", color={"mode": "presets"})
    house.open()
    more = {"status": 503} if fault == "status" else {"seconds": 4.0} if fault == "stall" else {}
    twitch.fault("PUT /helix/chat/color", fault, times=1, **more)
    twitch.chat("alice", "alice")
    twitch.chat("alice", "alice", "ccc red")
    [entry] = twitch.expect("color", accepted=True, login="alice", color="#FF0000")
    house.until(lambda rows: rows["alice"]["facts"]["last_color"] == "#ff0000")
    assert entry["accepted"]


def test_what_waits_to_be_tried_again_is_dropped_by_ccd_unless_it_was_asked_for(house, twitch):
    house.hire("alice")
    house.open()
    reset = {"Ratelimit-Remaining": "0", "Ratelimit-Reset": str(int(time.time()) + 2)}
    busy = {"target": "PUT /helix/chat/color", "kind": "status", "status": 429, "times": 1, "headers": reset}
    twitch.post("faults", **busy)
    twitch.chat("alice", "alice")
    house.until(lambda rows: rows["alice"]["phase"] == "rate-limited")
    twitch.chat("alice", "alice", "ccd")
    house.until(lambda rows: rows["alice"]["phase"] == "listening")
    twitch.chat("alice", "alice", "ccc red")
    twitch.expect("color", accepted=True, login="alice")
    twitch.post("faults", **busy)
    twitch.chat("alice", "alice", "ccc blue")
    house.until(lambda rows: rows["alice"]["counters"]["failures"] == 2)
    twitch.chat("alice", "alice", "ccd")
    twitch.expect("color", accepted=True, login="alice")
    accepted = twitch.entries("color", accepted=True, login="alice")
    assert [entry["color"] for entry in accepted] == ["#FF0000", "#0000FF"]


def test_a_change_made_while_the_connection_is_down_does_not_pass_for_listening(house, twitch):
    house.hire("alice")
    house.open()
    twitch.fault("GET /ws", "status", status=503)
    twitch.post("sockets", action="close", login="alice", code=4000)
    house.until(lambda rows: rows["alice"]["phase"] == "reconnecting")
    house.roost("color", "alice", "set", "red")
    rows = house.until(lambda rows: rows["alice"]["counters"].get("changes") == 1)
    assert rows["alice"]["phase"] in {"connecting", "reconnecting"}


def test_a_current_color_that_is_none_is_not_believed(house, twitch):
    twitch.fault("GET /helix/chat/color", "status", status=200, body='{"data":[{"color":7}]}')
    house.hire("alice")
    house.open()
    twitch.chat("alice", "alice")
    twitch.expect("color", accepted=True, login="alice")
    assert house.status()["alice"]["restarts"] == 0


def test_a_429_is_obeyed_no_call_before_the_reset(house, twitch):
    house.hire("alice")
    house.open()
    reset_in = 3
    twitch.fault(
        "PUT /helix/chat/color",
        "status",
        status=429,
        times=1,
        headers={"Ratelimit-Remaining": "0", "Ratelimit-Reset": str(int(time.time()) + reset_in)},
    )
    twitch.chat("alice", "alice")
    [limited] = twitch.expect("call", path="/helix/chat/color", status=429)
    for _ in range(20):
        twitch.chat("alice", "alice")
    house.until(lambda rows: rows["alice"]["phase"] == "rate-limited")
    twitch.expect("color", accepted=True, login="alice")
    calls = twitch.entries("call", after=limited["n"], path="/helix/chat/color", method="PUT")
    assert len(calls) == 1
    assert calls[0]["at_ns"] - limited["at_ns"] > (reset_in - 1.1) * 1e9


def test_messages_that_come_twice_change_the_color_once(house, twitch):
    house.hire("alice")
    house.open()
    [message_id] = twitch.chat("alice", "alice", notification_id="n-1")["event_message_ids"]
    twitch.chat("alice", "alice", notification_id="n-1")
    twitch.chat("alice", "alice", message_id=message_id)
    twitch.expect("color", accepted=True, login="alice")
    twitch.chat("alice", "alice", "the last")
    twitch.expect("color", accepted=True, login="alice")
    house.until(lambda rows: rows["alice"]["counters"].get("own_messages") == 2)
    assert len(twitch.entries("color", accepted=True, login="alice")) == 2


def test_no_secret_reaches_a_log_an_argument_list_or_an_environment(house, twitch):
    house.hire("alice")
    seed = house.settings["users"][0]["seed"]
    house.settings["supervisor"]["log"]["level"] = "debug"
    house.open()
    twitch.post("expire", login="alice", which="access")
    twitch.chat("alice", "alice")
    twitch.expect("color", accepted=True, login="alice")
    tokens = [value for value in seed.values() if isinstance(value, str)]
    shown = house.log() + json.dumps(house.ask("status")) + house.roost("config", "show")
    for process in house.children():
        shown += " ".join(process.cmdline()) + json.dumps(process.environ())
    assert not [token for token in tokens if token in shown]
    for path in (house.folder / "state").rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path
            assert not [token for token in tokens if token.encode() in path.read_bytes()]
