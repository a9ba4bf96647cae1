"""Trying again until the other side answers, without ever being deaf meanwhile."""

from collections.abc import Callable
from typing import TypeVar

from structlog.typing import FilteringBoundLogger
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential
from tenacity.wait import wait_base

from shared.errors import TryLater

Answer = TypeVar("Answer")


class RateLimited(TryLater):
    """Too many requests: nothing may be sent for ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"rate limited for {seconds:.0f} s")
        self.seconds = seconds


class _AsTold(wait_base):
    """Full jitter growing to a minute, unless the other side said how long."""

    def __init__(self) -> None:
        self._guess = wait_random_exponential(multiplier=1, max=60)

    def __call__(self, retry_state: RetryCallState) -> float:
        fault = retry_state.outcome.exception() if retry_state.outcome else None
        return fault.seconds if isinstance(fault, RateLimited) else self._guess(retry_state)


def insist(
    ask: Callable[[], Answer], *, what: str, pause: Callable[[float], None], log: FilteringBoundLogger
) -> Answer:
    """Call ``ask`` until it does not raise ``TryLater``; ``pause`` waits, and may raise to end it all."""
    try:
        # One try is most often enough, and then this worker never touches the pages of the machinery below.
        return ask()
    except TryLater as fault:
        first: TryLater | None = fault

    def repeat() -> Answer:
        """The first try has been made: hand its outcome over."""
        nonlocal first
        if first is None:
            return ask()
        fault, first = first, None
        raise fault

    def tell(state: RetryCallState) -> None:
        log.warning(
            "no answer yet",
            wanted=what,
            reason=str(state.outcome and state.outcome.exception()),
            tries=state.attempt_number,
            retry_in=round(state.upcoming_sleep, 1),
        )

    retrying = Retrying(
        retry=retry_if_exception_type(TryLater), wait=_AsTold(), sleep=pause, before_sleep=tell, reraise=True
    )
    return retrying(repeat)
