"""The state and the runtime directory: where they are when nobody names them, and that they can be used."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from shared.errors import ConfigurationFault
from shared.files import make_private_directory

SYSTEMD = {"supervisor.state_dir": "STATE_DIRECTORY", "supervisor.runtime_dir": "RUNTIME_DIRECTORY"}


def usual_state_dir(environ: Mapping[str, str]) -> Path:
    if given := environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])  # systemd puts colons between several
    if state := environ.get("XDG_STATE_HOME"):
        return Path(state) / "streamroost"
    try:
        return Path.home() / ".local/state/streamroost"
    except RuntimeError:
        raise ConfigurationFault(
            "supervisor.state_dir: this user has no home directory to keep state in: "
            "set it, or ROOST_SUPERVISOR__STATE_DIR"
        ) from None


def told_by_systemd(origins: dict[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """``origins`` with systemd's own variables named where they have decided."""
    told = {
        key: f"environment {variable}"
        for key, variable in SYSTEMD.items()
        if origins[key] == "default" and environ.get(variable)
    }
    return origins | told


def make_ready(directory: Path, key: str) -> str | None:
    """Make the directory if it is missing; what is wrong with it, in words."""
    try:
        make_private_directory(directory)
        if not directory.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "not writable")
    except OSError as fault:
        return (
            f"supervisor.{key}: {directory}: {fault.strerror}: "
            "make it a directory that the supervisor's user can write, or name another"
        )
    return None
