"""What happens to one user happens to nobody else."""

import contextlib
import os
import random
import select
import signal

import psutil
import pytest


def test_a_dead_token_and_fifty_killed_workers_cost_the_neighbours_not_one_message(house, twitch):
    for login in ("alice", "bob", "victim", "ghost"):
        house.hire(login)
    house.open()
    twitch.post("expire", login="ghost", which="both")
    twitch.chat("ghost", "ghost")
    house.until(lambda rows: rows["ghost"]["phase"] == "signing-in")
    pids = {login: house.status()[login]["pid"] for login in ("alice", "bob")}
    for _ in range(50):
        victim = house.status()["victim"]["pid"]
        os.kill(victim, signal.SIGKILL)
        for login in ("alice", "bob"):
            twitch.chat(login, login)
        house.until(lambda rows, dead=victim: rows["victim"]["pid"] not in {dead, None})
    rows = house.until(lambda rows: all(rows[login]["counters"].get("own_messages") == 50 for login in pids))
    assert {login: rows[login]["pid"] for login in pids} == pids
    assert rows["victim"]["restarts"] == 50
    house.until(lambda rows: rows["victim"]["phase"] == "listening")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_nothing_is_orphaned_no_token_is_lost_and_no_user_has_two_workers(
    house, twitch, seed
):
    """Sixty rounds in all. Whichever dies, the house stands again with everybody in it."""
    dice = random.Random(seed)
    logins = ["alice", "bob", "carol"]
    for login in logins:
        house.hire(login)
    house.open()
    for round_ in range(20):
        worker = house.status()[dice.choice(logins)]["pid"]
        family = house.children()
        target = dice.choice(["worker", "worker", "forkserver", "supervisor"])
        twitch.chat("alice", "alice", f"round {round_}")
        if target == "supervisor":
            house.process.kill()
            house.process.wait()
            assert all(map(dies, family))
            house.open(phase="listening")
        else:
            victim = (target == "forkserver" and forkserver(family)) or worker
            os.kill(victim, signal.SIGKILL)
            house.until(lambda rows, dead=victim: dead not in {row["pid"] for row in rows.values()})
            if dice.random() < 0.5:
                twitch.post("expire", login="bob", which="access")
                twitch.chat("bob", "bob")
        house.until(lambda rows: all(rows[login]["phase"] == "listening" for login in logins))
    assert not house.records("vault damaged")
    assert not house.records("sign-in needed")
    sessions = [session for session in twitch.get("state")["sessions"] if session["connected"]]
    assert len([session for session in sessions if session["subscriptions"]]) == len(logins)
    family = house.children()
    assert house.stop() == 0
    assert all(map(dies, family))


def dies(process: psutil.Process) -> bool:
    """Whether it is dead within ten seconds; whoever inherits it may collect it when they please."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    told, _, _ = select.select([handle], [], [], 10)
    os.close(handle)
    return bool(told)


def forkserver(family: list[psutil.Process]) -> int | None:
    """A forked worker has its command line too, but another name. Between two there is none."""
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            if "forkserver" in " ".join(process.cmdline()) and not process.name().startswith("roost:"):
                return process.pid
    return None


def test_a_worker_that_hangs_is_ended_and_replaced_and_its_neighbour_works_on(house, twitch):
    house.settings["supervisor"] |= {"silence_seconds": 2, "grace_seconds": 1}
    for login in ("alice", "bob"):
        house.hire(login)
    house.open()
    hung = house.status()["alice"]["pid"]
    os.kill(hung, signal.SIGSTOP)
    twitch.chat("bob", "bob")
    twitch.expect("color", accepted=True, login="bob")
    rows = house.until(lambda rows: rows["alice"]["pid"] not in {hung, None})
    assert rows["bob"]["restarts"] == 0
    assert "no beat" in house.expect_record("worker died", user="alice")["cause"]
    house.until(lambda rows: rows["alice"]["phase"] == "listening")


def test_a_strangers_sigterm_to_a_worker_is_an_accident_and_it_comes_back(house, twitch):
    house.hire("alice")
    house.open()
    before = house.status()["alice"]["pid"]
    os.kill(before, signal.SIGTERM)
    rows = house.until(lambda rows: rows["alice"]["pid"] not in {before, None})
    assert rows["alice"]["restarts"] == 1
    assert "SIGTERM" in house.expect_record("worker died", user="alice")["cause"]


def test_a_reload_restarts_only_whom_it_concerns_and_a_faulty_one_nobody(house, twitch):
    for login in ("alice", "bob"):
        house.hire(login)
    twitch.user("carol")
    house.settings["supervisor"]["watch"] = True
    house.open()
    twitch.chat("alice", "alice")
    before = house.until(lambda rows: rows["alice"]["counters"].get("changes") == 1)
    house.settings["users"][0]["channels"] = ["alice", "carol"]
    house.write()
    rows = house.until(lambda rows: rows["alice"]["facts"].get("channels") == 2)
    assert rows["bob"]["pid"] == before["bob"]["pid"]
    assert rows["alice"]["counters"]["changes"] == 1
    house.settings["twitch"]["helix_url"] = "http://elsewhere.example"
    house.write()
    assert "https://" in house.roost("reload", expect=None)
    after = house.status()
    assert {login: after[login]["pid"] for login in after} == {login: rows[login]["pid"] for login in rows}
