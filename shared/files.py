"""Writing files so that a crash at any instant leaves the old content or the new, never half of one."""

import errno
import os
from pathlib import Path

from shared.errors import ConfigurationFault, RoostError, TryLater

# What only a person can mend. Everything else a disk may get over: space is freed, a mount comes back.
FOR_A_PERSON = {
    errno.EACCES,
    errno.EPERM,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.ELOOP,
    errno.EROFS,
}


def fault(refused: OSError, path: Path) -> RoostError:
    """The error to raise where ``path`` (or what ``refused`` names) cannot be used at all."""
    where, why = refused.filename or path, refused.strerror
    if refused.errno in FOR_A_PERSON:
        return ConfigurationFault(f"{where}: {why}: make it the service user's own, to read and write")
    return TryLater(f"{where}: {why}: free space, or bring the disk back; it is tried again")


def replace(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, mode 0600, durable when this returns.

    Raises ``OSError`` (full disk, no permission) with the old content untouched.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        draft.rename(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def set_aside(path: Path, label: str) -> Path:
    """Rename ``path`` to ``path.label`` (numbered if taken) and say where it went: nothing is deleted."""
    number = 0
    while True:
        aside = path.with_name(f"{path.name}.{label}" + (f".{number}" if number else ""))
        if not aside.exists():
            path.rename(aside)
            sync_directory(path.parent)
            return aside
        number += 1


def sync_directory(path: Path) -> None:
    """Make renames inside ``path`` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private_directory(path: Path) -> None:
    """Make ``path`` and its missing parents, mode 0700."""
    for missing in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
