"""The first things a forked process does: let go of everything that it inherited and does not own.

A sibling's descriptor kept open here would hide that sibling's end-of-file from the supervisor; a
wake-up descriptor kept would write this worker's signals into somebody else's loop.
"""

import contextlib
import ctypes
import os
import signal
from pathlib import Path

PR_SET_NAME = 15
LIBC = ctypes.CDLL(None, use_errno=True)


def begin_alone(name: str, keep: set[int]) -> None:
    """Default signals, no foreign descriptors but ``keep`` and standard error, a name for ``top``."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    # A terminal's Ctrl-C or hang-up reaches the whole group: the supervisor decides what it means.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    # Standard output belongs to the supervisor's JSON lines: a stray print goes beside them.
    os.dup2(2, 1)
    close_all_but(keep | {0, 1, 2})
    LIBC.prctl(PR_SET_NAME, f"roost:{name}".encode()[:15], 0, 0, 0)


def close_all_but(keep: set[int]) -> None:
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor not in keep:
            with contextlib.suppress(OSError):  # the one that listed the folder is gone already
                os.close(descriptor)
