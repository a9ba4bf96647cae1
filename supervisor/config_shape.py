"""What may be set where: the settings models, asked by key path.

Pure. A key path is a tuple such as ``("users", 1, "channels", 0)``; people write ``users[1].channels[0]``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr

from shared.settings import Section, Settings, Twitch, User

KeyPath = tuple[str | int, ...]

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
FILE_SUFFIX = "_file"


def written(key_path: KeyPath) -> str:
    """As it is written in errors; a key that is no plain word is quoted, so that it stays on its line."""
    text = ""
    for key in key_path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += "." * bool(text) + (key if BARE_KEY.fullmatch(key) else json.dumps(key))
    return text


def section_of(model: type[Section], key: str) -> type[Section] | None:
    """The model that ``key`` holds, one or a list of them."""
    for kind in _kinds(model, key):
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind
    return None


def is_secret(model: type[Section], key: str) -> bool:
    return SecretStr in _kinds(model, key)


def is_path(model: type[Section], key: str) -> bool:
    return Path in _kinds(model, key)


def secret_in_file(model: type[Section], key: str) -> str | None:
    """``client_secret`` for ``client_secret_file``: the secret that the named file holds."""
    secret = key.removesuffix(FILE_SUFFIX)
    return secret if secret != key and is_secret(model, secret) else None


def keys_of(model: type[Section]) -> list[str]:
    """Every key that may be written in this section."""
    secrets = [key + FILE_SUFFIX for key in model.model_fields if is_secret(model, key)]
    return [*model.model_fields, *secrets]


def section_at(key_path: KeyPath) -> type[Section] | None:
    """The section reached by ``key_path``; ``None`` if that is a value, or nothing."""
    model: type[Section] = Settings
    for key in key_path:
        if isinstance(key, str):
            inner = section_of(model, key)
            if inner is None:
                return None
            model = inner
    return model


def holds_a_secret(key_path: KeyPath) -> bool:
    *above, key = key_path
    section = section_at(tuple(above))
    return section is not None and isinstance(key, str) and is_secret(section, key)


def _kinds(model: type[Section], key: str) -> list[Any]:
    field = model.model_fields.get(key)
    return [] if field is None else list(_leaves(field.annotation))


def _leaves(annotation: Any) -> Iterator[Any]:
    """The plain types within ``Annotated``, ``Optional`` and ``tuple``."""
    arguments = get_args(annotation)
    if not arguments:
        yield annotation
    for argument in arguments:
        yield from _leaves(argument)


def _variables(model: type[Section], above: tuple[str, ...]) -> Iterator[tuple[str, KeyPath]]:
    for key in keys_of(model):
        key_path = (*above, key)
        section = section_of(model, key)
        if section is None or section is User:
            yield "ROOST_" + "__".join(key_path).upper(), key_path
        else:
            yield from _variables(section, key_path)


# Every environment variable that is a setting, and the key that it sets.
VARIABLES: Mapping[str, KeyPath] = dict(_variables(Settings, ()))


def schema() -> dict[str, Any]:
    """The JSON schema of the file, with the ``…_file`` keys that only the loader knows."""
    whole = Settings.model_json_schema()
    for model in (Twitch, User):
        properties = whole["$defs"][model.__name__]["properties"]
        for key in keys_of(model):
            if (secret := secret_in_file(model, key)) is not None:
                properties[key] = {"type": "string", "description": f"A file that holds `{secret}`."}
    return whole
