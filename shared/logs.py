"""One schema for every log record of the house: a JSON object a line.

``ts`` (RFC 3339, UTC, milliseconds), ``level``, ``event``, then what the logger was bound to
(``worker``, ``user``, ``pid``), then the facts of the event. Records are formatted where they
arise and travel as bytes: whoever collects them only moves them.
"""

import logging
import time
import traceback
from collections.abc import Callable, MutableMapping
from typing import Any, cast

import orjson
import structlog
from pydantic import SecretBytes, SecretStr
from structlog.typing import FilteringBoundLogger

LEVELS = ("debug", "info", "warning", "error", "critical")
HIDDEN = "(secret)"

Event = MutableMapping[str, Any]


class _Sink:
    """What structlog calls at the end: hands over the finished line and its level's name."""

    def __init__(self, write: Callable[[bytes, str], None]) -> None:
        self._write = write

    def msg(self, line: bytes, level: str) -> None:
        self._write(line, level)

    debug = info = warning = error = critical = msg


def logger(write: Callable[[bytes, str], None], level: str, **bound: object) -> FilteringBoundLogger:
    """A logger bound to ``bound`` that passes each finished line and its level to ``write``."""
    wrapped = structlog.wrap_logger(
        _Sink(write),
        processors=[_render],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        cache_logger_on_first_use=True,
    )
    return cast(FilteringBoundLogger, wrapped.bind(**bound))


def timestamp(at: float) -> str:
    """Unix seconds as RFC 3339 in UTC with milliseconds."""
    milliseconds = int(at * 1000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{whole}.{milliseconds % 1000:03d}Z"


def _render(_: object, method: str, facts: Event) -> tuple[tuple[bytes, str], dict[str, Any]]:
    record: dict[str, Any] = {"ts": timestamp(time.time()), "level": method, "event": facts.pop("event")}
    error = facts.pop("exc_info", None)
    record.update(facts)
    if isinstance(error, BaseException):
        record["traceback"] = "".join(traceback.format_exception(error))
    return (_line(record), method), {}


def _line(record: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(record, default=_plain) + b"\n"
    except TypeError:  # half a surrogate pair, a number beyond 64 bits: no log record may end a worker
        return orjson.dumps({key: _tamed(value) for key, value in record.items()}, default=_plain) + b"\n"


def _tamed(value: object) -> object:
    try:
        orjson.dumps(value, default=_plain)
    except TypeError:
        return str(value).encode(errors="replace").decode()
    return value


def _plain(value: object) -> str:
    return HIDDEN if isinstance(value, SecretStr | SecretBytes) else str(value)
