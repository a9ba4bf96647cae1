"""The runtime directory, held by one living supervisor at a time.

``roost.lock`` is locked for as long as its process lives, however that ends: so a socket found
there by whoever got the lock is a dead one's, and may be replaced. The file itself stays: unlinking
a lock lets two processes hold "the" lock at once.
"""

import fcntl
import os
import socket
import stat
from pathlib import Path

from shared.errors import ConfigurationFault
from shared.files import make_private_directory

LONGEST_SOCKET_PATH = 107  # bytes: sun_path of unix(7), less its final NUL
LONGEST_NAME = "listener-12345678"  # of a socket here: the forkserver's, as ``multiprocessing`` calls it


class Premises:
    """A claim on ``runtime_dir``.

    Raises ``ConfigurationFault`` if another supervisor lives there, or if it is no safe place.
    """

    def __init__(self, runtime_dir: Path) -> None:
        self.trusted = frozenset({os.getuid(), 0})
        self._socket_path = runtime_dir / "control.sock"
        if len(os.fsencode(runtime_dir / LONGEST_NAME)) > LONGEST_SOCKET_PATH:
            raise ConfigurationFault(
                f"{runtime_dir / LONGEST_NAME}: a socket's path has at most {LONGEST_SOCKET_PATH} bytes: "
                "set supervisor.runtime_dir to a shorter one"
            )
        try:
            make_private_directory(runtime_dir)
            self._refuse_what_others_may_write(runtime_dir)
            self._lock = _lock(runtime_dir / "roost.lock")
        except OSError as fault:
            raise ConfigurationFault(
                f"{fault.filename or runtime_dir}: {fault.strerror}: "
                "make it writable for this user, or set supervisor.runtime_dir"
            ) from fault

    def listen(self) -> socket.socket:
        """Open the control socket, which nobody but this user and root can connect to."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        usual = os.umask(0o177)  # a chmod afterwards would leave a moment in which anybody may connect
        try:
            self._socket_path.unlink(missing_ok=True)
            listener.bind(os.fspath(self._socket_path))
        except OSError as fault:
            listener.close()
            os.close(self._lock)
            raise ConfigurationFault(
                f"{self._socket_path}: {fault.strerror}: remove what is there"
            ) from fault
        finally:
            os.umask(usual)
        listener.listen()
        return listener

    def leave(self) -> None:
        self._socket_path.unlink(missing_ok=True)
        os.close(self._lock)

    def _refuse_what_others_may_write(self, directory: Path) -> None:
        facts = directory.stat()
        if facts.st_uid not in self.trusted or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise ConfigurationFault(
                f"{directory}: others may write here, and could put a socket of theirs in our place: "
                f"`chmod 700` it, or set supervisor.runtime_dir to a directory of your own"
            )


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise ConfigurationFault(
            f"{path.parent}: a supervisor (pid {holder}) is at work here: end it with `roost shutdown`, "
            "or give this one another supervisor.runtime_dir"
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, b"%d\n" % os.getpid())
    return descriptor
