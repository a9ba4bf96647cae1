"""What a user's worker remembers across restarts and may lose no more than a few seconds of.

`state.json` belongs to this worker alone. What an operator or the user has decided is written at
once; counters and the latest colors a few seconds later, because a disk that is asked to be
certain after every chat message would be the slowest part of the house.
"""

import time
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError
from structlog.typing import FilteringBoundLogger

from shared import files

SAVE_SECONDS = 5.0
RETRY_SECONDS = 30.0
COLORS_KEPT = 100

Color = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


class UserState(BaseModel):
    switched_on: bool = True
    colors: list[Color] = []  # the latest, oldest first
    hex_refused_at: float | None = None  # Unix seconds; None: hex colors are allowed as far as we know
    ids: dict[str, str] = {}  # login → user id
    counters: dict[str, int] = {}
    seed_taken: str | None = None  # digest of the last tokens taken over from the configuration


class StateFile:
    def __init__(self, path: Path, log: FilteringBoundLogger) -> None:
        self._path = path
        self._log = log
        self._unsaved_since: float | None = None
        self._retry_at = 0.0
        self.state = self._load()

    def changed(self) -> None:
        """Something worth keeping changed: it is saved within `SAVE_SECONDS`."""
        if self._unsaved_since is None:
            self._unsaved_since = time.monotonic()

    def due(self) -> float | None:
        """When ``save`` should be called, on the monotonic clock."""
        if self._unsaved_since is None:
            return None
        return max(self._unsaved_since + SAVE_SECONDS, self._retry_at)

    def save(self) -> None:
        """Save now. A disk that refuses is told of, and tried again later: the work goes on."""
        try:
            files.replace(self._path, self.state.model_dump_json().encode())
        except OSError as refused:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            self.changed()
            self._log.error(
                "state not saved",
                path=str(self._path),
                reason=refused.strerror,
                remedy="free space, or make the folder writable; nothing is lost while this worker runs",
                retry_in=RETRY_SECONDS,
            )
        else:
            self._unsaved_since = None

    def _load(self) -> UserState:
        try:
            return UserState.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return UserState()
        except ValidationError as damage:
            aside = files.set_aside(self._path, "damaged")
            self._log.error(
                "state damaged", path=str(self._path), kept_as=str(aside), faults=damage.error_count()
            )
            return UserState()
