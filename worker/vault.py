"""The user's tokens at rest: one encrypted file, one reader, one writer.

A corrupt or undecryptable file is set aside, never overwritten, and the user signs in anew.
"""

from pathlib import Path

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from shared import files


class Tokens(BaseModel):
    """A pair of tokens of the client ``client_id``; ``expires_at`` in Unix seconds."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    client_id: str
    access_token: SecretStr
    refresh_token: SecretStr | None
    expires_at: float
    user_id: str | None = None  # known once Twitch has validated them


class VaultDamaged(Exception):
    """The stored tokens cannot be read; they were kept at the place that the text names."""


class Vault:
    """``keys`` are Fernet keys, newest first: all can read, the first writes."""

    def __init__(self, path: Path, keys: tuple[SecretStr, ...]) -> None:
        self.path = path
        self._box = MultiFernet([Fernet(key.get_secret_value()) for key in keys])

    def load(self) -> Tokens | None:
        """The stored tokens. Raises ``VaultDamaged`` after setting an unreadable file aside."""
        try:
            return Tokens.model_validate_json(self._box.decrypt(self.path.read_bytes()))
        except FileNotFoundError:
            return None
        except InvalidToken:
            raise VaultDamaged(self._set_aside("the key does not fit, or the file is damaged")) from None
        except ValidationError:
            raise VaultDamaged(self._set_aside("its content is not what was stored")) from None

    def save(self, tokens: Tokens) -> None:
        """Durable when this returns. Raises ``OSError`` with the old content untouched."""
        content = tokens.model_dump()
        content["access_token"] = tokens.access_token.get_secret_value()
        content["refresh_token"] = tokens.refresh_token and tokens.refresh_token.get_secret_value()
        files.replace(self.path, self._box.encrypt(orjson.dumps(content)))

    def _set_aside(self, why: str) -> str:
        return f"{self.path}: {why}; kept as {files.set_aside(self.path, 'damaged')}"
