import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from shared.backoff import delays

SECONDS = st.floats(min_value=0.001, max_value=1000.0)


def ceilings(first, factor, cap, count):
    return list(itertools.islice(delays(first, factor, cap, jitter=lambda _low, high: high), count))


def test_the_ceiling_doubles_up_to_the_cap_by_default():
    assert ceilings(1.0, 2.0, 300.0, 11) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@given(SECONDS, st.floats(1.0, 10.0), SECONDS, st.integers())
def test_every_delay_lies_between_zero_and_the_cap(first, factor, cap, seed):
    drawn = itertools.islice(delays(first, factor, cap, jitter=random.Random(seed).uniform), 200)
    assert all(0.0 <= delay <= cap for delay in drawn)


@given(SECONDS, st.floats(1.0, 10.0), SECONDS)
def test_the_ceiling_never_shrinks_and_begins_at_the_first(first, factor, cap):
    found = ceilings(first, factor, cap, 50)
    assert found[0] == min(first, cap)
    assert found == sorted(found)


def test_the_jitter_is_full_so_that_many_who_failed_together_come_back_apart():
    jitters = []
    list(itertools.islice(delays(jitter=lambda low, high: jitters.append((low, high)) or high), 3))
    assert jitters == [(0.0, 1.0), (0.0, 2.0), (0.0, 4.0)]


def test_it_never_gives_up():
    assert next(itertools.islice(delays(), 5000, None)) <= 300.0
