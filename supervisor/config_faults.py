"""What is wrong with a configuration, in words for the one who must put it right.

Pure. A line says where, which key, its value unless that may be secret, what is wrong and what to do.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from supervisor.config_shape import VARIABLES, KeyPath, holds_a_secret, keys_of, section_at, written
from supervisor.rendering import safe

LONGEST_VALUE = 60

WORDS: Mapping[str, str] = {
    "missing": "is missing: add it",
    "string_type": "not a text: put it in quotes",
    "string_too_short": "empty: give a value, or leave the key out",
    "bool_type": "neither true nor false",
    "bool_parsing": "neither true nor false",
    "float_type": "not a number",
    "float_parsing": "not a number",
    "int_type": "not a whole number",
    "int_parsing": "not a whole number",
    "int_from_float": "not a whole number",
    "finite_number": "not a finite number",
    "path_type": "not a path: put one in quotes",
    "tuple_type": 'not a list: put it in brackets, as in ["…", "…"]',
    "model_type": "not a section: it has keys of its own",
    "dict_type": "not a section: it has keys of its own",
}


@dataclass(frozen=True)
class Fault:
    """``where`` is a file or an environment variable."""

    where: str
    key_path: KeyPath
    what: str

    def __str__(self) -> str:
        return safe(": ".join(filter(None, (self.where, written(self.key_path), self.what))))


def explain(error: ErrorDetails, key_path: KeyPath) -> str:
    """The offending value and what is wrong with it, for one error of a model."""
    kind = error["type"]
    if kind == "extra_forbidden":
        return unknown_key(key_path)  # its value may be a secret whose key was misspelt
    text = _words(error) + _keys_of_the_section(kind, key_path) + _number_to_write(kind, key_path)
    value = _shown(error["input"], key_path)
    return f"{value}: {text}" if value else text


def unknown_key(key_path: KeyPath) -> str:
    *above, key = key_path
    section = section_at(tuple(above))
    known = [] if section is None else keys_of(section)
    return f"no such key: {did_you_mean(str(key), known) or 'known here are ' + ', '.join(known)}"


def unknown_variable(name: str) -> str:
    meant = did_you_mean(name, VARIABLES)
    return f"no such setting: {meant or '`roost config schema` lists them; unset this one'}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    alike = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean `{alike[0]}`?" if alike else ""


def _words(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "literal_error":
        expected = error["ctx"]["expected"]
        meant = did_you_mean(str(error["input"]), expected.replace(" or ", ", ").replace("'", "").split(", "))
        return " ".join(filter(None, (f"must be {expected}:" if meant else f"must be {expected}", meant)))
    return WORDS.get(kind) or error["msg"].replace("Input should", "must", 1)


def _keys_of_the_section(kind: str, key_path: KeyPath) -> str:
    section = section_at(key_path) if kind in {"model_type", "dict_type"} else None
    return f" ({', '.join(keys_of(section))})" if section else ""


def _number_to_write(kind: str, key_path: KeyPath) -> str:
    """An example is shorter than a grammar."""
    *above, key = key_path
    section = section_at(tuple(above))
    if section is None or not kind.startswith(("float", "int", "finite")) or key not in section.model_fields:
        return ""
    default = section.model_fields[str(key)].default
    return f": write one such as {default}" if isinstance(default, int | float) else ""


def _shown(value: Any, key_path: KeyPath) -> str:
    """The value as it was written, if it is short enough to help and no secret."""
    if holds_a_secret(key_path) or not isinstance(value, str | int | float):
        return ""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
