"""The control socket as its clients meet it: a real socket, a real loop, a plain house behind it."""

import contextlib
import errno
import json
import os
import resource
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import ConfigurationFault
from supervisor.premises import Premises
from supervisor.protocol import LARGEST_BACKLOG, LONGEST_REQUEST
from tests.supervisor.house import PATIENCE, House, living, row, short_directory, wait_for


@pytest.fixture
def place():
    with short_directory() as directory:
        yield directory / "run"


@pytest.fixture
def house(place):
    with living(House("alice", "bob"), place) as house:
        yield house


class Caller:
    """A client that says exactly what it is told to, byte for byte."""

    def __init__(self, place: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(place / "control.sock"))
        self._file = self.sock.makefile("rb")

    def say(self, **fields):
        self.sock.sendall(json.dumps(fields).encode() + b"\n")

    def hear(self):
        return json.loads(self.line())

    def line(self):
        with contextlib.suppress(ConnectionResetError):
            return self._file.readline()
        return b""

    def ask(self, **fields):
        self.say(**fields)
        return self.hear()

    def close(self):
        self._file.close()
        self.sock.close()


@pytest.fixture
def call(house, place):
    with contextlib.ExitStack() as callers:

        def call() -> Caller:
            caller = Caller(place)
            callers.callback(caller.close)
            return caller

        yield call


def test_the_socket_is_for_its_owner_alone(house, place):
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE((place / "control.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE((place / "roost.lock").stat().st_mode) == 0o600


def test_status_gives_the_rows_asked_for(call):
    caller = call()
    assert [row["name"] for row in caller.ask(op="status", id="a")["workers"]] == ["alice", "bob"]
    answer = caller.ask(op="status", id=7, names=["bob"])
    assert answer == {"id": 7, "ok": True, "workers": [row("bob")]}


def test_questions_about_the_supervisor_are_answered(call):
    caller = call()
    assert caller.ask(op="pid") == {"id": None, "ok": True, "pid": os.getpid()}
    assert caller.ask(op="info")["version"] == "0.1.0"
    assert caller.ask(op="health") == {
        "id": None,
        "ok": True,
        "healthy": True,
        "reason": "2 of 2 workers are running",
    }


@pytest.mark.parametrize("order", ["start", "stop", "restart"])
def test_an_order_reaches_the_house_and_the_log_says_who_gave_it(house, call, order):
    assert call().ask(op=order, name="alice") == {"id": None, "ok": True}
    assert house.orders == [(order, "alice")]
    record = json.loads(house.complaints[-1])
    assert record["event"] == "order received"
    assert (record["order"], record["user"], record["by_pid"]) == (order, "alice", os.getpid())


def test_reload_answers_what_it_did(house, call):
    assert call().ask(op="reload")["reload"] == house.reloaded


@pytest.mark.parametrize(
    "request_",
    [
        {"op": "start", "name": "carol"},
        {"op": "status", "names": ["alice", "carol"]},
        {"op": "tail", "names": ["carol"]},
        {"op": "do", "name": "carol", "action": "color"},
    ],
)
def test_a_name_nobody_has_is_answered_with_the_names_there_are(call, house, request_):
    answer = call().ask(**request_)
    assert answer["code"] == "no-such-name"
    assert answer["error"] == "nobody here is called 'carol': there is alice, bob"
    assert house.orders == []


def test_a_long_list_of_names_is_cut_short(house, call):
    house.visit(lambda: house.rows.update({f"user{number}": row(f"user{number}") for number in range(30)}))
    assert call().ask(op="stop", name="carol")["error"].endswith("and 12 more")


def test_an_order_to_a_worker_is_answered_when_the_worker_has_answered(house, call):
    house.answers["alice"] = (True, "color changes are on")
    house.answers["bob"] = (False, "there is no color 'blurple'")
    caller = call()
    answer = caller.ask(op="do", id=1, name="alice", action="color", args=["on"])
    assert answer == {"id": 1, "ok": True, "text": "color changes are on"}
    answer = caller.ask(op="do", id=2, name="bob", action="color", args=["set", "blurple"])
    assert answer == {"id": 2, "ok": False, "code": "refused", "error": "there is no color 'blurple'"}
    assert house.orders == [("do", "alice", "color", "on"), ("do", "bob", "color", "set", "blurple")]


def test_a_worker_may_answer_after_the_operator_has_left(place):
    answers, house = [], House("alice")
    house.do = lambda name, action, args, answer: answers.append(answer)
    with living(house, place, idle_seconds=0.1):
        gone, patient = Caller(place), Caller(place)
        for caller in (gone, patient):
            caller.say(op="do", name="alice", action="color")
        wait_for(lambda: len(answers) == 2, "the orders arrive")
        gone.close()
        house.visit(lambda: answers[0](True, "nobody hears it"))
        assert patient.line() == b""
        house.visit(lambda: answers[1](True, "too late"))
        patient.close()
        caller = Caller(place)
        assert caller.ask(op="pid")["ok"]
        caller.close()


def test_requests_sent_at_once_are_answered_in_order(call):
    caller = call()
    caller.sock.sendall(b"".join(b'{"op": "pid", "id": %d}\n' % number for number in range(2000)))
    assert [caller.hear()["id"] for _ in range(2000)] == list(range(2000))


def test_a_question_sent_with_the_goodbye_is_answered(call):
    caller = call()
    caller.say(op="pid")
    caller.sock.shutdown(socket.SHUT_WR)
    assert caller.hear()["ok"]
    assert caller.line() == b""


def test_garbage_is_refused_and_the_next_request_understood(call):
    caller = call()
    caller.sock.sendall(b"\x00\xff garbage\n\n")
    assert caller.hear()["code"] == "bad-request"
    assert caller.ask(op="pid")["ok"]


def test_a_request_that_never_ends_is_refused_and_the_client_hung_up_on(call):
    caller = call()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        caller.sock.sendall(b"x" * (LONGEST_REQUEST + 200_000))
    assert str(LONGEST_REQUEST) in caller.hear()["error"]
    assert caller.line() == b""


def test_a_fault_in_answering_is_told_and_logged_and_the_house_lives_on(house, call):
    def fail(*_):
        raise ZeroDivisionError

    house.status = house.do = fail
    caller = call()
    assert caller.ask(op="status")["code"] == "broken"
    assert caller.ask(op="do", name="alice", action="color")["code"] == "broken"
    assert "ZeroDivisionError" in json.loads(house.complaints[0])["traceback"]
    assert caller.ask(op="pid")["ok"]


def test_tail_gives_the_newest_records_as_they_were_written(house, call):
    house.records = [b'{"event":"%d"}\n' % number for number in range(5)]
    caller = call()
    assert caller.ask(op="tail", lines=2) == {"id": None, "ok": True, "lines": 2}
    assert [caller.line(), caller.line()] == [b'{"event":"3"}\n', b'{"event":"4"}\n']
    assert caller.ask(op="pid")["ok"]


def test_a_follower_hears_what_is_new_until_it_leaves(house, call):
    house.records = [b'{"event":"old"}']
    caller = call()
    assert caller.ask(op="tail", follow=True)["lines"] == 1
    assert caller.line() == b'{"event":"old"}\n'
    house.visit(lambda: house.write(b'{"event":"one"}\n{"event":"two"}\n'))
    assert [caller.line(), caller.line()] == [b'{"event":"one"}\n', b'{"event":"two"}\n']
    caller.close()
    wait_for(lambda: not house.followers, "the follower is forgotten")


def test_a_follower_who_speaks_is_hung_up_on(house, call):
    caller = call()
    caller.ask(op="tail", follow=True, lines=0)
    caller.say(op="pid")
    assert caller.line() == b""
    assert not house.followers


def test_a_follower_who_does_not_read_loses_records_and_is_told_how_many_and_where(house, call):
    """The supervisor keeps a bounded backlog for it and goes on with everybody else."""
    caller, big, written = call(), b'{"event":"%s"}\n' % (b"x" * 1000), 4000
    caller.ask(op="tail", follow=True, lines=0)
    for _ in range(written // 20):
        house.visit(lambda: house.write(big * 20))
    assert call().ask(op="pid")["ok"]

    received, dropped = 0, 0
    while not dropped:
        found = caller.hear()
        received += "event" in found
        dropped += found.get("dropped", 0)
    house.visit(lambda: house.write(b'{"event":"news"}\n'))
    assert received + dropped == written
    assert received * len(big) < LARGEST_BACKLOG + 1_000_000  # what the kernel holds comes on top
    assert caller.hear() == {"event": "news"}


def test_a_client_that_never_reads_its_answers_holds_up_nobody(house, call):
    house.visit(lambda: house.rows.update({f"u{n}": row(f"u{n}", detail="x" * 1000) for n in range(500)}))
    rude = call()
    rude.sock.sendall(b'{"op": "status"}\n' * 2000)
    for _ in range(20):
        assert call().ask(op="pid")["ok"]
    rude.sock.settimeout(0.05)
    with contextlib.suppress(TimeoutError):
        rude.sock.sendall(b'{"op": "status"}\n' * 100_000)
        pytest.fail("the supervisor took in what it cannot answer")
    assert call().ask(op="pid")["ok"]


def test_whoever_connects_when_there_are_enough_is_told_so(place):
    with living(House("alice"), place, most_connections=2), contextlib.ExitStack() as callers:
        first, second, third = (Caller(place) for _ in range(3))
        for caller in (first, second, third):
            callers.callback(caller.close)
        assert third.hear()["code"] == "busy"
        assert third.line() == b""
        assert first.ask(op="pid")["ok"]
        second.close()
        wait_for(lambda: _is_let_in(place), "there is room again")


def _is_let_in(place: Path) -> bool:
    caller = Caller(place)
    try:
        return caller.ask(op="pid")["ok"]
    except BrokenPipeError:
        return False
    finally:
        caller.close()


def test_the_silent_are_hung_up_on_and_a_follower_with_nothing_to_hear_is_not(place):
    with living(House("alice"), place, idle_seconds=0.2) as house:
        silent, follower, waiting = Caller(place), Caller(place), Caller(place)
        follower.ask(op="tail", follow=True, lines=0)
        waiting.say(op="do", name="alice", action="never answered")
        assert silent.line() == b""
        assert waiting.line() == b""
        house.visit(lambda: house.write(b'{"event":"still here"}\n'))
        assert follower.hear() == {"event": "still here"}
        for caller in (silent, follower, waiting):
            caller.close()


def test_without_descriptors_the_loop_does_not_spin_and_the_caller_is_served_later(place, monkeypatch):
    monkeypatch.setattr("supervisor.control.ACCEPT_PAUSE", 0.05)
    with living(House("alice"), place) as house:
        caller = Caller.__new__(Caller)
        caller.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        caller.sock.settimeout(PATIENCE)
        caller._file = caller.sock.makefile("rb")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (_highest_descriptor() + 1, hard))
        spare = []
        try:
            with contextlib.suppress(OSError):
                while True:
                    spare.append(os.dup(0))
            caller.sock.connect(str(place / "control.sock"))
            wait_for(lambda: house.complaints, "the supervisor complains")
        finally:
            for descriptor in spare:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert caller.ask(op="pid")["ok"]
        assert os.strerror(errno.EMFILE) in json.loads(house.complaints[0])["error"]
        caller.close()


def _highest_descriptor() -> int:
    return max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208  names, not paths


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a stranger")
def test_a_stranger_is_turned_away_even_if_the_directory_lets_it_in(house, place):
    place.parent.chmod(0o755)
    place.chmod(0o755)
    (place / "control.sock").chmod(0o666)
    code = (
        "import os, socket; os.setuid(65534); s = socket.socket(socket.AF_UNIX);"
        f"s.connect({str(place / 'control.sock')!r}); print(s.makefile().read())"
    )
    stranger = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=PATIENCE)
    assert json.loads(stranger.stdout)["code"] == "forbidden"
    assert json.loads(house.complaints[-1])["uid"] == 65534


def test_a_socket_left_by_a_dead_supervisor_is_replaced(place):
    with socket.socket(socket.AF_UNIX) as dead:
        place.mkdir(mode=0o700)
        dead.bind(str(place / "control.sock"))
    (place / "roost.lock").write_text("99999\n")
    with living(House("alice"), place):
        caller = Caller(place)
        assert caller.ask(op="pid")["ok"]
        caller.close()
        assert (place / "roost.lock").read_text() == f"{os.getpid()}\n"


def test_a_second_supervisor_in_the_same_place_is_refused_and_told_of_the_first(house, place, call):
    with pytest.raises(ConfigurationFault, match=rf"\(pid {os.getpid()}\).*roost shutdown"):
        Premises(place)
    assert call().ask(op="pid")["ok"]


def test_the_place_is_free_as_soon_as_the_supervisor_has_hung_up(place):
    with living(House("alice"), place):
        caller = Caller(place)
        assert caller.ask(op="shutdown")["ok"]
        assert caller.line() == b""
        Premises(place).leave()
        assert not (place / "control.sock").exists()
        caller.close()


def test_a_place_where_others_may_write_is_refused(place):
    place.mkdir()
    place.chmod(0o777)
    with pytest.raises(ConfigurationFault, match="others may write here"):
        Premises(place)


def test_a_place_that_is_no_directory_is_refused(place):
    place.write_text("")
    with pytest.raises(ConfigurationFault, match=r"roost\.lock: Not a directory"):
        Premises(place)


def test_what_is_no_socket_is_not_replaced(place):
    (place / "control.sock").mkdir(parents=True)
    place.chmod(0o700)
    premises = Premises(place)
    with pytest.raises(ConfigurationFault, match=r"control\.sock: Is a directory: remove what is there"):
        premises.listen()
    (place / "control.sock").rmdir()
    Premises(place).leave()


def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_made(place):
    deep = place / ("d" * 100)
    with pytest.raises(ConfigurationFault, match="at most 107 bytes"):
        Premises(deep)
    assert not place.exists()
