"""The master key, and what each user's worker gets of it.

A worker is handed keys derived for its own user alone, so no worker can read another's tokens. The
file holds one or more keys, newest first, each 32 bytes in urlsafe base64 on a line of its own. Its
content never reaches a message.
"""

import base64
import binascii
import fcntl
import hmac
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretBytes, SecretStr

from shared import files
from shared.errors import ConfigurationFault

NAME = "roost.key"
PURPOSE = b"streamroost user key v1:"
KEY_BYTES = 32
LARGEST_FILE = 65_536


def master_keys(state_dir: Path, environ: Mapping[str, str]) -> tuple[SecretBytes, ...]:
    """Newest first. Makes ``state_dir/roost.key`` if no key is given and there is none yet.

    Raises ``ConfigurationFault`` for a file that cannot be read, that others can read, or that holds no key.
    """
    if folder := environ.get("CREDENTIALS_DIRECTORY"):
        credential = Path(folder) / NAME
        if _is_there(credential):
            # Its mode is systemd's affair: the mask of the service's ACL looks like group bits.
            return _parsed(credential, _content(credential, may_be_shared=True))
    if named := environ.get("ROOST_KEY_FILE"):
        return _parsed(Path(named), _content(Path(named)))
    own = state_dir / NAME
    if not _is_there(own):
        _make(own)
    return _parsed(own, _content(own))


def keys_for(username: str, masters: tuple[SecretBytes, ...]) -> tuple[SecretStr, ...]:
    """The Fernet keys of one user, in the order of the master keys."""
    purpose = PURPOSE + username.encode()
    derived = [hmac.digest(master.get_secret_value(), purpose, "sha256") for master in masters]
    return tuple(SecretStr(base64.urlsafe_b64encode(key).decode()) for key in derived)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as fault:
        raise _unreadable(path, fault) from fault


def _make(path: Path) -> None:
    """Two first starts at once must end with the same key: whoever comes second finds the first one's."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if not path.exists():
                files.replace(path, base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        finally:
            os.close(folder)
    except OSError as fault:
        raise ConfigurationFault(
            f"{path}: cannot be made: {fault.strerror}: "
            "make its folder writable, or name a key file in ROOST_KEY_FILE"
        ) from fault


def _content(path: Path, *, may_be_shared: bool = False) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO) and not may_be_shared:
                raise ConfigurationFault(
                    f"{path}: others can read this key (mode {stat.S_IMODE(mode):04o}): `chmod 600 {path}`"
                )
            return file.read(LARGEST_FILE)
    except OSError as fault:
        raise _unreadable(path, fault) from fault


def _unreadable(path: Path, fault: OSError) -> ConfigurationFault:
    return ConfigurationFault(
        f"{path}: {fault.strerror}: the key must be a file that the supervisor's user can read"
    )


def _parsed(path: Path, content: bytes) -> tuple[SecretBytes, ...]:
    lines = [(number, line.strip()) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if not lines:
        raise ConfigurationFault(
            f"{path}: no key in it: restore it, or remove the file for a new key (every user signs in again)"
        )
    return tuple(SecretBytes(_key(path, number, line)) for number, line in lines)


def _key(path: Path, number: int, line: bytes) -> bytes:
    try:
        key = base64.b64decode(line, altchars=b"-_", validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationFault(
            f"{path}: line {number} is not a key (32 bytes in urlsafe base64, 44 characters): "
            "restore it, or remove the file for a new key (every user signs in again)"
        )
    return key
