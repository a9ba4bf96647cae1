import pytest

from shared.deadline import Deadline


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_what_is_left_shrinks_to_zero_and_no_further(clock):
    deadline = Deadline(10.0)
    assert (deadline.left(), deadline.passed()) == (10.0, False)
    clock[0] += 4
    assert (deadline.left(), deadline.passed()) == (6.0, False)
    clock[0] += 6
    assert (deadline.left(), deadline.passed()) == (0.0, True)
    clock[0] += 99
    assert (deadline.left(), deadline.passed()) == (0.0, True)


def test_no_seconds_are_over_at_once(clock):
    assert Deadline(0).passed()


def test_without_seconds_it_never_comes(clock):
    deadline = Deadline(None)
    clock[0] += 1e9
    assert deadline.left() is None
    assert not deadline.passed()
