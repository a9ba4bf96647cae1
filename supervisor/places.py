"""Where things are when nobody says otherwise: the configuration file and the control socket.

Only the standard library, and no validation: a command must find the running supervisor at once, and
also while the file has faults that do not matter to it.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from shared.errors import ConfigurationFault

SOCKET = "control.sock"


def configuration_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where the configuration may be when --config is not given: the first that exists is the one."""
    if named := environ.get("ROOST_CONFIG"):
        yield Path(named)
        return
    yield Path("roost.toml")
    with contextlib.suppress(RuntimeError):  # a user without a home has no file in it
        home = environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
        yield Path(home) / "streamroost" / "roost.toml"
    yield Path("/etc/streamroost/roost.toml")


def runtime_dir(environ: Mapping[str, str]) -> Path:
    """Where a supervisor puts its socket unless its configuration names a place."""
    return next(_runtime_dirs(environ))


def control_socket(config: Path | None, environ: Mapping[str, str]) -> Path:
    """Where a command finds the supervisor: the configured place, or the first usual one with a socket."""
    if configured := _configured_runtime_dir(config, environ):
        return configured / SOCKET
    usual = [folder / SOCKET for folder in _runtime_dirs(environ)]
    return next((path for path in usual if _exists(path)), usual[0])


def _runtime_dirs(environ: Mapping[str, str]) -> Iterator[Path]:
    if given := environ.get("RUNTIME_DIRECTORY"):
        yield Path(given.split(":")[0])  # systemd puts colons between several
    if session := environ.get("XDG_RUNTIME_DIR"):
        yield Path(session) / "streamroost"
    own = Path(f"/tmp/streamroost-{os.getuid()}")  # noqa: S108  both sides check whose it is
    system = Path("/run/streamroost")
    yield from (system, own) if os.getuid() == 0 else (own, system)


def _configured_runtime_dir(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    if given := environ.get("ROOST_SUPERVISOR__RUNTIME_DIR"):
        return Path(given).expanduser()
    given_file = config or environ.get("ROOST_CONFIG")
    usual = (path for path in configuration_files(environ) if _exists(path))
    path = Path(given_file) if given_file else next(usual, None)
    return None if path is None else _named_in(path)


def _named_in(path: Path) -> Path | None:
    """``supervisor.runtime_dir`` as the file has it; relative to the file, as everything in it is.

    Raises ``ConfigurationFault`` if there is no telling: an order must not go to another supervisor.
    """
    import json  # noqa: PLC0415  most commands run where no such file is
    import tomllib  # noqa: PLC0415

    try:
        text = path.read_text("utf-8-sig")
        content = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
        named = content.get("supervisor", {}).get("runtime_dir")
        return path.parent / Path(named).expanduser() if named else None
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError) as fault:
        why = (
            fault.strerror if isinstance(fault, OSError) else "not understood, as `roost config check` tells"
        )
        raise ConfigurationFault(
            f"{path}: {why}: so there is no telling where its supervisor is: "
            "correct it, or set ROOST_SUPERVISOR__RUNTIME_DIR"
        ) from None


def _exists(path: Path) -> bool:
    """Whether it is there, or may be: what we must not look at is there for somebody else."""
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True
