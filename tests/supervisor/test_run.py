"""The supervisor as a process: how it ends, and that nothing of it is left behind."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import orjson
import psutil
import pytest

from tests.supervisor.crew import PATIENCE, ROOT


class Real:
    """A supervisor at work in ``folder``; its records are its standard output."""

    def __init__(self, folder, *names):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.supervisor.real", str(folder), *names],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,
        )
        self.pids = {}
        self.family = []
        while len(self.pids) < len(names):
            record = self.until("worker state changed", state="RUNNING")
            self.pids[record["user"]] = None
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def until(self, event, **facts):
        for line in self.process.stdout:
            record = orjson.loads(line)
            if record["event"] == event and facts.items() <= record.items():
                return record
        raise AssertionError(f"the end came before {event} {facts}")

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        rest = self.process.stdout.read()
        code = self.process.wait(PATIENCE)
        return code, [orjson.loads(line) for line in rest.splitlines()]


@pytest.fixture
def real(tmp_path):
    with contextlib.ExitStack() as ends:

        def start(*names):
            house = Real(tmp_path, *names)
            ends.callback(house.process.stdout.close)
            ends.callback(house.process.wait)
            ends.callback(house.process.kill)
            return house

        yield start


def test_sigterm_ends_everything_with_exit_zero_and_leaves_nothing_behind(real):
    house = real("alice", "bob")
    assert len(house.family) == 4  # with the forkserver and the resource tracker
    house.signal(signal.SIGTERM)
    code, records = house.end()
    assert code == 0
    assert records[-1]["event"] == "supervisor stopped"
    assert [record["user"] for record in records if record["event"] == "worker left"]
    assert not [child for child in house.family if child.is_running()]


def test_an_interrupt_of_the_whole_group_is_an_orderly_end(real):
    house = real("alice", "bob")
    os.killpg(house.process.pid, signal.SIGINT)
    code, records = house.end()
    assert code == 0
    assert not [record for record in records if record["event"] == "worker died"]


def test_a_second_signal_does_not_wait_for_the_grace(real):
    house = real("alice:deaf")
    house.signal(signal.SIGTERM)
    house.until("worker state changed", state="STOPPING")
    begin = time.monotonic()
    house.signal(signal.SIGTERM)
    code, _ = house.end()
    assert code == 0
    assert time.monotonic() - begin < 0.9


def test_no_process_outlives_a_supervisor_that_is_killed(real):
    house = real("alice", "bob", "carol:silent")
    house.process.kill()
    _, alive = psutil.wait_procs(house.family, timeout=PATIENCE)
    assert alive == []


def test_killed_at_random_for_sixty_rounds_everybody_comes_back(real):
    """Workers or forkserver: whoever is killed, each worker runs again, and none is there twice."""
    dice = random.Random(2)
    names = [f"user{number}" for number in range(4)]
    house = real(*names)
    us = psutil.Process(house.process.pid)
    for _ in range(60):
        workers, others = census(us)
        victims = dice.choice([workers[:1], workers, others, workers[-1:] + others])
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        psutil.wait_procs(victims, PATIENCE)
        end = time.monotonic() + PATIENCE
        while len(census(us)[0]) != len(names):
            assert time.monotonic() < end, census(us)
    house.signal(signal.SIGTERM)
    code, records = house.end()
    assert code == 0
    assert {record["user"] for record in records if record["event"] == "worker left"} == set(names)


def census(us):
    """Its workers and its forkservers. A worker has let go of everything but five descriptors."""
    workers, forkservers = [], []
    for child in us.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
            if child.status() == psutil.STATUS_ZOMBIE or "forkserver" not in " ".join(child.cmdline()):
                continue
            is_worker = child.num_fds() == 5
            (workers if is_worker else forkservers).append(child)
    return workers, forkservers
