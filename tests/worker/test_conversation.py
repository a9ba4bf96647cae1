import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from worker.eventsub.conversation import (
    HANDOVER_SECONDS,
    PARTING_SECONDS,
    WELCOME_SECONDS,
    Close,
    Conversation,
    Deliver,
    Dial,
    Drop,
    Listening,
    Lost,
    Revoked,
    Subscribe,
)
from worker.eventsub.frames import Keepalive, Notification, Reconnect, Revocation, Unknown, Welcome

BASE, EDGE = "wss://base/ws", "wss://edge/ws?x=1"
KEEPALIVE = 10.0


class World:
    """A conversation and a clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.talk = Conversation(BASE, lambda: itertools.repeat(2.0))
        self.ids = itertools.count()

    def wake(self):
        return list(self.talk.wake(self.now))

    def hear(self, link, frame):
        return list(self.talk.receive(link, frame, self.now))

    def lose(self, link, code=None):
        return list(self.talk.lost(link, code, "gone", self.now))

    def say(self, text="hi", **ids):
        number = next(self.ids)
        return Notification(
            ids.get("id", f"m{number}"), self.now, "chat", {"message_id": ids.get("inner", f"c{number}")}
        )

    def listen(self):
        """Dial, be welcomed, and return the link."""
        [dial] = self.wake()
        assert self.hear(dial.link, Welcome(f"S{dial.link}", KEEPALIVE, self.now)) == [
            Subscribe(f"S{dial.link}")
        ]
        return dial.link

    def hand_over(self, link):
        [dial] = self.hear(link, Reconnect(EDGE))
        assert dial == Dial(dial.link, EDGE)
        return dial.link


@pytest.fixture
def world():
    return World()


def test_a_first_welcome_asks_for_subscriptions(world):
    assert world.talk.deadline() <= world.now
    assert world.listen() == 1
    assert world.talk.listening


def test_a_handover_dials_as_told_reads_the_old_link_to_its_end_and_subscribes_nothing(world):
    old = world.listen()
    new = world.hand_over(old)
    assert world.hear(old, world.say()) != []
    assert world.hear(new, Welcome("S2", KEEPALIVE, world.now)) == [Listening("S2"), Close(old)]
    late = world.say()
    assert world.hear(old, late) == [Deliver("chat", late.event)]
    assert world.hear(new, late) == []
    assert world.lose(old, 1000) == []
    assert world.talk.listening


def test_an_old_link_that_will_not_end_is_dropped(world):
    old = world.listen()
    new = world.hand_over(old)
    world.hear(new, Welcome("S2", KEEPALIVE, world.now))
    world.now += PARTING_SECONDS
    assert world.wake() == [Drop(old)]
    assert world.talk.listening


@pytest.mark.parametrize("failure", ["refused", "4007", "silent"])
def test_a_failed_handover_is_followed_by_a_plain_session_while_the_old_one_is_still_read(world, failure):
    old = world.listen()
    new = world.hand_over(old)
    if failure == "silent":
        world.now += HANDOVER_SECONDS
        dropped, dial = world.wake()
        assert dropped == Drop(new)
    else:
        [dial] = world.lose(new, 4007 if failure == "4007" else None)
    assert dial.url == BASE
    assert world.hear(old, world.say()) != []
    assert world.hear(dial.link, Welcome("S3", KEEPALIVE, world.now)) == [Subscribe("S3"), Close(old)]


def test_the_old_link_may_end_before_the_handover_is_done(world):
    old = world.listen()
    new = world.hand_over(old)
    assert world.lose(old, 4004) == []
    assert world.hear(new, Welcome("S2", KEEPALIVE, world.now)) == [Listening("S2")]


def test_when_both_links_of_a_handover_fail_everything_starts_again(world):
    old = world.listen()
    new = world.hand_over(old)
    world.lose(old)
    assert world.lose(new) == [Lost("gone", 2.0)]
    world.now += 2.0
    [dial] = world.wake()
    assert dial.url == BASE
    assert world.hear(dial.link, Welcome("S3", KEEPALIVE, world.now)) == [Subscribe("S3")]


def test_a_second_request_to_reconnect_replaces_the_first(world):
    old = world.listen()
    first = world.hand_over(old)
    close, second = world.hear(old, Reconnect("wss://edge/ws?x=2"))
    assert close == Close(first)
    assert world.hear(first, Welcome("S2", KEEPALIVE, world.now)) == []
    assert world.hear(second.link, Welcome("S3", KEEPALIVE, world.now)) == [Listening("S3"), Close(old)]


def test_silence_beyond_the_keepalive_is_noticed_and_any_sign_of_life_puts_it_off(world):
    link = world.listen()
    world.now += 9
    world.hear(link, Keepalive(world.now))
    world.now += 9
    world.talk.touch(link, world.now)
    world.now += 9
    world.hear(link, Unknown("novelty"))
    assert world.talk.deadline() <= world.now + KEEPALIVE + 2
    world.now = world.talk.deadline()
    assert world.wake() == [Drop(link), Lost("silence", 2.0)]


def test_a_server_that_never_says_welcome_is_given_up(world):
    [dial] = world.wake()
    world.now += WELCOME_SECONDS
    assert world.wake() == [Drop(dial.link), Lost("no welcome", 2.0)]


@pytest.mark.parametrize(("code", "least"), [(4003, 60), (4001, 60), (4000, 2), (1006, 2), (None, 2)])
def test_codes_that_would_come_again_are_retried_slowly(world, code, least):
    [lost] = world.lose(world.listen(), code)
    assert lost.retry_in == least


def test_repeats_are_delivered_once_by_either_id_even_after_many_others(world):
    link = world.listen()
    first = world.say(id="m", inner="c")
    assert world.hear(link, first) == [Deliver("chat", first.event)]
    for _ in range(1000):
        world.hear(link, world.say())
    assert world.hear(link, world.say(id="m", inner="other")) == []
    assert world.hear(link, world.say(id="other", inner="c")) == []


def test_what_was_sent_more_than_ten_minutes_ago_is_not_answered(world):
    link, late, later = world.listen(), world.say(), world.say()
    for _ in range(60):
        world.now += KEEPALIVE
        world.hear(link, Keepalive(world.now))
    assert world.hear(link, late) != []
    world.now += 1
    assert world.hear(link, later) == []


@pytest.mark.parametrize("wrong_by", [-7200.0, 7200.0])
def test_a_clock_that_is_wrong_by_hours_makes_nothing_old_or_new(world, wrong_by):
    [dial] = world.wake()
    world.hear(dial.link, Welcome("S", KEEPALIVE, world.now + wrong_by))
    fresh = Notification("m1", world.now + wrong_by, "chat", {})
    old = Notification("m2", world.now + wrong_by - 601, "chat", {})
    unreadable = Notification("m3", None, "chat", {})
    assert world.hear(dial.link, fresh) == [Deliver("chat", {})]
    assert world.hear(dial.link, old) == []
    assert world.hear(dial.link, unreadable) == [Deliver("chat", {})]


def test_revocations_are_passed_on(world):
    assert world.hear(world.listen(), Revocation("s", "chat", "user_removed", {"user_id": "2"})) == [
        Revoked("chat", "user_removed", {"user_id": "2"})
    ]


def test_a_handover_of_an_abandoned_session_brings_too_little_along(world):
    old = world.listen()
    new = world.hand_over(old)
    assert world.talk.deadline() is not None
    list(world.talk.abandon("the session is gone", world.now))
    assert world.hear(new, Welcome("S2", KEEPALIVE, world.now)) == [Subscribe("S2")]


def test_revocations_on_a_link_that_was_left_are_passed_over(world):
    link = world.listen()
    list(world.talk.hang_up(world.now))
    assert world.hear(link, Revocation("s", "chat", "authorization_revoked", {"user_id": "2"})) == []


def test_an_abandoned_session_is_closed_and_replaced_not_before_the_time_asked_for(world):
    link = world.listen()
    assert list(world.talk.abandon("useless", world.now, at_least=120)) == [Close(link), Lost("useless", 120)]
    assert list(world.talk.abandon("again", world.now)) == []
    assert world.lose(link) == []
    world.now += 119
    assert world.wake() == []
    world.now += 1
    assert [type(action) for action in world.wake()] == [Dial]


def test_after_hanging_up_nothing_is_dialled_until_resumed(world):
    link = world.listen()
    assert list(world.talk.hang_up(world.now)) == [Close(link)]
    world.now += PARTING_SECONDS
    assert world.wake() == [Drop(link)]
    world.now += 10_000
    assert world.wake() == []
    assert world.talk.deadline() is None
    world.talk.resume(world.now)
    assert [type(action) for action in world.wake()] == [Dial]


def test_a_steady_session_forgives_the_failures_before_it():
    talk = Conversation(BASE, lambda: iter([1.0, 50.0]))
    now = 0.0
    [dial] = talk.wake(now)
    assert next(iter(talk.lost(dial.link, None, "x", now))) == Lost("x", 1.0)
    now = 1.0
    [dial] = talk.wake(now)
    list(talk.receive(dial.link, Welcome("S", 10, now), now))
    now += 61
    assert next(iter(talk.lost(dial.link, None, "x", now))) == Lost("x", 1.0)


class AnyInterleaving(RuleBasedStateMachine):
    """Whatever Twitch and the network do, in whatever order: nothing is doubled and it never dies."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.open: dict[int, str] = {}
        self.closing: set[int] = set()
        self.delivered: list[str] = []
        self.sent: list[Notification] = []

    def obey(self, actions) -> None:
        for action in actions:
            match action:
                case Dial(link=link, url=url):
                    assert link not in self.open
                    self.open[link] = url
                case Close(link=link):
                    assert link in self.open
                    self.closing.add(link)
                case Drop(link=link):
                    self.open.pop(link)
                    self.closing.discard(link)
                case Deliver(event=event):
                    self.delivered.append(event["message_id"])

    def link(self, data) -> int:
        return data.draw(st.sampled_from(sorted(self.open)))

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds) -> None:
        self.world.now += seconds
        self.obey(self.world.wake())

    @rule()
    def the_next_deadline_comes(self) -> None:
        self.world.now = max(self.world.now, self.world.talk.deadline())
        self.obey(self.world.wake())

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def welcome(self, data) -> None:
        self.obey(self.world.hear(self.link(data), Welcome("S", KEEPALIVE, self.world.now)))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), url=st.sampled_from([EDGE, BASE]))
    def reconnect(self, data, url) -> None:
        self.obey(self.world.hear(self.link(data), Reconnect(url)))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def message(self, data) -> None:
        said = self.world.say()
        self.sent.append(said)
        self.obey(self.world.hear(self.link(data), said))

    @precondition(lambda self: self.open and self.sent)
    @rule(data=st.data())
    def repeat(self, data) -> None:
        self.obey(self.world.hear(self.link(data), data.draw(st.sampled_from(self.sent))))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), code=st.sampled_from([None, 1000, 1006, 4000, 4003, 4004, 4007]))
    def end(self, data, code) -> None:
        link = self.link(data)
        self.open.pop(link)
        self.closing.discard(link)
        self.obey(self.world.lose(link, code))

    @precondition(lambda self: self.world.talk.listening)
    @rule()
    def abandon(self) -> None:
        self.obey(list(self.world.talk.abandon("useless", self.world.now)))

    @invariant()
    def nothing_is_delivered_twice(self) -> None:
        assert len(self.delivered) == len(set(self.delivered))

    @invariant()
    def there_is_always_something_to_wait_for(self) -> None:
        assert self.world.talk.deadline() is not None

    @invariant()
    def at_most_two_links_are_in_use(self) -> None:
        assert len(set(self.open) - self.closing) <= 2


TestAnyInterleaving = AnyInterleaving.TestCase
TestAnyInterleaving.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
