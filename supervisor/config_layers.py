"""The configuration file with the environment laid over it: one tree, and where each value came from.

Secrets that are named by file are read here, and relative paths are made absolute: those of the
file start at its folder, those of the environment at the working directory.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.settings import Section, Settings
from supervisor import config_file
from supervisor.config_faults import Fault, unknown_variable
from supervisor.config_shape import (
    VARIABLES,
    KeyPath,
    is_path,
    secret_in_file,
    section_at,
    section_of,
)

NOT_SETTINGS = frozenset({"ROOST_CONFIG", "ROOST_KEY_FILE", "ROOST_PRELOAD_CA", "ROOST_LOG"})
# Kubernetes tells every container of a service called "roost" by variables of these names.
KUBERNETES = re.compile(r"ROOST_(SERVICE_(HOST|PORT)|PORT)(_[A-Z0-9_]+)?")
LARGEST_SECRET = 65_536  # bytes


@dataclass
class Layers:
    """``tree`` is what the models will validate; ``variables`` says which keys the environment gave."""

    path: Path | None
    unread: bool = False  # the file gave nothing: what is missing is no further fault
    tree: dict[str, Any] = field(default_factory=dict)
    variables: dict[KeyPath, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def where(self, key_path: KeyPath) -> str:
        """The file or the variable that an operator must change for this key."""
        return self._variable(key_path) or (str(self.path) if self.path else "configuration")

    def origin(self, key_path: KeyPath) -> str:
        """Where the value in force came from."""
        if not self._has(key_path):
            return "default"
        variable = self._variable(key_path)
        return f"environment {variable}" if variable else f"file {self.path}"

    def _variable(self, key_path: KeyPath) -> str | None:
        above = (key_path[:length] for length in range(len(key_path), 0, -1))
        return next((self.variables[part] for part in above if part in self.variables), None)

    def _has(self, key_path: KeyPath) -> bool:
        value: Any = self.tree
        for key in key_path:
            if isinstance(value, list):
                value = value[int(key)]
            elif isinstance(value, dict) and key in value:
                value = value[key]
            else:
                return False
        return True


def gather(path: Path | None, environ: Mapping[str, str]) -> Layers:
    """Read the file, then the environment over it. What is wrong is collected, not raised."""
    layers = Layers(path)
    if path is not None:
        _add_file(layers, path)
    _add_environment(layers, environ)
    return layers


def _add_file(layers: Layers, path: Path) -> None:
    try:
        tree = config_file.read(path)
    except config_file.Unreadable as fault:
        layers.unread = True
        layers.faults.append(Fault(str(path), (), str(fault)))
        return
    layers.faults += _Settling(str(path), path.absolute().parent).settle(tree, Settings, ())
    layers.tree = tree


def _add_environment(layers: Layers, environ: Mapping[str, str]) -> None:
    """A variable that is set to nothing counts as not set: container tools pass those on."""
    for name in sorted(environ):
        text = environ[name]
        if not name.startswith("ROOST_") or not text or name in NOT_SETTINGS or KUBERNETES.fullmatch(name):
            continue
        if name in VARIABLES:
            _add_variable(layers, name, VARIABLES[name], text)
        else:
            layers.faults.append(Fault(name, (), unknown_variable(name)))


def _add_variable(layers: Layers, name: str, key_path: KeyPath, text: str) -> None:
    value: Any = text
    if key_path == ("users",):
        try:
            value = config_file.parsed_json(text)
        except config_file.Unreadable as fault:
            layers.unread = True
            layers.faults.append(Fault(name, (), str(fault)))
            return
        # The file's list does not count any more, nor does what is wrong with it.
        layers.faults = [fault for fault in layers.faults if fault.key_path[:1] != ("users",)]
    *above, key = key_path
    section = {str(key): value}
    model = section_at(tuple(above)) or Settings
    layers.faults += _Settling(name, Path.cwd()).settle(section, model, tuple(above))
    for settled, setting in section.items():  # one; or none, if it names a file that gave nothing
        _lay_over(layers, name, (*above, settled), setting)


def _lay_over(layers: Layers, name: str, key_path: KeyPath, value: Any) -> None:
    if other := layers.variables.get(key_path):
        layers.faults.append(Fault(name, key_path, f"{other} gives it, too: unset one of them"))
    layers.variables[key_path] = name
    _put(layers.tree, key_path, value)


def _put(tree: dict[str, Any], key_path: KeyPath, value: Any) -> None:
    *above, last = key_path
    for key in above:
        inner = tree.setdefault(str(key), {})
        if not isinstance(inner, dict):
            return  # the file has a plain value where a section belongs, and will be told so
        tree = inner
    tree[str(last)] = value


@dataclass(frozen=True)
class _Settling:
    """One layer's values on their way into the tree: ``where`` they stand, and where relative paths begin."""

    where: str
    folder: Path

    def settle(self, tree: dict[str, Any], model: type[Section], above: KeyPath) -> Iterator[Fault]:
        """Put secrets in the place of the files that hold them, absolute paths in that of relative ones."""
        for key, value in list(tree.items()):
            key_path = (*above, key)
            if secret := secret_in_file(model, key):
                yield from self._read_secret(tree, secret, key_path)
            elif is_path(model, key):
                yield from self._make_absolute(tree, key, key_path)
            elif section := section_of(model, key):
                for position, part in enumerate(value if isinstance(value, list) else [value]):
                    if isinstance(part, dict):
                        deeper = (*key_path, position) if isinstance(value, list) else key_path
                        yield from self.settle(part, section, deeper)

    def _make_absolute(self, tree: dict[str, Any], key: str, key_path: KeyPath) -> Iterator[Fault]:
        text = tree[key]
        if not _may_be_a_path(text):
            return  # the model says what is wrong with it
        try:
            tree[key] = self.folder / Path(text).expanduser()
        except RuntimeError:
            del tree[key]
            yield self._fault(
                key_path, f'"{text}": no such user, or no home of that user: write the whole path'
            )

    def _read_secret(self, tree: dict[str, Any], secret: str, key_path: KeyPath) -> Iterator[Fault]:
        name = tree.pop(str(key_path[-1]))
        if secret in tree:
            yield self._fault(key_path, f"`{secret}` is given, too: keep one of the two")
        elif not _may_be_a_path(name):
            yield self._fault(key_path, f"not a path: name the file that holds `{secret}`")
        else:
            try:
                tree[secret] = _secret_in(self.folder / Path(name).expanduser())
            except OSError as fault:
                todo = "name a file that the supervisor's user can read"
                yield self._fault(key_path, f"{fault.filename or name}: {fault.strerror}: {todo}")
            except (ValueError, RuntimeError):
                yield self._fault(key_path, f"{name}: no secret in it: put it there, on one line of text")

    def _fault(self, key_path: KeyPath, what: str) -> Fault:
        return Fault(self.where, key_path, what)


def _may_be_a_path(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def _secret_in(path: Path) -> str:
    """Raises ``OSError``, and ``ValueError`` for what cannot be a secret."""
    with path.open("rb") as file:
        lines = file.read(LARGEST_SECRET).decode().split()
    (secret,) = lines
    return secret
