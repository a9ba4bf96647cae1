"""Signals are noted at once and obeyed by the loop; a death is told in words."""

import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.exits import Exit
from supervisor.causes import cause_of_death, needs_a_person
from supervisor.oom import OF_ANYBODY, OF_OURS, OomKills
from supervisor.signals import Signals
from tests.supervisor.crew import at_work, broken, loaded


def test_signals_are_listed_in_their_order_and_only_those_that_we_take():
    before = signal.getsignal(signal.SIGHUP)
    with Signals() as signals:
        assert signals.take() == []
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        assert signals.take() == [signal.SIGHUP, signal.SIGTERM, signal.SIGHUP]
        assert signals.take() == []
    assert signal.getsignal(signal.SIGHUP) == before
    assert signal.set_wakeup_fd(-1) == -1


def ourselves(crew, number):
    os.kill(os.getpid(), number)
    crew.supervisor.turn(at_most=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_and_the_second_insists(tmp_path, number):
    from tests.supervisor.crew import user  # noqa: PLC0415

    with at_work(tmp_path, user("alice", "deaf"), "bob", grace_seconds=60) as crew:
        ourselves(crew, number)
        crew.until_state("STOPPED", "bob")
        assert crew.row("alice")["state"] == "STOPPING"
        ourselves(crew, number)
        crew.until(lambda: crew.supervisor.is_over)
        assert crew.records("worker left", user="alice")[0]["cause"].startswith("SIGKILL")


def test_a_hang_up_loads_the_configuration_again(tmp_path):
    with at_work(tmp_path, "alice") as crew:
        crew.next_configuration = loaded(tmp_path, "alice", "bob")
        ourselves(crew, signal.SIGHUP)
        crew.until_state("RUNNING", "bob")
        crew.next_configuration = broken("no")
        ourselves(crew, signal.SIGHUP)
        assert crew.records("configuration refused: the old one stays in force", faults=["no"])


def test_sigusr1_opens_the_log_file_anew(tmp_path):
    with at_work(tmp_path, "alice") as crew:
        crew.log_file.rename(tmp_path / "rotated")
        ourselves(crew, signal.SIGUSR1)
        crew.do("alice", "write", "after the rotation\n")
        crew.until(lambda: b"after the rotation" in crew.log_file.read_bytes())
        crew.log_file.unlink()
        crew.log_file.mkdir()
        ourselves(crew, signal.SIGUSR1)
        assert any(b"log file cannot be reopened" in line for line in crew.supervisor.recent(None, 5))


@pytest.mark.parametrize(
    ("code", "because", "memory", "words"),
    [
        (0, None, None, "exit 0 (done)"),
        (69, None, None, "exit 69 (platform unavailable for too long)"),
        (3, None, None, "exit 3"),
        (-9, None, None, "SIGKILL"),
        (-9, None, OF_OURS, "SIGKILL: out of memory"),
        (-15, "no beat for 30 s", None, "SIGTERM: no beat for 30 s"),
        (-250, None, None, "signal 250"),
        (None, None, None, "exit status unknown"),
    ],
)
def test_every_death_has_words(code, because, memory, words):
    assert cause_of_death(code, because, memory) == words


@given(st.none() | st.integers(-300, 300))
def test_only_two_exit_codes_need_a_person(code):
    assert needs_a_person(code) == (code in {Exit.SIGN_IN_REFUSED, Exit.MISCONFIGURED})


def test_the_kernel_is_asked_whether_memory_ran_out_for_our_own_group(tmp_path):
    group = tmp_path / "cgroup" / "roost.service"
    group.mkdir(parents=True)
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text("1:name=systemd:/\n0::/roost.service\n")
    events = group / "memory.events"
    events.write_text("low 0\nhigh 0\nmax 4\noom 2\noom_kill 2\n")
    kills = OomKills(tmp_path, tmp_path / "cgroup")
    assert kills.verdict() is None
    events.write_text("low 0\nhigh 0\nmax 5\noom 3\noom_kill 3\n")
    assert kills.verdict() == OF_OURS
    assert kills.verdict() is None


def test_without_a_group_of_our_own_the_count_of_the_machine_is_a_hint(tmp_path):
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text("0::/\n")
    (tmp_path / "vmstat").write_text("nr_free_pages 1\noom_kill 7\n")
    kills = OomKills(tmp_path, tmp_path)
    (tmp_path / "vmstat").write_text("nr_free_pages 1\noom_kill 8\n")
    assert kills.verdict() == OF_ANYBODY


def test_a_kernel_that_tells_nothing_is_believed_nothing(tmp_path):
    assert OomKills(tmp_path, tmp_path).verdict() is None
    (tmp_path / "vmstat").write_text("nr_free_pages 1\n")
    assert OomKills(tmp_path, tmp_path).verdict() is None


def test_a_kill_for_want_of_memory_is_told_as_such(tmp_path):
    with at_work(tmp_path, "alice") as crew:
        (tmp_path / "vmstat").write_text("oom_kill 1\n")
        crew.supervisor._staff._oom = OomKills(tmp_path, tmp_path)
        (tmp_path / "vmstat").write_text("oom_kill 2\n")
        crew.until_replaced("alice", crew.kill("alice"))
        assert crew.records("worker died")[0]["cause"] == f"SIGKILL: {OF_ANYBODY}"
