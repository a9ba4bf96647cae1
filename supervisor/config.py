"""From file and environment to settings: what is in force, and everything that is wrong, at once.

A fault of one user costs that user alone: it is listed as rejected, and the others load. Any other
fault stops the load. Secrets never appear in an error.
"""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretBytes, ValidationError

from shared.errors import ConfigurationFault
from shared.settings import Section, Settings, User, WorkerSettings
from supervisor import config_file, directories, keys, places
from supervisor.config_faults import Fault, explain
from supervisor.config_layers import Layers, gather
from supervisor.config_shape import KeyPath, written
from supervisor.config_users import Rejected, admit

SOME_USER = 'name somebody to work for: [[users]] with username = "…", or run `roost init`'


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """One reading of the configuration. ``origins`` says of each key where its value came from."""

    settings: Settings
    path: Path | None
    state_dir: Path
    runtime_dir: Path
    rejected: tuple[Rejected, ...]
    origins: Mapping[str, str]
    master_keys: tuple[SecretBytes, ...] = field(default=(), repr=False)

    def workers(self) -> dict[str, WorkerSettings]:
        """What each enabled user's worker is told, by name."""
        return {user.username: self._worker(user) for user in self.settings.users if user.enabled}

    def _worker(self, user: User) -> WorkerSettings:
        twitch = self.settings.twitch
        if user.client_id:  # a secret belongs to its id: never the one of [twitch] with the user's own
            twitch = twitch.model_copy(
                update={"client_id": user.client_id, "client_secret": user.client_secret}
            )
        return WorkerSettings(
            username=user.username,
            channels=user.channels or (user.username,),
            color=user.color,
            twitch=twitch,
            seed=user.seed,
            user_dir=self.state_dir / "users" / user.username,
            keys=keys.keys_for(user.username, self.master_keys),
            log_level=self.settings.supervisor.log.level,
            silence_seconds=self.settings.supervisor.silence_seconds,
        )


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Read the configuration and make ready what it names: its directories and the master key.

    ``path`` is what --config said. Raises ``ConfigurationFault`` with a line for each fault.
    """
    loaded = examine(path, environ)
    faults = [
        directories.make_ready(loaded.state_dir, "state_dir"),
        directories.make_ready(loaded.runtime_dir, "runtime_dir"),
    ]
    if any(faults):
        raise ConfigurationFault("\n".join(filter(None, faults)))
    return replace(loaded, master_keys=keys.master_keys(loaded.state_dir, environ))


def examine(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """The same without a trace: nothing is made, so anybody may look. Its workers have no keys."""
    found, looked_at = config_file.find(path, environ)
    layers = gather(found, environ)
    settings, faults = _house(layers)
    users = layers.tree.get("users", [])
    if not isinstance(users, list):
        faults.append(
            Fault(layers.where(("users",)), ("users",), "not a list: write [[users]] above each user")
        )
        users = []
    elif not users and not layers.unread:
        faults.append(_nobody(layers, looked_at))
    # With [twitch] itself in doubt, nobody is told that he lacks a client.
    have_client = settings is None or settings.twitch.client_id is not None
    admitted = admit(layers, users, have_client=have_client)
    if settings is None or faults:
        raise ConfigurationFault("\n".join(map(str, [*faults, *admitted.faults])))
    settings = settings.model_copy(update={"users": tuple(admitted.users.values())})
    origins = dict(_origins(layers, settings, list(admitted.users)))
    house = settings.supervisor
    state_dir = (house.state_dir or directories.usual_state_dir(environ)).absolute()
    runtime_dir = (house.runtime_dir or places.runtime_dir(environ)).absolute()
    house = house.model_copy(update={"state_dir": state_dir, "runtime_dir": runtime_dir})
    return Loaded(
        settings=settings.model_copy(update={"supervisor": house}),
        path=None if found is None else found.absolute(),
        state_dir=state_dir,
        runtime_dir=runtime_dir,
        rejected=admitted.rejected,
        origins=directories.told_by_systemd(origins, environ),
    )


def _house(layers: Layers) -> tuple[Settings | None, list[Fault]]:
    """Everything but the users."""
    faults = [fault for fault in layers.faults if fault.key_path[:1] != ("users",)]
    try:
        settings = Settings.model_validate({**layers.tree, "users": ()})
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False):
            key_path = error["loc"]
            faults.append(Fault(layers.where(key_path), key_path, explain(error, key_path)))
        return None, faults
    key_path = ("twitch", "ca_file")
    if (ca_file := settings.twitch.ca_file) and (wrong_with := _no_certificates(ca_file)):
        faults.append(Fault(layers.where(key_path), key_path, wrong_with))
    return settings, faults


def _no_certificates(path: Path) -> str | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        return f"{path}: no certificates in it: it must be a PEM file"
    except OSError as fault:
        return f"{path}: {fault.strerror}: name a PEM file that the supervisor's user can read"
    return None


def _nobody(layers: Layers, looked_at: list[Path]) -> Fault:
    if layers.path is None:
        looked = ", ".join(map(str, looked_at))
        return Fault(
            "no configuration",
            (),
            f"looked for {looked}: write one with `roost init`, or name it with --config",
        )
    return Fault(layers.where(("users",)), ("users",), SOME_USER)


def _origins(layers: Layers, settings: Settings, positions: list[int]) -> Iterator[tuple[str, str]]:
    """Users by name: their place in the list may not be the one in the file."""
    for key in Settings.model_fields:
        if key != "users":
            for key_path in _leaves(getattr(settings, key), (key,)):
                yield written(key_path), layers.origin(key_path)
    for position, user in zip(positions, settings.users, strict=True):
        for key_path in _leaves(user, ("users", position)):
            yield written(("users", user.username, *key_path[2:])), layers.origin(key_path)


def _leaves(section: Section, above: KeyPath) -> Iterator[KeyPath]:
    for key in type(section).model_fields:
        value = getattr(section, key)
        if isinstance(value, Section):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key)
