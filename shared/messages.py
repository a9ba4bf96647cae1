"""What the supervisor and a worker tell each other over their link: small, frozen, JSON on the wire.

JSON and not pickle, because whoever unpickles runs the sender's code, and the supervisor must
survive a worker that has gone wrong.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ready(_Message):
    """The worker's loop runs. It says nothing about what the platform thinks of it."""

    kind: Literal["ready"] = "ready"


class Beat(_Message):
    """Proof of life, at most once a second while something changes and every few seconds otherwise.

    ``phase`` is one word for what the worker is doing; ``detail`` a short sentence for people, whose
    last clause happened at ``detail_at`` (Unix seconds) and is shown with its age. ``counters`` only
    ever grow and go on over restarts; ``facts`` are the newest values worth showing.
    """

    kind: Literal["beat"] = "beat"
    phase: str
    detail: str = ""
    detail_at: float | None = None
    counters: dict[str, int] = {}
    facts: dict[str, str | int | float | bool | None] = {}


class NeedsSignIn(_Message):
    """A person must open ``url`` and confirm ``code`` before ``expires_at`` (Unix seconds)."""

    kind: Literal["needs-sign-in"] = "needs-sign-in"
    url: str
    code: str
    expires_at: float
    why: str


class Failed(_Message):
    """The reason for the exit code that is about to follow."""

    kind: Literal["failed"] = "failed"
    reason: str


class Done(_Message):
    """The answer to the ``Do`` of the same ``id``."""

    kind: Literal["done"] = "done"
    id: int
    ok: bool
    text: str


class Stop(_Message):
    """Finish what must not be cut short, then leave with ``Exit.DONE``."""

    kind: Literal["stop"] = "stop"


class Do(_Message):
    """An operator's order to one worker, such as ``color`` ``["set", "red"]``."""

    kind: Literal["do"] = "do"
    id: int
    action: str
    args: list[str] = []


Up = Annotated[Ready | Beat | NeedsSignIn | Failed | Done, Field(discriminator="kind")]
Down = Annotated[Stop | Do, Field(discriminator="kind")]
Message = Ready | Beat | NeedsSignIn | Failed | Done | Stop | Do

UP: TypeAdapter[Ready | Beat | NeedsSignIn | Failed | Done] = TypeAdapter(Up)
DOWN: TypeAdapter[Stop | Do] = TypeAdapter(Down)
