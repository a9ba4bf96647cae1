"""Faults that were asked for: which call they strike, and how often. Pure."""

import itertools
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, get_args

Kind = Literal["status", "stall", "reset", "half", "html", "slow"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(eq=False)
class Fault:
    target: str  # "PUT /helix/chat/color"; "*" stands for anything
    kind: Kind
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    times: int | None = None  # strikes left; ``None``: until removed
    seconds: float | None = None
    login: str | None = None  # spare the calls of everybody else
    after_effect: bool = False  # let the call take effect, then lose or spoil its answer

    def strikes(self, call: str, login: str | None) -> bool:
        return self.times != 0 and fnmatchcase(call, self.target) and self.login in (None, login)


class Faults:
    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._by_id: dict[str, Fault] = {}

    def add(self, fault: Fault) -> str:
        id_ = str(next(self._ids))
        self._by_id[id_] = fault
        return id_

    def take(self, call: str, login: str | None) -> Fault | None:
        """The oldest fault that strikes this call, with one of its strikes used up."""
        for fault in self._by_id.values():
            if fault.strikes(call, login):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def clear(self) -> None:
        self._by_id.clear()
