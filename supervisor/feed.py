"""The reading end of one worker's log pipe: blocks of whole lines, and what a death tore off."""

import os
from collections.abc import Callable

PIECE = 65_536  # bytes read in one turn
LONGEST_LINE = 1_048_576  # a line longer than this is cut
SHOWN = 2_000  # characters of a fragment that are worth a record


class Feed:
    """``write`` gets whole lines; ``torn`` the text of a line that has no end.

    ``ended``: every writer has closed it, and there is nothing left to wait for.
    """

    def __init__(self, pipe: int, write: Callable[[bytes], None], torn: Callable[[str], None]) -> None:
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._write = write
        self._torn = torn
        self._begun = b""
        self.ended = False

    def read(self) -> bool:
        """Move at most one piece; false if there was none, now or ever."""
        try:
            data = os.read(self._pipe, PIECE)
        except BlockingIOError:
            return False
        if not data:
            self.ended = True
            return False
        end = data.rfind(b"\n") + 1
        if end:
            self._write(self._begun + data[:end])
            self._begun = data[end:]
        else:
            self._begun += data
            if len(self._begun) > LONGEST_LINE:
                self._cut()
        return True

    def finish(self) -> None:
        """Read to the end: the writer is dead."""
        while self.read():
            pass
        if self._begun:
            self._cut()

    def _cut(self) -> None:
        fragment, self._begun = self._begun, b""
        self._torn(fragment.decode(errors="replace")[:SHOWN])
