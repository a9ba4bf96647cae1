"""Wanted, active, missing: each topic is in exactly one of these places, whatever Twitch answers."""

from hypothesis import given
from hypothesis import strategies as st

from worker.eventsub.subscriptions import Subscriptions, Topic


def topic(channel: str) -> Topic:
    return Topic("channel.chat.message", "1", (("broadcaster_user_id", channel), ("user_id", "1")), channel)


TOPICS = [topic(name) for name in ("a", "b", "c")]
ANSWERS = st.sampled_from(["yes", "no", "later", "revoked", "new session", "over"])


@given(st.lists(st.tuples(ANSWERS, st.floats(0, 50))))
def test_each_topic_is_asked_for_until_it_is_active_and_never_while_it_is(answers):
    subscriptions, now = Subscriptions(TOPICS), 0.0
    subscriptions.begin()
    for answer, seconds in answers:
        now += seconds
        asked = subscriptions.next(now)
        assert asked not in subscriptions.active
        assert (asked is not None) == ((due := subscriptions.due()) is not None and due <= now)
        if answer == "revoked" and subscriptions.active:
            [gone] = subscriptions.like(
                "channel.chat.message", dict(min(subscriptions.active, key=str).condition)
            )
            subscriptions.refused(gone, "banned", now + 20)
        elif answer == "new session":
            subscriptions.begin()
        elif answer == "over":
            subscriptions.end()
        elif asked is not None and answer == "yes":
            subscriptions.granted(asked)
        elif asked is not None and answer == "no":
            subscriptions.refused(asked, "banned", now + 20)
        elif answer == "later":
            subscriptions.postpone(now + 10)
        assert not subscriptions.active & subscriptions.missing.keys()
    subscriptions.begin()
    for _ in TOPICS:
        subscriptions.granted(subscriptions.next(now))
    assert subscriptions.answered
    assert subscriptions.due() is None


def test_what_was_refused_counts_as_answered_and_is_asked_for_again():
    subscriptions = Subscriptions(TOPICS[:2])
    subscriptions.begin()
    assert not subscriptions.answered
    subscriptions.granted(subscriptions.next(0.0))
    subscriptions.refused(subscriptions.next(0.0), "banned", 100.0)
    assert subscriptions.answered
    assert subscriptions.next(99.0) is None
    assert subscriptions.next(100.0) == TOPICS[1]
    subscriptions.granted(TOPICS[1])
    assert subscriptions.missing == {}


def test_only_active_topics_are_like_a_revocation():
    subscriptions = Subscriptions(TOPICS)
    subscriptions.begin()
    assert subscriptions.like(TOPICS[0].kind, dict(TOPICS[0].condition)) == []
    subscriptions.granted(TOPICS[0])
    assert subscriptions.like(TOPICS[0].kind, dict(TOPICS[0].condition)) == [TOPICS[0]]
    assert subscriptions.like("channel.follow", dict(TOPICS[0].condition)) == []
