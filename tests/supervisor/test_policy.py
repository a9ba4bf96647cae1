"""When a dead worker gets another life."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.settings import SupervisorSettings
from supervisor.policy import RestartPolicy


def policy(**rules):
    """Without luck: each delay is its ceiling."""
    return RestartPolicy(SupervisorSettings.model_validate(rules), jitter=lambda low, high: high)


def test_delays_grow_to_the_cap_while_a_worker_dies_early():
    rules = policy(backoff={"first": 1, "factor": 2, "cap": 6})
    assert [rules.next_delay(now, lived=0.1) for now in (0, 2, 5, 10, 17)] == [1, 2, 4, 6, 6]


def test_a_long_and_quiet_life_starts_the_delays_over():
    rules = policy(start_seconds=5, backoff={"first": 1, "cap": 60})
    assert [rules.next_delay(now, lived=0.1) for now in (0, 2)] == [1, 2]
    assert rules.next_delay(100, lived=95) == 1


def test_dying_again_and_again_soon_after_having_started_is_a_loop_too():
    rules = policy(start_seconds=5, backoff={"first": 1, "cap": 300})
    assert [rules.next_delay(now, lived=6) for now in (6, 13, 21, 31)] == [1, 2, 4, 8]


def test_a_long_wait_is_no_long_life():
    rules = policy(start_seconds=5, backoff={"first": 1, "cap": 10})
    assert [rules.next_delay(now, lived=0.1) for now in (0, 50)] == [1, 2]


def test_the_last_death_of_the_window_is_given_up():
    rules = policy(give_up={"deaths": 3, "within_seconds": 60})
    assert rules.next_delay(0, lived=1) is not None
    assert rules.next_delay(30, lived=1) is not None
    assert rules.next_delay(60, lived=1) is None


def test_deaths_that_left_the_window_do_not_count():
    rules = policy(give_up={"deaths": 3, "within_seconds": 60})
    assert all(rules.next_delay(now, lived=1) is not None for now in range(0, 1000, 31))


def test_nobody_is_given_up_unless_that_is_configured():
    rules = policy()
    assert all(rules.next_delay(now, lived=0) is not None for now in range(1000))


@given(
    st.integers(1, 6),
    st.floats(1, 100),
    st.lists(st.floats(0.01, 60), min_size=1, max_size=40),
)
def test_giving_up_counts_exactly_the_deaths_of_the_window(deaths, window, pauses):
    rules = policy(give_up={"deaths": deaths, "within_seconds": window})
    moments = list(itertools.accumulate(pauses))
    for index, now in enumerate(moments):
        recent = sum(now - moment <= window for moment in moments[: index + 1])
        assert (rules.next_delay(now, lived=0) is None) == (recent >= deaths)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=50))
def test_a_delay_is_never_above_the_cap_nor_below_nothing(lives):
    rules = RestartPolicy(SupervisorSettings.model_validate({"backoff": {"first": 0.5, "cap": 20}}))
    for now, (pause, lived) in enumerate(lives):
        delay = rules.next_delay(now + pause, lived)
        assert delay is not None
        assert 0 <= delay <= 20


@pytest.mark.parametrize("jittered", [0.0, 0.3])
def test_the_delay_is_drawn_between_nothing_and_the_ceiling(jittered):
    rules = RestartPolicy(SupervisorSettings(), jitter=lambda low, high: low + jittered * (high - low))
    assert rules.next_delay(0, lived=0) == jittered
