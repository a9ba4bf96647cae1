"""The states of a worker: a table, walked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.lifecycle import NEXT, Event, ImpossibleTransition, State, advance


@given(st.lists(st.sampled_from(Event)))
def test_a_process_exists_exactly_between_its_spawning_and_its_end(events):
    state, has_process = State.STOPPED, False
    for event in events:
        if (state, event) not in NEXT:
            continue
        state = advance(state, event)
        if event is Event.SPAWNED:
            assert not has_process
            has_process = True
        elif event in {Event.DIED, Event.LEFT} or (event is Event.GAVE_UP and has_process):
            has_process = False
        assert state.is_alive == has_process


@pytest.mark.parametrize("state", [State.STOPPED, State.EXITED, State.FATAL])
def test_only_a_start_leads_out_of_the_resting_states(state):
    ways_out = {event for (where, event), to in NEXT.items() if where is state and to is not State.FATAL}
    assert ways_out == {Event.SPAWNED, Event.START_FAILED}


def test_every_state_can_be_reached_and_left():
    assert set(NEXT.values()) == {state for state, _ in NEXT} == set(State)


def test_the_impossible_is_refused_by_name():
    with pytest.raises(ImpossibleTransition, match="a FATAL worker cannot become ready"):
        advance(State.FATAL, Event.READY)
