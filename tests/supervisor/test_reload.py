"""A new configuration touches only what it changes."""

import psutil
import pytest

from tests.supervisor.crew import Crew, at_work, broken, loaded, user


@pytest.fixture
def crew(tmp_path):
    with at_work(tmp_path, "alice", "bob") as crew:
        yield crew


def test_a_reload_touches_only_what_changed(crew, tmp_path):
    pids = {row["name"]: row["pid"] for row in crew.supervisor.status()}
    crew.until(lambda: crew.row("bob")["counters"].get("lives") == 1)
    changed = user("bob", "newly")
    answer = crew.reload(loaded(tmp_path, "carol", "alice", changed))
    assert answer == {
        "ok": True,
        "faults": [],
        "started": ["carol"],
        "stopped": [],
        "restarted": ["bob"],
        "kept": 1,
    }
    assert crew.supervisor.names() == ["carol", "alice", "bob"]
    crew.until_state("RUNNING", "carol")
    crew.until_replaced("bob", pids["bob"])
    crew.until(lambda: crew.row("bob")["facts"] == {"mode": "newly"})
    assert crew.row("bob")["counters"]["lives"] == 2
    assert crew.row("alice")["pid"] == pids["alice"]


def test_a_user_who_is_removed_is_stopped_and_forgotten(crew, tmp_path):
    pid = crew.row("bob")["pid"]
    assert crew.reload(loaded(tmp_path, "alice"))["stopped"] == ["bob"]
    assert crew.row("bob")["state"] == "STOPPING"
    crew.until(lambda: crew.supervisor.names() == ["alice"])
    assert not psutil.pid_exists(pid)


def test_a_user_who_is_removed_and_comes_back_at_once_is_started_again(crew, tmp_path):
    pid = crew.row("bob")["pid"]
    crew.reload(loaded(tmp_path, "alice"))
    assert crew.reload(loaded(tmp_path, "alice", "bob"))["started"] == ["bob"]
    crew.until_replaced("bob", pid)


def test_a_resting_worker_is_forgotten_at_once_when_removed(crew, tmp_path):
    crew.supervisor.stop("bob")
    crew.until_state("STOPPED", "bob")
    crew.reload(loaded(tmp_path, "alice"))
    assert crew.supervisor.names() == ["alice"]


def test_an_invalid_configuration_is_reported_and_the_old_one_stays(crew):
    pids = [row["pid"] for row in crew.supervisor.status()]
    answer = crew.reload(broken("roost.toml: one", "roost.toml: two"))
    assert (answer["ok"], answer["faults"], answer["kept"]) == (
        False,
        ["roost.toml: one", "roost.toml: two"],
        2,
    )
    assert [row["pid"] for row in crew.supervisor.status()] == pids
    assert len(crew.records("configuration refused: the old one stays in force")) == 1


def test_a_fault_of_ours_in_reading_the_configuration_costs_nobody_the_worker(crew):
    answer = crew.reload(ZeroDivisionError("oh dear"))
    assert answer["faults"] == ["ZeroDivisionError: oh dear"]
    assert crew.row("alice")["state"] == "RUNNING"


@pytest.mark.parametrize(("code", "state"), [("78", "FATAL"), ("0", "EXITED")])
def test_one_that_had_ended_tries_again_with_new_settings_and_only_then(crew, tmp_path, code, state):
    crew.do("alice", "exit", code)
    crew.until_state(state, "alice")
    assert crew.reload(loaded(tmp_path, "alice", "bob"))["started"] == []
    assert crew.row("alice")["state"] == state
    assert crew.reload(loaded(tmp_path, user("alice", "newly"), "bob"))["started"] == ["alice"]
    crew.until_state("RUNNING", "alice")


def test_one_that_an_operator_stopped_stays_so_over_a_reload_and_has_the_new_settings_later(crew, tmp_path):
    crew.supervisor.stop("alice")
    crew.until_state("STOPPED", "alice")
    crew.reload(loaded(tmp_path, user("alice", "newly"), "bob"))
    crew.supervisor.turn(at_most=0)
    assert crew.row("alice")["state"] == "STOPPED"
    crew.supervisor.start("alice")
    crew.until(lambda: crew.row("alice")["facts"] == {"mode": "newly"})


def test_a_user_who_cannot_be_served_is_fatal_with_the_reason_and_served_when_corrected(tmp_path):
    with at_work(tmp_path, "bob") as crew:
        crew.reload(loaded(tmp_path, "bob", rejected={"alice": "channels: not a list"}))
        row = crew.row("alice")
        assert (row["state"], row["reason"], row["pid"]) == ("FATAL", "channels: not a list", None)
        crew.supervisor.start("alice")
        assert crew.row("alice")["state"] == "FATAL"
        crew.reload(loaded(tmp_path, "bob", rejected={"alice": "still not"}))
        assert crew.row("alice")["reason"] == "still not"
        assert crew.reload(loaded(tmp_path, "alice", "bob"))["started"] == ["alice"]
        crew.until_state("RUNNING", "alice")
        crew.reload(loaded(tmp_path, "bob", rejected={"alice": "wrong again"}))
        assert crew.until_state("FATAL", "alice")["reason"] == "wrong again"
        crew.reload(loaded(tmp_path, "bob"))
        assert crew.supervisor.names() == ["bob"]


def test_new_rules_are_in_force_at_once_without_touching_a_worker(crew, tmp_path):
    pids = [row["pid"] for row in crew.supervisor.status()]
    answer = crew.reload(loaded(tmp_path, "alice", "bob", give_up={"deaths": 1}))
    assert answer["kept"] == 2
    assert [row["pid"] for row in crew.supervisor.status()] == pids
    crew.kill("alice")
    crew.until_state("FATAL", "alice")


def test_what_cannot_change_while_we_run_is_said(crew, tmp_path):
    nowhere = tmp_path / "nowhere"
    other = loaded(tmp_path / "elsewhere", "alice", "bob", log={"file": nowhere / "roost.log"})
    answer = crew.reload(other)
    assert not answer["ok"]
    assert any("nowhere/roost.log: No such file" in fault for fault in answer["faults"])
    assert any("runtime_dir: takes effect when" in fault for fault in answer["faults"])
    nowhere.mkdir()
    assert crew.reload(other)["ok"]  # the remedy is tried as soon as it is asked for
    assert (nowhere / "roost.log").exists()


def test_the_log_moves_to_the_file_that_a_reload_names(crew, tmp_path):
    crew.reload(loaded(tmp_path, "alice", "bob", log={"file": tmp_path / "other.log"}))
    crew.do("alice", "write", "over here\n")
    crew.until(lambda: b"over here" in (tmp_path / "other.log").read_bytes())
    assert b"over here" not in crew.log_file.read_bytes()


def test_a_changed_file_is_loaded_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr("supervisor.loop.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("supervisor.watch.SETTLE_SECONDS", 0.02)
    path = tmp_path / "roost.toml"
    path.write_text("one")
    crew = Crew(tmp_path, loaded(tmp_path, path=path, watch=True))
    crew.supervisor.open()
    crew.next_configuration = loaded(tmp_path, "alice", path=path)  # watched no longer
    path.write_text("another")
    crew.until(lambda: crew.supervisor.names() == ["alice"])
    crew.until_state("RUNNING", "alice")
    crew.next_configuration = loaded(tmp_path, "alice", "bob", path=path, watch=True)
    crew.supervisor.reload()
    crew.until_state("RUNNING", "bob")
    crew.next_configuration = loaded(tmp_path, path=path)
    path.write_text("one more")
    crew.until(lambda: crew.supervisor.names() == [])
    crew.supervisor.shutdown()
    assert crew.supervisor.is_over
    crew.supervisor.close()
    crew.journal.close()
