"""The configuration file as a tree of plain values. It is read, never written."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supervisor.older import modernised
from supervisor.places import configuration_files

START_ANEW = "write one with `roost init`"
LARGEST_FILE = 16_777_216  # bytes; somebody named a log or a device


class Unreadable(Exception):
    """The file gives no tree. The text says why and what to do, without the file's name."""


def find(named: Path | None, environ: Mapping[str, str]) -> tuple[Path | None, list[Path]]:
    """The file to read, and every place that was looked at. One that was named is returned unseen."""
    if named is not None:
        return named, [named]
    places = list(configuration_files(environ))
    if environ.get("ROOST_CONFIG"):
        return places[0], places
    return next((place for place in places if _may_be_there(place)), None), places


def read(path: Path) -> dict[str, Any]:
    """The tree in ``path``, an older program's in the form of today. Raises ``Unreadable``."""
    content = _text(path)
    # No TOML document begins with a brace; the older program's JSON is called twitch_colorchanger.conf.
    if path.suffix == ".json" or content.lstrip().startswith("{"):
        tree = parsed_json(content)
        if not isinstance(tree, dict):
            raise Unreadable('not a configuration: it must be an object, as in {"users": […]}')
        return modernised(tree)
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as fault:
        raise Unreadable(f"not TOML: {fault}: correct it there or just before") from fault
    except RecursionError:
        raise Unreadable("nested too deeply: no setting is") from None


def parsed_json(text: str) -> Any:
    """Strict JSON: no key twice in an object. Raises ``Unreadable``, which never quotes the text."""
    try:
        content = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as fault:
        place = f"at line {fault.lineno}, column {fault.colno}"
        raise Unreadable(f"not JSON: {fault.msg} ({place}): correct it there or just before") from fault
    except RecursionError:
        raise Unreadable("nested too deeply: no setting is") from None
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two of the same key are a slip of the pen: the first must not vanish without a word."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Unreadable(f"the key {json.dumps(twice)} stands twice in one object: keep one of them")
    return content


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        text = content.decode("utf-8-sig")  # some editors begin a file with a byte-order mark
    except FileNotFoundError:
        raise Unreadable(f"no such file: correct the name, or {START_ANEW}") from None
    except IsADirectoryError:
        raise Unreadable("this is a directory: name the file in it") from None
    except UnicodeDecodeError as fault:
        line = fault.object.count(b"\n", 0, fault.start) + 1
        raise Unreadable(f"line {line} is not UTF-8: save the file in that encoding") from None
    except OSError as fault:
        raise Unreadable(f"{fault.strerror}: make it readable for the supervisor's user") from fault
    if len(content) > LARGEST_FILE:
        raise Unreadable("larger than 16 MiB: this is no configuration; name another file")
    if not text.strip():
        raise Unreadable(f"empty: fill it, or remove it and {START_ANEW}")
    return text


def _may_be_there(path: Path) -> bool:
    """Also where we may not look: a file that is passed over in silence is worse than one that is refused."""
    try:
        return path.exists()
    except OSError:
        return True
