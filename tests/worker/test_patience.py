import pytest

from shared.errors import Stopping, TryLater
from shared.logs import logger
from worker.patience import RateLimited, insist


class Pauses(list):
    """The clock of these tests: it only notes how long it was to wait."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def asking(*outcomes):
    left = list(outcomes)

    def ask():
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return ask


def insisting(ask, pauses):
    return insist(ask, what="an answer", pause=pauses, log=logger(lambda line, level: None, "info"))


def test_an_answer_at_once_costs_no_pause():
    pauses = Pauses()
    assert insisting(asking(5), pauses) == 5
    assert pauses == []


def test_it_asks_until_there_is_an_answer_and_never_pauses_more_than_a_minute():
    pauses = Pauses()
    assert insisting(asking(*[TryLater("away")] * 30, 5), pauses) == 5
    assert len(pauses) == 30
    assert all(0 <= pause <= 60 for pause in pauses)


def test_a_limit_is_waited_for_as_long_as_it_says():
    pauses = Pauses()
    insisting(asking(RateLimited(42.0), TryLater("away"), RateLimited(7.0), 5), pauses)
    assert (pauses[0], pauses[2]) == (42.0, 7.0)


@pytest.mark.parametrize("fault", [KeyError("ours"), Stopping("asked to stop")])
def test_other_faults_are_not_repeated(fault):
    with pytest.raises(type(fault)):
        insisting(asking(TryLater("away"), fault, 5), Pauses())


def test_a_pause_that_is_cut_short_ends_it_all():
    def cut(_):
        raise Stopping("asked to stop")

    with pytest.raises(Stopping):
        insisting(asking(TryLater("away"), 5), cut)
