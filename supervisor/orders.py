"""Orders that one worker process has been given and not yet answered."""

import itertools
from collections.abc import Callable

from shared.link import SupervisorEnd
from shared.messages import Do, Done

Answer = Callable[[bool, str], None]


class Orders:
    """Each is answered exactly once: by the worker, by its death, or because it took too long."""

    def __init__(self, link: SupervisorEnd) -> None:
        self._link = link
        self._ids = itertools.count(1)
        self._waiting: dict[int, Answer] = {}

    def give(self, action: str, args: list[str], answer: Answer) -> Callable[[], None]:
        """Send an order. Calling what is returned gives up waiting for its answer."""
        order = Do(id=next(self._ids), action=action, args=args)
        self._waiting[order.id] = answer
        if not self._link.send(order):
            self._answer(order.id, False, "it is too busy to take orders: try again in a moment")
        return lambda: self._answer(order.id, False, "it has not answered in time: see `roost tail`")

    def done(self, message: Done) -> None:
        self._answer(message.id, message.ok, message.text)

    def bury(self) -> None:
        for number in list(self._waiting):
            self._answer(number, False, "it left before it had answered")

    def _answer(self, number: int, ok: bool, text: str) -> None:
        if answer := self._waiting.pop(number, None):
            answer(ok, text)
