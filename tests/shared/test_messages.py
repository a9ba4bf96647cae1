import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.messages import DOWN, UP, Beat, Do, Done, Failed, NeedsSignIn, Ready, Stop

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
UPWARD = st.one_of(
    st.just(Ready()),
    st.builds(
        Beat,
        phase=TEXT,
        detail=TEXT,
        detail_at=st.none() | FLOATS,
        counters=st.dictionaries(TEXT, st.integers()),
        facts=st.dictionaries(TEXT, st.none() | st.booleans() | TEXT | FLOATS),
    ),
    st.builds(NeedsSignIn, url=TEXT, code=TEXT, expires_at=FLOATS, why=TEXT),
    st.builds(Failed, reason=TEXT),
    st.builds(Done, id=st.integers(), ok=st.booleans(), text=TEXT),
)
DOWNWARD = st.one_of(st.just(Stop()), st.builds(Do, id=st.integers(), action=TEXT, args=st.lists(TEXT)))


@given(UPWARD)
def test_what_goes_up_arrives_as_it_was(message):
    assert UP.validate_json(message.model_dump_json()) == message


@given(DOWNWARD)
def test_what_goes_down_arrives_as_it_was(message):
    assert DOWN.validate_json(message.model_dump_json()) == message


@given(UPWARD)
def test_nothing_that_goes_up_is_an_order(message):
    with pytest.raises(ValidationError):
        DOWN.validate_json(message.model_dump_json())


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_a_message_or_refused(record):
    for adapter in (UP, DOWN):
        with pytest.raises(ValidationError):
            adapter.validate_json(b"x" + (record if isinstance(record, bytes) else record.encode()))


def test_a_message_cannot_be_changed_after_it_was_made():
    with pytest.raises(ValidationError):
        Ready().kind = "beat"
