"""Whatever the disk does, nothing stored is lost, and the fault is told with its remedy."""

import json
import os
import signal

import psutil
import pytest


def state_of(house, login="alice"):
    return house.folder / "state" / "users" / login / "state.json"


def test_state_that_cannot_be_read_is_kept_aside(house, twitch):
    house.hire("alice")
    house.open()
    for number, damage in enumerate([b'{"switched_on": tr', b'{"switched_on": "perhaps"}', b"", b"\xff"]):
        house.roost("stop", "alice")
        state_of(house).write_bytes(damage)
        house.roost("start", "alice")
        aside = state_of(house).with_name("state.json.damaged" + (f".{number}" if number else ""))
        house.until(lambda _, aside=aside: aside.exists())
        assert aside.read_bytes() == damage
    assert len(house.records("state damaged", user="alice")) == 4
    house.roost("stop", "alice")
    json.loads(state_of(house).read_bytes())


def test_a_user_folder_that_is_a_file_is_misconfigured_and_says_so(house, twitch):
    house.hire("alice")
    house.hire("bob")
    state_of(house).parent.parent.mkdir(parents=True, mode=0o700)
    state_of(house).parent.write_text("in the way")
    house.open("bob")
    rows = house.until(lambda rows: rows["alice"]["state"] == "FATAL")
    assert str(state_of(house).parent) in rows["alice"]["reason"]


@pytest.mark.parametrize("name", ["tokens", "state.json", "lock"])
def test_a_folder_where_a_file_belongs_is_misconfigured_and_says_so(house, twitch, name):
    house.hire("alice")
    state_of(house).with_name(name).mkdir(parents=True, mode=0o700)
    house.hire("bob")
    house.open("bob")
    rows = house.until(lambda rows: rows["alice"]["state"] == "FATAL")
    assert str(state_of(house).with_name(name)) in rows["alice"]["reason"]
    assert rows["alice"]["restarts"] == 0


def test_counters_and_colors_survive_a_clean_stop(house, twitch):
    house.hire("alice")
    house.open()
    twitch.chat("alice", "alice")
    [entry] = twitch.expect("color", login="alice")
    house.until(lambda rows: rows["alice"]["counters"].get("changes") == 1)
    house.stop()
    stored = json.loads(state_of(house).read_bytes())
    assert stored["colors"] == [entry["color"].lower()]
    assert stored["counters"]["changes"] == 1
    house.open()
    assert house.status()["alice"]["counters"]["changes"] == 1


def test_counting_goes_on_over_a_crash(house, twitch):
    house.hire("alice")
    house.open()
    twitch.chat("alice", "alice")
    rows = house.until(lambda rows: rows["alice"]["counters"].get("changes") == 1)
    os.kill(rows["alice"]["pid"], signal.SIGKILL)
    twitch.expect("subscribe", login="alice")
    house.until(lambda rows: rows["alice"]["phase"] == "listening" and rows["alice"]["restarts"] == 1)
    twitch.chat("alice", "alice")
    house.until(lambda rows: rows["alice"]["counters"].get("changes") == 2)


def test_while_the_disk_takes_nothing_no_refresh_token_is_spent_and_work_goes_on_when_it_does(house, twitch):
    house.hire("alice")
    house.open()
    worker = psutil.Process(house.status()["alice"]["pid"])
    worker.rlimit(psutil.RLIMIT_FSIZE, (0, 2**30))
    house.roost("color", "alice", "off")
    assert "free space" in house.expect_record("state not saved", user="alice")["remedy"]
    house.roost("color", "alice", "on")
    twitch.post("expire", login="alice", which="access")
    twitch.chat("alice", "alice")
    reason = house.expect_record("color not changed yet", user="alice")["reason"]
    assert "tokens" in reason
    assert "free space" in reason
    assert twitch.entries("refresh", login="alice") == []
    worker.rlimit(psutil.RLIMIT_FSIZE, (2**30, 2**30))
    twitch.expect("color", accepted=True, login="alice")
    assert len(twitch.entries("refresh", login="alice")) == 1
