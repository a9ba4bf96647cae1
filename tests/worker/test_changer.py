from hypothesis import given
from hypothesis import strategies as st

from shared.backoff import delays
from worker.color.changer import BREAKER_FAILURES, BREAKER_SECONDS, Change, Changer


def changer() -> Changer:
    return Changer(lambda: delays(first=0.5, cap=30.0))


def change(color: str) -> Change:
    return Change(color, "alice", 0.0)


def test_a_newer_color_replaces_the_one_that_waits():
    it = changer()
    it.want(change("#111111"))
    it.want(change("#222222"))
    assert it.pending == change("#222222")
    it.settled()
    assert it.pending is None
    assert it.due() is None


def test_the_breaker_opens_after_repeated_failure_and_the_first_success_closes_it():
    it = changer()
    it.want(change("#111111"))
    for _ in range(BREAKER_FAILURES - 1):
        assert it.failed(100.0) <= 30.0
        assert not it.broken
    assert it.failed(100.0) == BREAKER_SECONDS
    assert it.broken
    assert it.due() == 100.0 + BREAKER_SECONDS
    it.settled()
    it.want(change("#222222"))
    assert not it.broken
    assert it.due() == 0.0


def test_being_told_to_wait_is_no_failure_and_nothing_is_tried_before():
    it = changer()
    it.want(change("#111111"))
    it.held(100.0, 42.0)
    it.want(change("#222222"))
    assert it.due() == 142.0
    assert not it.broken


@given(st.lists(st.sampled_from(["want", "fail", "hold", "settle"])))
def test_a_wish_is_pending_until_it_is_settled_whatever_happens(steps):
    it, wished = changer(), False
    for now, step in enumerate(steps):
        if step == "want":
            it.want(change(f"#{now:06x}"))
            wished = True
        elif step == "fail" and wished:
            it.failed(now)
        elif step == "hold" and wished:
            it.held(now, 3.0)
        elif step == "settle":
            it.settled()
            wished = False
        assert (it.pending is not None) == wished == (it.due() is not None)
