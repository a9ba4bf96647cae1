import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from shared.link import SupervisorEnd, pair, worker_end
from worker.logs import LogQueue
from worker.waiting import Waiter


@dataclass
class Desk:
    """A worker's waiter with its supervisor's ends in the test's hands."""

    waiter: Waiter
    link: SupervisorEnd
    log_reader: int


@pytest.fixture
def desk() -> Iterator[Desk]:
    ours, theirs = pair()
    reader, writer = os.pipe()
    before = signal.getsignal(signal.SIGTERM)
    # pytest-timeout has the alarm clock of this process for itself.
    waiter = Waiter(worker_end(theirs), LogQueue(writer), silence_seconds=30.0, wind=lambda _: None)
    yield Desk(waiter, ours, reader)
    signal.signal(signal.SIGTERM, before)
    os.close(signal.set_wakeup_fd(-1))
    waiter._wake_up.close()
    waiter._selector.close()
    ours.close()
    theirs.close()
    os.close(reader)
    os.close(writer)
