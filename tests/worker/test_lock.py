import fcntl
import os
import threading

import pytest

from shared.logs import logger
from worker.lock import UserLock


def test_a_second_worker_waits_and_tells_whom_for(desk, tmp_path):
    path = tmp_path / "lock"
    path.write_text("4242\n")
    with path.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        told = []
        freed = threading.Timer(0.3, lambda: fcntl.flock(held, fcntl.LOCK_UN))
        freed.start()
        UserLock(path).acquire(desk.waiter, logger(lambda line, level: told.append(line), "info"))
        freed.join()
    assert desk.waiter.vitals.phase == "waiting"
    assert b'"holder":"4242"' in told[0]
    assert path.read_text() == f"{os.getpid()}\n"


def test_a_lock_that_cannot_be_opened_is_an_error_of_the_system(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        UserLock(tmp_path / "file" / "lock")
