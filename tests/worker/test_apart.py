import os
import signal

import pytest

from shared.errors import TryLater
from worker.apart import apart


class Refused(Exception):
    pass


def test_what_it_returns_comes_back():
    assert apart(lambda: {"pid": 1}, keep=set()) == {"pid": 1}


def test_it_runs_in_another_process_that_has_only_what_it_may_keep(tmp_path):
    with (tmp_path / "kept").open("w") as kept, (tmp_path / "other").open("w") as other:

        def work():
            os.fstat(kept.fileno())
            try:
                os.fstat(other.fileno())
            except OSError:
                return os.getpid()
            return None

        assert apart(work, keep={kept.fileno()}) not in {None, os.getpid()}


def test_what_it_raises_is_raised_here():
    def work():
        raise Refused("no")

    with pytest.raises(Refused, match="no"):
        apart(work, keep=set())


def test_one_that_is_killed_may_be_tried_again():
    with pytest.raises(TryLater):
        apart(lambda: os.kill(os.getpid(), signal.SIGKILL), keep=set())


def test_when_the_worker_is_killed_meanwhile_the_fork_ends_and_never_runs_on_in_its_code(tmp_path):
    reader, writer = os.pipe()
    ran_on = tmp_path / "ran_on"
    worker = os.fork()
    if worker == 0:
        try:
            apart(lambda: os.kill(os.getppid(), signal.SIGKILL), keep={writer})
        finally:
            ran_on.touch()
            os._exit(1)
    os.close(writer)
    os.waitpid(worker, 0)
    with open(reader, "rb") as until_the_fork_has_ended:
        assert until_the_fork_has_ended.read() == b""
    assert not ran_on.exists()
