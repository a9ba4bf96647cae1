import os
import selectors
import signal
import socket

import pytest

from shared.errors import Stopping, TryLater
from shared.messages import Stop
from worker.apart import apart


class Refused(Exception):
    pass


def test_what_it_returns_comes_back(desk):
    assert apart(lambda: {"pid": 1}, keep=set(), waiter=desk.waiter) == {"pid": 1}


def test_it_runs_in_another_process_that_has_only_what_it_may_keep(desk, tmp_path):
    with (tmp_path / "kept").open("w") as kept, (tmp_path / "other").open("w") as other:

        def work():
            os.fstat(kept.fileno())
            try:
                os.fstat(other.fileno())
            except OSError:
                return os.getpid()
            return None

        assert apart(work, keep={kept.fileno()}, waiter=desk.waiter) not in {None, os.getpid()}


def test_what_it_raises_is_raised_here(desk):
    def work():
        raise Refused("no")

    with pytest.raises(Refused, match="no"):
        apart(work, keep=set(), waiter=desk.waiter)


def test_one_that_is_killed_may_be_tried_again(desk):
    with pytest.raises(TryLater):
        apart(lambda: os.kill(os.getpid(), signal.SIGKILL), keep=set(), waiter=desk.waiter)


def test_when_the_worker_is_killed_meanwhile_the_fork_ends_and_never_runs_on_in_its_code(desk, tmp_path):
    reader, writer = os.pipe()
    ran_on = tmp_path / "ran_on"
    worker = os.fork()
    if worker == 0:
        try:
            apart(lambda: os.kill(os.getppid(), signal.SIGKILL), keep={writer}, waiter=desk.waiter)
        finally:
            ran_on.touch()
            os._exit(1)
    os.close(writer)
    os.waitpid(worker, 0)
    with open(reader, "rb") as until_the_fork_has_ended:
        assert until_the_fork_has_ended.read() == b""
    assert not ran_on.exists()


def test_while_it_runs_the_worker_hears_its_sockets_and_may_leave(desk, tmp_path):
    done = tmp_path / "done"
    ours, theirs = socket.socketpair()
    with ours, theirs:
        heard = []

        def hear(_):
            heard.append(theirs.recv(1))
            desk.link.send(Stop())
            return False

        def work():
            ours.send(b"!")
            ours.recv(1)  # goes on when the worker has left
            done.touch()

        desk.waiter.watch(theirs, selectors.EVENT_READ, hear)
        with pytest.raises(Stopping):
            apart(work, keep={ours.fileno()}, waiter=desk.waiter)
        assert heard == [b"!"]
        assert not done.exists()
        theirs.send(b"!")
        ours.close()
        assert theirs.recv(1) == b""  # the fork has ended: `os.wait` might tell of another child
        assert done.exists()
