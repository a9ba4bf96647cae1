"""The forkserver: what its children inherit, and that nothing depends on its life."""

import json
import os
import signal
import time

import psutil
import pytest

from supervisor import child as child_module
from supervisor import nursery as nursery_module
from supervisor.nursery import StartFailed, _forkserver_pid, _tracker_pid
from tests.supervisor.crew import PATIENCE, at_work, nursery


@pytest.fixture
def crew(tmp_path):
    with at_work(tmp_path, "alice", "bob") as crew:
        yield crew


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def new_forkserver(crew, old):
    return crew.until(lambda: (pid := _forkserver_pid()) != old and pid)


def test_a_worker_has_neither_our_variables_nor_our_code_nor_our_main_module(tmp_path, monkeypatch):
    monkeypatch.setenv("ROOST_TWITCH__CLIENT_SECRET", "s3cret")
    nursery().close()  # the next one is started from this environment
    with at_work(tmp_path, "alice") as crew:
        ok, text = crew.do("alice", "look")
        assert ok
        seen = json.loads(text)
        assert (seen["environment"], seen["rooms"]) == ([], [])
        assert seen["main"] is None
        assert seen["descriptors"] == 5  # the standard three, its link, its log
        for pid in (_forkserver_pid(), _tracker_pid(), crew.row("alice")["pid"]):
            assert "s3cret" not in str(psutil.Process(pid).environ())
    assert os.environ["ROOST_TWITCH__CLIENT_SECRET"] == "s3cret"


def test_the_preload_is_told_of_extra_certificates_and_of_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("ROOST_KEY", "s3cret")
    nursery().close()
    ours = nursery(ca_file=tmp_path / "ca.pem")
    ours.open()
    environment = {}
    while not environment:  # until it has become another program than we are
        environment = psutil.Process(_forkserver_pid()).environ()
    told = {name: value for name, value in environment.items() if name.startswith("ROOST_")}
    assert told.pop("ROOST_PRELOAD") == "tests.supervisor.tiny"
    assert told.pop("ROOST_PRELOAD_FAULT").endswith("/preload.fault")
    assert told == {"ROOST_PRELOAD_CA": str(tmp_path / "ca.pem")}
    assert nursery_module.CA_VARIABLE not in os.environ
    ours.close()


def test_a_package_called_worker_in_the_current_folder_is_not_taken_for_ours(tmp_path, monkeypatch):
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "__init__.py").write_text(f"open({str(tmp_path / 'taken')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    nursery().close()
    with at_work(tmp_path, "alice") as crew:
        crew.do("alice", "say", "hello")
        assert psutil.Process(_forkserver_pid()).environ()["PYTHONSAFEPATH"] == "1"
    assert not (tmp_path / "taken").exists()


def test_workers_survive_their_forkserver_and_the_next_start_uses_a_new_one(crew):
    pids = [row["pid"] for row in crew.supervisor.status()]
    old = _forkserver_pid()
    os.kill(old, signal.SIGKILL)
    crew.until(lambda: gone(old))
    assert crew.do("alice", "say", "still here") == (True, "still here")
    assert [row["pid"] for row in crew.supervisor.status()] == pids
    crew.supervisor.restart("bob")
    crew.until_replaced("bob", pids[1])
    assert _forkserver_pid() not in {None, old}


def test_a_worker_whose_forkserver_is_gone_is_still_watched_and_its_exit_code_known(crew):
    old = _forkserver_pid()
    os.kill(old, signal.SIGKILL)
    crew.until(lambda: gone(old))
    crew.supervisor.do("alice", "exit", ["78"], lambda ok, text: None)
    assert crew.until_state("FATAL", "alice")["exit"] == "exit 78 (misconfigured)"
    crew.until_replaced("bob", crew.kill("bob"))
    assert crew.records("worker died", user="bob", cause="SIGKILL")


def test_worker_and_forkserver_killed_at_the_same_moment(crew):
    for _ in range(5):
        pid = crew.row("alice")["pid"]
        for victim in (_forkserver_pid(), pid):
            os.kill(victim, signal.SIGKILL)
        crew.until_replaced("alice", pid)


def test_a_forkserver_that_dies_is_replaced_before_it_is_needed_if_it_had_stood(crew, monkeypatch):
    monkeypatch.setattr(nursery_module, "SETTLED_SECONDS", 0.0)
    old = _forkserver_pid()
    os.kill(old, signal.SIGKILL)
    assert new_forkserver(crew, old)


@pytest.fixture
def stopped(crew):
    """The forkserver, stopped, while alice works and bob rests."""
    crew.supervisor.stop("bob")
    crew.until_state("STOPPED", "bob")
    pid = _forkserver_pid()
    os.kill(pid, signal.SIGSTOP)
    yield pid
    if not gone(pid):
        os.kill(pid, signal.SIGCONT)


def test_nobody_waits_for_a_stopped_forkserver_but_who_is_to_be_born(crew, stopped):
    crew.supervisor.start("bob")
    assert crew.row("bob")["state"] == "STARTING"
    assert crew.do("alice", "say", "at work") == (True, "at work")
    assert psutil.Process(stopped).status() == psutil.STATUS_STOPPED
    os.kill(stopped, signal.SIGCONT)
    crew.until_state("RUNNING", "bob")
    assert _forkserver_pid() == stopped


def test_a_forkserver_that_does_not_answer_is_ended_and_replaced(crew, stopped, monkeypatch):
    monkeypatch.setattr(nursery_module, "ANSWER_SECONDS", 0.5)
    crew.supervisor.start("bob")
    crew.until_state("RUNNING", "bob")
    assert gone(stopped)
    assert crew.records("worker could not be started", user="bob")
    (told,) = crew.until(lambda: crew.records("forkserver died", forkserver_pid=stopped))
    assert told["cause"] == "SIGKILL: it was asked for a worker and did not answer"
    assert crew.row("alice")["restarts"] == 0


@pytest.mark.parametrize("order", ["stop", "restart"])
def test_whoever_is_told_to_leave_before_its_birth_leaves_after_it(crew, stopped, order):
    crew.supervisor.start("bob")
    getattr(crew.supervisor, order)("bob")
    assert crew.row("bob")["state"] == "STOPPING"
    os.kill(stopped, signal.SIGCONT)
    crew.until_state("STOPPED" if order == "stop" else "RUNNING", "bob")
    wanted = {row["pid"] for row in crew.supervisor.status() if row["pid"]}
    crew.until(lambda: {child.pid for child in psutil.Process(stopped).children()} == wanted)


def test_being_told_twice_to_stop_does_not_wait_for_the_unborn(crew, stopped):
    crew.supervisor.start("bob")
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGTERM)
    crew.until(lambda: crew.supervisor.is_over)
    assert gone(stopped)


def test_a_crowd_of_starts_without_an_answer_is_not_waited_for_either(monkeypatch):
    monkeypatch.setattr(nursery_module, "PRELOAD_SECONDS", 0.2)
    nursery().close()
    ours = nursery()
    ours.open()
    pid = _forkserver_pid()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(StartFailed, match=f"the forkserver .pid {pid}. did not answer for 0.2 s"):
        births = [ours.start("alice") for _ in range(1000)]  # noqa: F841
    ours.close()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit('no')", "SystemExit: no"),
    ],
)
def test_why_a_preload_fails_is_told_once_and_stands_in_the_status(tmp_path, monkeypatch, content, fault):
    (tmp_path / "faulty.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    nursery().close()
    with at_work(tmp_path, "alice", ready=False, preload="faulty") as crew:
        crew.until(lambda: crew.row("alice")["restarts"] == 3)
        assert fault in crew.until_state("BACKOFF")["reason"]
        crew.until(lambda: crew.records("forkserver died"))
        (told,) = crew.records("forkserver died")
        assert told["cause"] == f"exit 1 (crashed): {fault}"
        (tmp_path / "faulty.py").write_text("import tests.supervisor.tiny")
        crew.until_state("RUNNING")
    nursery().close()


def test_the_death_of_the_resource_tracker_is_mended(crew):
    old = _tracker_pid()
    os.kill(old, signal.SIGKILL)
    crew.until(lambda: gone(old) and _tracker_pid() != old)
    pid = crew.row("alice")["pid"]
    crew.supervisor.restart("alice")
    crew.until_replaced("alice", pid)


def test_strangers_left_to_us_are_collected(crew):
    before = {child.pid for child in psutil.Process().children()}  # with what other tests keep running
    pid = os.fork()
    if pid == 0:
        if os.fork() == 0:
            os.setsid()
        os._exit(3)  # both leave; the second one is ours by inheritance
    crew.until(lambda: not psutil.pid_exists(pid))
    crew.until(lambda: {child.pid for child in psutil.Process().children()} <= before)


def test_a_terminal_interrupt_and_hang_up_do_not_end_the_forkserver(crew):
    pid = _forkserver_pid()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        os.kill(pid, number)
    crew.until_replaced("alice", crew.kill("alice"))
    assert _forkserver_pid() == pid


def test_without_pidfd_deaths_are_seen_all_the_same(tmp_path, monkeypatch):
    def unavailable(pid):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(child_module.os, "pidfd_open", unavailable)
    with at_work(tmp_path, "alice", "bob") as crew:
        crew.until_replaced("alice", crew.kill("alice"))
        old = _forkserver_pid()
        os.kill(old, signal.SIGKILL)
        crew.until(lambda: gone(old))
        crew.until_replaced("bob", crew.kill("bob"))
        crew.supervisor.stop("bob")
        crew.until_state("STOPPED", "bob")


def test_a_death_that_nobody_reports_is_buried_without_its_exit_code(tmp_path, monkeypatch):
    monkeypatch.setattr("supervisor.staff.REPORT_SECONDS", 0.1)
    with at_work(tmp_path, "alice", "bob") as crew:
        stuck = _forkserver_pid()
        os.kill(stuck, signal.SIGSTOP)
        crew.until_replaced("alice", crew.kill("alice"))
        assert crew.records("worker died", cause="exit status unknown")
        assert gone(stuck)


def test_running_out_of_descriptors_is_a_failed_start(crew, monkeypatch):
    def none_left():
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(child_module, "pair", none_left)
    pid = crew.kill("alice")
    crew.until_state("BACKOFF", "alice")
    crew.until(lambda: "Too many open files" in (crew.row("alice")["reason"] or ""))
    monkeypatch.undo()
    crew.until_replaced("alice", pid)


def test_a_last_word_counts(crew):
    """What was said in the instant before the death is heard after it."""
    crew.supervisor.do("alice", "fail", ["1", "the very last"], lambda ok, text: None)
    crew.until(lambda: crew.records("worker died", reason="the very last"))


def test_closing_ends_both_processes_and_by_force_if_need_be(monkeypatch):
    monkeypatch.setattr(nursery_module, "FAREWELL_SECONDS", 0.2)
    ours = nursery()
    ours.open()
    pids = _forkserver_pid(), _tracker_pid()
    os.kill(pids[0], signal.SIGSTOP)
    ours.close()
    end = time.monotonic() + PATIENCE
    while not all(map(gone, pids)):
        assert time.monotonic() < end
    ours.close()
