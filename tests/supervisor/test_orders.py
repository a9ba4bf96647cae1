"""What an operator asks of the supervisor, and what is there to read of its workers."""

import functools
import os
import signal
import time

import pytest

from supervisor.loop import Supervisor
from supervisor.policy import RestartPolicy
from tests.supervisor.crew import at_work


@pytest.fixture
def crew(tmp_path):
    with at_work(tmp_path, "alice", "bob") as crew:
        yield crew


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


def test_the_supervisor_is_the_house_of_the_control_socket(crew):
    orders = {
        *("names", "info", "status", "start", "stop", "restart", "reload", "shutdown", "do", "health"),
        *("recent", "follow", "watch_descriptor", "unwatch", "call_at"),
    }
    assert all(callable(getattr(crew.supervisor, order)) for order in orders)
    assert isinstance(crew.supervisor, Supervisor)
