"""Where things are when nobody says otherwise: the configuration file and the control socket.

Only the standard library, and no validation: a command must find the running supervisor at once, and
also while the file has faults. Then most of all: it is the supervisor that tells what is wrong.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from shared.errors import ConfigurationFault

SOCKET = "control.sock"
NAMED = re.compile(r"""\bruntime_dir["']?\s*[=:]\s*["']([^"'\n\0]+)["']""")


class NoTelling(ConfigurationFault):
    """The configuration ``file`` cannot be understood. Its supervisor may be at one of ``guesses``.

    An order must not go to another one: whoever is found there must say that it runs on ``file``.
    """

    def __init__(self, file: Path, why: str, guesses: list[Path]) -> None:
        super().__init__(
            f"{file}: {why}: so there is no telling where its supervisor is, and nobody in a usual place "
            "says to run on this file: correct it, or set ROOST_SUPERVISOR__RUNTIME_DIR"
        )
        self.file = file
        self.guesses = guesses


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
    """Where a command finds the supervisor: the configured place, or the first usual one with a socket.

    Raises ``NoTelling``.
    """
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
    return None if path is None else _named_in(path, environ)


def _named_in(path: Path, environ: Mapping[str, str]) -> Path | None:
    """``supervisor.runtime_dir`` as the file has it; relative to the file, as everything in it is."""
    import json  # noqa: PLC0415  most commands run where no such file is
    import tomllib  # noqa: PLC0415

    try:
        text = path.read_text("utf-8-sig")
        content = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
        named = content.get("supervisor", {}).get("runtime_dir")
        return path.parent / Path(named).expanduser() if named else None
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError) as fault:
        why = getattr(fault, "strerror", None) or "not understood, as `roost config check` tells"
        raise NoTelling(path, why, [folder / SOCKET for folder in _guesses(path, environ)]) from None


def _guesses(path: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    with contextlib.suppress(OSError, RuntimeError):
        for named in NAMED.findall(path.read_text("utf-8", errors="replace")):
            yield path.parent / Path(named).expanduser()
    yield from _runtime_dirs(environ)


def _exists(path: Path) -> bool:
    """Whether it is there, or may be: what we must not look at is there for somebody else."""
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True
