"""The language of the control socket: one JSON object a line, each way.

    {"op": "status", "names": ["alice"], "id": 7}       what may be asked: ``FIELDS``
    {"id": 7, "ok": true, "workers": [ … ]}
    {"id": 8, "ok": false, "code": "no-such-name", "error": "…"}

A ``tail`` is answered by ``{"id": …, "ok": true, "lines": n}`` and then n log records, byte for byte
as they were written; with ``"follow": true`` newer ones go on until a side hangs up, and
``{"dropped": n}`` stands where n records are missing because the client did not read them.

Pure: bytes in, requests and refusals out; answers in, bytes out. No input makes it raise, or keep
more than ``LONGEST_REQUEST`` bytes plus what one ``feed`` brought.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

LONGEST_REQUEST = 65_536  # bytes, with its newline
LARGEST_BACKLOG = 262_144  # bytes of log records that wait for a follower
MOST_LINES = 10_000

BAD_REQUEST = "bad-request"
NO_SUCH_NAME = "no-such-name"
REFUSED = "refused"  # the worker's own answer to a ``do``
BUSY = "busy"
FORBIDDEN = "forbidden"
BROKEN = "broken"  # a fault of ours

FIELDS: Mapping[str, frozenset[str]] = {
    "status": frozenset({"names"}),
    "tail": frozenset({"names", "lines", "follow"}),
    "start": frozenset({"name"}),
    "stop": frozenset({"name"}),
    "restart": frozenset({"name"}),
    "do": frozenset({"name", "action", "args"}),
    "reload": frozenset(),
    "shutdown": frozenset(),
    "pid": frozenset(),
    "info": frozenset(),
    "health": frozenset(),
}
REQUIRED = frozenset({"name", "action"})

Id = int | str | None


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client wants. Fields that do not belong to its ``op`` keep their defaults."""

    op: str
    id: Id = None
    name: str = ""
    names: list[str] | None = None  # absent: everybody
    lines: int = 10
    follow: bool = False
    action: str = ""
    args: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Refusal:
    """Why a line was not a request. After a ``final`` one nothing more can be understood."""

    id: Id
    code: str
    error: str
    final: bool = False


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_line_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST_LINES


CHECKS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "name": (_is_text, "a name"),
    "names": (_is_texts, "a list of names"),
    "action": (_is_text, "a word"),
    "args": (_is_texts, "a list of words"),
    "lines": (_is_line_count, f"a whole number up to {MOST_LINES}"),
    "follow": (lambda value: isinstance(value, bool), "true or false"),
}


def parse(line: bytes) -> Request | Refusal:
    """Understand one line."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as fault:
        return Refusal(None, BAD_REQUEST, f"not JSON: {fault}")
    if not isinstance(fields, dict):
        return Refusal(None, BAD_REQUEST, 'a request is an object such as {"op": "status"}')
    id_, op = fields.pop("id", None), fields.pop("op", None)
    if not isinstance(id_, int | str | None):
        return Refusal(None, BAD_REQUEST, "`id` must be a number or a text")
    if not isinstance(op, str) or op not in FIELDS:
        return Refusal(id_, BAD_REQUEST, f"`op` must be one of {', '.join(FIELDS)}")
    if wrong := _fault_in(op, fields):
        return Refusal(id_, BAD_REQUEST, f"{op}: {wrong}")
    if "names" in fields:
        fields["names"] = list(dict.fromkeys(fields["names"]))  # one line can hold a name ten thousand times
    return Request(op=op, id=id_, **fields)


def _fault_in(op: str, fields: dict[str, Any]) -> str | None:
    if unknown := fields.keys() - FIELDS[op]:
        return f"unknown field {min(unknown)[:40]!r}"
    if missing := (FIELDS[op] & REQUIRED) - fields.keys():
        return f"`{min(missing)}` is missing"
    for key, value in fields.items():
        fits, wanted = CHECKS[key]
        if not fits(value):
            return f"`{key}` must be {wanted}"
    return None


class Inbox:
    """Bytes of one client, cut into lines. Feed it only while ``waiting`` is false, and it stays small."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def waiting(self) -> bool:
        """Whether ``take`` has something to give."""
        return b"\n" in self._bytes or len(self._bytes) >= LONGEST_REQUEST

    def feed(self, data: bytes) -> None:
        self._bytes += data

    def take(self) -> Request | Refusal | None:
        """The next request or refusal; ``None`` when more bytes are needed. Empty lines are passed over."""
        while True:
            end = self._bytes.find(b"\n")
            if end >= LONGEST_REQUEST or (end < 0 and len(self._bytes) >= LONGEST_REQUEST):
                self._bytes.clear()
                return Refusal(None, BAD_REQUEST, f"longer than {LONGEST_REQUEST} bytes", final=True)
            if end < 0:
                return None
            line = bytes(self._bytes[:end])
            del self._bytes[: end + 1]
            if line.strip():
                return parse(line)


class Outbox:
    """Bytes on their way to one client: answers, which must arrive, and log records, which need not.

    Records beyond ``bound`` are dropped, counted, and accounted for in the stream at the place of
    the gap. Once dropping, it goes on until half is free: else a slow reader gets one record, one
    gap, one record, for ever.
    """

    def __init__(self, bound: int = LARGEST_BACKLOG) -> None:
        self._bytes = bytearray()
        self._bound = bound
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._bytes)

    def answer(self, id_: Id, content: Mapping[str, Any]) -> None:
        self._bytes += orjson.dumps({"id": id_, "ok": True, **content}, default=str) + b"\n"

    def refuse(self, refusal: Refusal) -> None:
        answer = {"id": refusal.id, "ok": False, "code": refusal.code, "error": refusal.error}
        self._bytes += orjson.dumps(answer) + b"\n"

    def lines(self, lines: list[bytes]) -> None:
        """Add the records that an answer has announced."""
        for line in lines:
            self._bytes += line if line.endswith(b"\n") else line + b"\n"

    def records(self, block: bytes) -> None:
        """Add a block of whole lines, or as many of its first lines as there is room for."""
        full = self._bound // 2 if self._dropped else self._bound
        room = full - len(self._bytes)
        fitting = block.rfind(b"\n", 0, room) + 1 if room > 0 else 0
        if fitting:
            self._tell_of_the_gap()
            self._bytes += block[:fitting]
        self._dropped += block.count(b"\n", fitting)
        if not self._bytes:  # nothing is on its way that could end and bring this up
            self._tell_of_the_gap()

    def next(self) -> bytes:
        """What to send now; empty if there is nothing."""
        return bytes(self._bytes[:65_536])

    def sent(self, count: int) -> None:
        del self._bytes[:count]
        if not self._bytes:
            self._tell_of_the_gap()

    def _tell_of_the_gap(self) -> None:
        if self._dropped:
            self._bytes += orjson.dumps({"dropped": self._dropped}) + b"\n"
            self._dropped = 0
