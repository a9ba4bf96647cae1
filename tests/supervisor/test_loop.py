"""The supervisor keeps real worker processes alive, and takes orders about them."""

import functools
import os
import signal
import time

import psutil
import pytest

from supervisor.loop import Supervisor
from supervisor.policy import RestartPolicy
from supervisor.switchboard import Switchboard
from tests.supervisor.crew import Crew, at_work, broken, loaded, user


@pytest.fixture
def crew(tmp_path):
    with at_work(tmp_path, "alice", "bob") as crew:
        yield crew


# Lives.


def test_every_configured_user_gets_a_process_of_his_own(crew):
    alice, bob = crew.supervisor.status()
    assert (alice["name"], bob["name"]) == ("alice", "bob")
    assert alice["pid"] != bob["pid"]
    assert {"state": "RUNNING", "kind": "user", "restarts": 0, "reason": None}.items() <= alice.items()
    assert 0 <= alice["uptime"] < 10


def test_a_killed_worker_is_replaced_and_its_neighbour_never_notices(crew):
    neighbour = crew.row("bob")["pid"]
    for lives in range(1, 6):
        row = crew.until_replaced("alice", crew.kill("alice"))
        assert row["restarts"] == lives
    assert crew.row("bob")["pid"] == neighbour
    assert len(crew.records("worker died", user="alice", cause="SIGKILL")) == 5


def test_everybody_killed_at_once_is_replaced(tmp_path):
    names = [f"user{number}" for number in range(20)]
    with at_work(tmp_path, *names) as crew:
        before = {name: crew.kill(name) for name in names}
        for name, pid in before.items():
            crew.until_replaced(name, pid)


def test_what_was_counted_goes_on_counting_in_the_next_life(crew):
    crew.until(lambda: crew.row("alice")["counters"].get("lives") == 1)
    crew.until_replaced("alice", crew.kill("alice"))
    crew.until(lambda: crew.row("alice")["counters"].get("lives") == 2)


def test_what_a_worker_tells_is_shown(crew):
    crew.until(lambda: crew.row("alice")["phase"] == "listening")
    assert crew.row("alice")["detail"] == "at work"
    assert crew.row("alice")["facts"] == {"mode": "usual"}


@pytest.mark.parametrize(
    ("code", "cause"), [("77", "exit 77 (sign-in refused)"), ("78", "exit 78 (misconfigured)")]
)
def test_an_exit_that_needs_a_person_is_fatal_with_the_reason_the_worker_gave(crew, code, cause):
    crew.do("alice", "fail", code, "ask the streamer")
    row = crew.until_state("FATAL", "alice")
    assert (row["reason"], row["exit"], row["next_start_in"]) == ("ask the streamer", cause, None)
    assert crew.row("bob")["state"] == "RUNNING"


def test_a_worker_that_is_done_has_exited_and_stays_so(crew):
    crew.do("alice", "exit", "0")
    row = crew.until_state("EXITED", "alice")
    assert (row["pid"], row["phase"], row["exit"]) == (None, "", "exit 0 (done)")


def test_a_crash_waits_for_its_next_start_and_says_why(tmp_path):
    with at_work(tmp_path, "alice", backoff={"first": 300}) as crew:
        crew.do("alice", "fail", "1", "ValueError: what a day")
        row = crew.until_state("BACKOFF", "alice")
        assert row["reason"] == "ValueError: what a day"
        assert 0 <= row["next_start_in"] <= 300
        died = crew.records("worker died")[0]
        assert {"cause": "exit 1 (crashed)", "level": "warning"}.items() <= died.items()
        assert 0 <= died["next_in"] <= 300
        crew.supervisor.start("alice")
        assert crew.until_state("RUNNING", "alice")["restarts"] == 1


def test_too_many_deaths_in_the_window_are_given_up(tmp_path):
    with at_work(tmp_path, "alice", "bob", give_up={"deaths": 3}) as crew:
        for _ in range(2):
            crew.until_replaced("alice", crew.kill("alice"))
        crew.kill("alice")
        assert crew.until_state("FATAL", "alice")["reason"] == "SIGKILL"
        crew.supervisor.start("alice")
        crew.until_state("RUNNING", "alice")
        crew.until_replaced("alice", crew.kill("alice"))  # an operator's start forgives what was


def test_one_that_is_not_ready_in_time_is_killed_and_tried_again(tmp_path):
    with at_work(tmp_path, user("alice", "late"), ready=False, start_deadline_seconds=0.1) as crew:
        crew.until(lambda: crew.row("alice")["restarts"] >= 2)
        assert crew.records("worker died", cause="SIGKILL: not ready within 0.1 s")


def test_one_that_falls_silent_is_asked_to_leave_and_replaced(tmp_path):
    with at_work(tmp_path, user("alice", "silent"), "bob", silence_seconds=1.0) as crew:
        neighbour = crew.row("bob")["pid"]
        crew.until_replaced("alice", crew.row("alice")["pid"])
        died = crew.records("worker died", user="alice")[0]
        assert died["cause"].endswith(
            ": no beat for 1 s"
        )  # by the signal or by the link, whichever it met first
        assert crew.row("bob")["pid"] == neighbour


def test_one_that_hangs_and_is_deaf_is_killed_after_the_grace(tmp_path):
    with at_work(tmp_path, user("alice", "deaf"), silence_seconds=0.3, grace_seconds=0.1) as crew:
        crew.supervisor.do("alice", "hang", [], lambda ok, text: None)
        crew.until_replaced("alice", crew.row("alice")["pid"])
        assert crew.records("worker died", cause="SIGKILL: no beat for 0.3 s")


def test_one_that_closes_its_link_but_lives_on_is_ended_for_its_silence(tmp_path):
    with at_work(tmp_path, "alice", silence_seconds=0.3) as crew:
        crew.supervisor.do("alice", "shut-the-link", [], lambda ok, text: None)
        crew.until_replaced("alice", crew.row("alice")["pid"])


def test_a_stopped_process_can_be_ended_too(tmp_path):
    with at_work(tmp_path, "alice", silence_seconds=0.3, grace_seconds=0.1) as crew:
        crew.until_replaced("alice", crew.kill("alice", signal.SIGSTOP))


def test_a_sign_in_is_shown_until_the_worker_does_something_else(crew):
    crew.do("alice", "sign-in")
    crew.until(lambda: crew.row("alice")["sign_in"])
    assert crew.row("alice")["sign_in"] == {
        "url": "https://id.example/go",
        "code": "ABCD",
        "expires_at": 1.5,
        "why": "new here",
    }
    crew.do("alice", "phase", "connecting")
    crew.until(lambda: crew.row("alice")["phase"] == "connecting")
    assert crew.row("alice")["sign_in"] is None


def test_a_process_that_cannot_be_made_is_tried_again_later(tmp_path, monkeypatch):
    with at_work(tmp_path, "alice", "bob") as crew:
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()  # a process is started in the folder of its parent
        crew.kill("alice")
        crew.until_state("BACKOFF", "alice")
        crew.until(lambda: crew.records("worker could not be started", user="alice"))
        assert "FileNotFoundError" in crew.row("alice")["reason"]
        monkeypatch.chdir(tmp_path)
        crew.until_state("RUNNING", "alice")


def test_one_that_can_never_be_made_is_given_up_where_that_is_configured(tmp_path, monkeypatch):
    with at_work(tmp_path, "alice", give_up={"deaths": 3}) as crew:
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        crew.kill("alice")
        crew.until_state("FATAL", "alice")
        monkeypatch.chdir(tmp_path)


# What is written.


def test_what_a_worker_wrote_before_it_died_is_written_and_a_torn_record_is_marked(crew):
    crew.supervisor.do("alice", "write-and-die", ['{"event":"whole"}\n{"event":"hal'], lambda ok, text: None)
    crew.until(lambda: crew.records("torn log record"))
    assert len(crew.records("whole")) == 1
    torn = crew.records("torn log record")[0]
    assert torn["fragment"] == '{"event":"hal'
    assert (torn["user"], torn["level"]) == ("alice", "warning")


def test_every_change_of_state_is_logged_once(crew):
    crew.until_replaced("alice", crew.kill("alice"))
    changes = [
        (record["was"], record["state"]) for record in crew.records("worker state changed", user="alice")
    ]
    assert changes == [
        ("STOPPED", "STARTING"),
        ("STARTING", "RUNNING"),
        ("RUNNING", "BACKOFF"),
        ("BACKOFF", "STARTING"),
        ("STARTING", "RUNNING"),
    ]


def test_recent_records_of_a_worker_include_what_the_supervisor_says_of_it(crew):
    crew.do("alice", "write", '{"ts":"2026-01-01T00:00:00.000Z","level":"info","event":"hello"}\n')
    crew.until(lambda: any(b"hello" in line for line in crew.supervisor.recent(["alice"], 10)))
    lines = crew.supervisor.recent(["alice"], 10)
    assert any(b"worker state changed" in line for line in lines)
    assert lines == sorted(lines, key=lambda line: line[7:31])
    assert not any(b"hello" in line for line in crew.supervisor.recent(["bob"], 10))


def test_a_follower_hears_of_the_workers_it_follows_until_it_leaves(crew):
    heard = []
    leave = crew.supervisor.follow(["alice"], heard.append)
    crew.do("alice", "write", "from alice\n")
    crew.do("bob", "write", "from bob\n")
    crew.until(lambda: heard)
    leave()
    crew.do("alice", "write", "again\n")
    crew.until(lambda: b"again\n" in crew.supervisor.recent(["alice"], 99))
    assert b"".join(heard) == b"from alice\n"


# Orders.


def test_stop_and_start(crew):
    crew.supervisor.stop("alice")
    assert crew.row("alice")["state"] == "STOPPING"
    row = crew.until_state("STOPPED", "alice")
    assert (row["pid"], row["reason"]) == (None, None)
    crew.supervisor.stop("alice")
    assert crew.row("alice")["state"] == "STOPPED"
    crew.supervisor.start("alice")
    assert crew.row("alice")["state"] == "STARTING"
    crew.until_state("RUNNING", "alice")
    pid = crew.row("alice")["pid"]
    crew.supervisor.start("alice")
    assert crew.row("alice")["pid"] == pid


def test_restart_makes_another_process(crew):
    pid = crew.row("alice")["pid"]
    crew.supervisor.restart("alice")
    row = crew.until_replaced("alice", pid)
    assert row["restarts"] == 0  # nothing was wrong with it
    crew.supervisor.stop("alice")
    crew.until_state("STOPPED", "alice")
    crew.supervisor.restart("alice")
    crew.until_state("RUNNING", "alice")


def test_the_last_of_contrary_orders_counts(crew):
    pid = crew.row("alice")["pid"]
    crew.supervisor.stop("alice")
    crew.supervisor.start("alice")
    crew.until_replaced("alice", pid)
    crew.supervisor.restart("alice")
    crew.supervisor.stop("alice")
    crew.until_state("STOPPED", "alice")
    crew.supervisor.turn(at_most=0.05)
    assert crew.row("alice")["state"] == "STOPPED"


def test_one_that_waits_for_its_next_start_can_be_stopped(tmp_path, monkeypatch):
    unlucky = functools.partial(RestartPolicy, jitter=lambda low, high: high)
    monkeypatch.setattr("supervisor.staff.RestartPolicy", unlucky)
    with at_work(tmp_path, "alice", backoff={"first": 0.05, "cap": 0.05}) as crew:
        crew.kill("alice")
        crew.until_state("BACKOFF", "alice")
        crew.supervisor.stop("alice")
        assert crew.row("alice")["state"] == "STOPPED"
        end = time.monotonic() + 0.1
        crew.supervisor.call_at(end, lambda: None)
        crew.until(lambda: time.monotonic() > end)
        assert crew.row("alice")["state"] == "STOPPED"


def test_an_unknown_name_is_a_key_error(crew):
    for order in (crew.supervisor.start, crew.supervisor.stop, crew.supervisor.restart):
        with pytest.raises(KeyError, match="nobody"):
            order("nobody")
    with pytest.raises(KeyError, match="nobody"):
        crew.supervisor.status(["nobody"])


def test_an_order_is_passed_on_and_its_answer_back(crew):
    assert crew.do("alice", "say", "blue", "please") == (True, "blue please")
    assert crew.do("alice", "refuse") == (False, "not today")


def test_an_order_is_answered_also_when_its_worker_dies_or_is_not_there(crew):
    ok, text = crew.do("alice", "exit", "0")
    assert (ok, text) == (False, "it left before it had answered")
    ok, text = crew.do("alice", "say")
    assert not ok
    assert "alice is EXITED" in text


def test_an_order_that_is_not_answered_in_time_is_answered_for_it(crew, monkeypatch):
    monkeypatch.setattr("supervisor.staff.ORDER_SECONDS", 0.05)
    ok, text = crew.do("alice", "mumble")
    assert not ok
    assert "not answered in time" in text


def test_an_order_to_one_who_does_not_read_is_refused_at_once(crew):
    crew.kill("alice", signal.SIGSTOP)
    answers = []
    for _ in range(2000):
        crew.supervisor.do("alice", "say", ["x" * 1000], lambda ok, text: answers.append(text))
        if answers:
            break
    assert "too busy" in answers[0]
    crew.kill("alice", signal.SIGCONT)


def test_health_asks_that_everybody_runs_or_waits_for_a_person_to_sign_in(crew):
    assert crew.supervisor.health() == (True, "2 of 2 workers are running")
    crew.do("alice", "fail", "77", "revoked")
    crew.until_state("FATAL", "alice")
    assert crew.supervisor.health() == (True, "1 of 2 workers are running")
    crew.do("bob", "fail", "78", "no client id")
    crew.until_state("FATAL", "bob")
    assert crew.supervisor.health() == (False, "0 of 2 workers are running; bob: FATAL (no client id)")


def test_info_says_who_we_are(crew):
    info = crew.supervisor.info()
    assert info["pid"] == os.getpid()
    assert info["config"] is None
    assert abs(info["started_at"] - time.time()) < 60


# Configuration.


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


# The end, and the idle.


def test_everybody_is_stopped_at_once_and_the_deaf_are_killed_after_the_grace(tmp_path):
    people = [user(f"deaf{number}", "deaf") for number in range(3)]
    with at_work(tmp_path, *people, "alice", grace_seconds=0.2) as crew:
        begin = time.monotonic()
        crew.supervisor.shutdown()
        crew.until(lambda: crew.supervisor.is_over)
        assert time.monotonic() - begin < 2
        assert len(crew.records("worker left", cause="SIGKILL: the supervisor is stopping")) == 3
        assert all(row["state"] == "STOPPED" for row in crew.supervisor.status())


def test_nobody_is_started_once_the_end_has_begun(crew, tmp_path):
    crew.kill("alice")
    crew.supervisor.shutdown()
    crew.supervisor.shutdown()
    crew.supervisor.start("alice")
    crew.reload(loaded(tmp_path, "alice", "bob", "carol"))
    crew.until(lambda: crew.supervisor.is_over)
    assert all(row["pid"] is None for row in crew.supervisor.status())


def test_what_cannot_be_killed_is_left_behind(crew, monkeypatch, tmp_path):
    monkeypatch.setattr("supervisor.loop.UNKILLABLE_SECONDS", 0.05)
    crew.reload(loaded(tmp_path, user("alice", "deaf"), "bob", grace_seconds=0.0))
    crew.until_state("RUNNING", "alice")
    # The kernel lets nothing be unkillable for a test: here nobody tells of the deaths.
    for seat in crew.supervisor._staff.seats.values():
        for fd in list(seat.child._watched):
            seat.child._unwatch(fd)
    crew.supervisor.shutdown()
    crew.until(lambda: crew.supervisor.is_over)
    left_behind = crew.records("workers that cannot even be killed are left behind")[0]
    assert sorted(left_behind["names"]) == ["alice", "bob"]
    for name in ("alice", "bob"):
        crew.supervisor._staff.seats[name].child.note_exit(0)
    crew.supervisor.turn(at_most=0)


def test_with_nothing_due_the_loop_does_not_turn(tmp_path):
    with at_work(tmp_path, "alice", silence_seconds=3000) as crew:
        crew.until(lambda: crew.row("alice")["phase"] == "listening")
        turned = []
        begin = time.process_time()
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            crew.supervisor.turn(at_most=end - time.monotonic())
            turned.append(1)
        assert len(turned) <= 3
        assert time.process_time() - begin < 0.1


def test_moments_come_in_their_order_and_one_that_a_moment_adds_waits_for_the_next_turn():
    board, heard = Switchboard(), []
    now = time.monotonic()
    board.call_at(now - 1, lambda: heard.append("second"))
    board.call_at(
        now - 2, lambda: (heard.append("first"), board.call_at(now - 3, lambda: heard.append("third")))
    )
    board.ring_the_due()
    assert heard == ["first", "second"]
    board.wait()
    board.ring_the_due()
    assert heard == ["first", "second", "third"]
    board.close()


def test_a_descriptor_that_a_callback_closed_is_not_called_any_more():
    board, heard = Switchboard(), []
    pipes = [os.pipe(), os.pipe()]

    def hear(reader, other):
        heard.append(reader)
        board.unwatch(other)

    for (reader, writer), (other, _) in zip(pipes, reversed(pipes), strict=True):
        os.write(writer, b"!")
        board.watch_descriptor(reader, 1, lambda reader=reader, other=other: hear(reader, other))
    board.wait()
    assert len(heard) == 1
    board.close()
    for fd in (*pipes[0], *pipes[1]):
        os.close(fd)


def test_the_supervisor_is_the_house_of_the_control_socket(crew):
    orders = {
        *("names", "info", "status", "start", "stop", "restart", "reload", "shutdown", "do", "health"),
        *("recent", "follow", "watch_descriptor", "unwatch", "call_at"),
    }
    assert all(callable(getattr(crew.supervisor, order)) for order in orders)
    assert isinstance(crew.supervisor, Supervisor)
