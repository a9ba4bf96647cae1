"""The supervisor keeps real worker processes alive, and ends them when it is told to end."""

import signal
import time

import pytest

from tests.supervisor.crew import at_work, loaded, user


@pytest.fixture
def crew(tmp_path):
    with at_work(tmp_path, "alice", "bob") as crew:
        yield crew


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
