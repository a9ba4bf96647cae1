import json

from hypothesis import given
from hypothesis import strategies as st

from worker.eventsub.sieve import is_foreign


def frame(chatter: str, text: str, *, spaced: bool) -> bytes:
    event = {"chatter_user_id": chatter, "message": {"text": text}}
    payload = {"subscription": {"condition": {"user_id": "22"}}, "event": event}
    separators = (" , ", " : ") if spaced else (",", ":")
    return json.dumps({"metadata": {}, "payload": payload}, separators=separators).encode()


IDS = st.integers(1, 10**10).map(str)


@given(IDS, st.text(), st.booleans())
def test_an_own_message_is_never_taken_for_a_foreign_one(own, text, spaced):
    assert not is_foreign(frame(own, text, spaced=spaced), f'"{own}"'.encode())


@given(IDS, IDS, st.text(), st.booleans())
def test_only_other_peoples_messages_are_foreign(own, other, text, spaced):
    assert is_foreign(frame(other, text, spaced=spaced), f'"{own}"'.encode()) == (own != other)


def test_a_text_that_quotes_the_key_does_not_deceive():
    quoted = '"chatter_user_id":"99"'
    assert not is_foreign(frame("22", quoted, spaced=False), b'"22"')


def test_doubt_means_a_closer_look():
    assert not is_foreign(b'{"metadata":{"message_type":"session_welcome"}}', b'"22"')
    assert not is_foreign(b'{"chatter_user_id":33}', b'"22"')
    assert not is_foreign(b'{"chatter_user_id":"3', b'"22"')
