"""The configuration as one frozen value. Read once, passed on, never looked up again.

These are the models; where the values come from (file, environment, flags) is
``supervisor/config.py``. Unknown keys are faults: a typing error must not pass for a default.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PRINTED = re.compile(r"[!-~]+")
LOGIN = re.compile(r"[a-z0-9][a-z0-9_]{0,24}")
HEX = re.compile(r"#[0-9a-f]{6}")
PLACEHOLDER = re.compile(r"(?i)your[_ -]|<.*>|change[_ -]?me|example_|^x{3,}$|^\.{3}$|^…$")
# People are really called your_something: of a login only what sample files say is refused.
PLACEHOLDER_LOGIN = re.compile(
    r"(your|example)_(twitch_)?(user_?name|user|name|login|channel)(_name|_here|_?\d*)"
)


def _login(value: str) -> str:
    login = value.strip().lstrip("#@").lower()
    if PLACEHOLDER_LOGIN.fullmatch(login):
        raise ValueError("this is a placeholder: put the real name here")
    if not LOGIN.fullmatch(login):
        raise ValueError("not a Twitch login: letters, digits and underscores, at most 25")
    return login


def _as_issued(value: str) -> str:
    if PLACEHOLDER.search(value):
        raise ValueError("this is a placeholder: copy the value from https://dev.twitch.tv/console/apps")
    if not PRINTED.fullmatch(value):
        raise ValueError("no spaces or special characters: copy it from https://dev.twitch.tv/console/apps")
    return value


def _secret_as_issued(value: SecretStr) -> SecretStr:
    _as_issued(value.get_secret_value())
    return value


def _guarded_url(value: str) -> str:
    """An address may be unencrypted on this machine only: tokens travel over it."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https", "ws", "wss"} or not parts.hostname:
        raise ValueError("not an address: it should look like https://host/path")
    if "@" in parts.netloc:
        raise ValueError("no name and password in an address: it is shown in logs")
    if parts.port == 0:  # reading it raises ValueError for what is no port at all
        raise ValueError("no such port: 1 to 65535")
    if parts.scheme in {"http", "ws"} and parts.hostname not in LOOPBACK:
        raise ValueError("an address other than this machine's own must begin with https:// or wss://")
    return value.rstrip("/")


def _scheme(*allowed: str) -> AfterValidator:
    def check(value: str) -> str:
        if not value.startswith(tuple(f"{scheme}://" for scheme in allowed)):
            raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in allowed)}")
        return value

    return AfterValidator(check)


def _color(value: str) -> str:
    color = value.strip().lower()
    if not HEX.fullmatch(color):
        raise ValueError("a color of the list is written #rrggbb")
    return color


def _place(value: Any) -> Any:
    if isinstance(value, str) and (not value.strip() or "\0" in value):
        raise ValueError("not a path: correct it, or leave the key out for the default")
    return value


def _no_repeats(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


Login = Annotated[str, AfterValidator(_login)]
ClientId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_as_issued)]
ClientSecret = Annotated[SecretStr, AfterValidator(_secret_as_issued)]
HttpUrl = Annotated[str, AfterValidator(_guarded_url), _scheme("https", "http")]
SocketUrl = Annotated[str, AfterValidator(_guarded_url), _scheme("wss", "ws")]
Place = Annotated[Path, BeforeValidator(_place)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Level = Literal["debug", "info", "warning", "error"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Backoff(Section):
    first: PositiveSeconds = Field(1.0, description="Ceiling of the first wait, in seconds.")
    factor: float = Field(2.0, ge=1, allow_inf_nan=False, description="How the ceiling grows.")
    cap: PositiveSeconds = Field(300.0, description="The ceiling never grows above this, in seconds.")


class GiveUp(Section):
    deaths: int = Field(0, ge=0, description="Deaths within the window that end in FATAL; 0: never.")
    within_seconds: PositiveSeconds = Field(600.0, description="The window in which deaths are counted.")


class Log(Section):
    level: Level = Field("info", description="Records below this level are not written.")
    file: Place | None = Field(None, description="Where to write; absent: standard output.")


class SupervisorSettings(Section):
    state_dir: Place | None = Field(
        None, description="Default: $STATE_DIRECTORY, else $XDG_STATE_HOME/streamroost."
    )
    runtime_dir: Place | None = Field(
        None,
        description="Holds control.sock. Default: $RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR/streamroost.",
    )
    grace_seconds: Seconds = Field(10.0, description="From SIGTERM to SIGKILL.")
    silence_seconds: PositiveSeconds = Field(30.0, description="No beat for this long: hung, end it.")
    start_seconds: Seconds = Field(5.0, description="A worker that lived this long counts as started.")
    start_deadline_seconds: PositiveSeconds = Field(20.0, description="A worker must be ready by then.")
    backoff: Backoff = Backoff()
    give_up: GiveUp = GiveUp()
    watch: bool = Field(True, description="Reload when the configuration file changes.")
    log: Log = Log()


class Twitch(Section):
    client_id: ClientId | None = Field(None, description="From dev.twitch.tv/console/apps.")
    client_secret: ClientSecret | None = Field(None, description="A public client needs none.")
    eventsub_url: SocketUrl = "wss://eventsub.wss.twitch.tv/ws"
    helix_url: HttpUrl = "https://api.twitch.tv/helix"
    oauth_url: HttpUrl = "https://id.twitch.tv/oauth2"
    ca_file: Place | None = Field(None, description="Extra certificates to trust for these hosts (PEM).")


class Color(Section):
    mode: Literal["random", "presets", "rainbow", "list"] = Field(
        "random", description="Where the next color comes from."
    )
    colors: tuple[Annotated[str, AfterValidator(_color)], ...] = Field(
        (), description="The colors of mode `list`, written #rrggbb."
    )

    @model_validator(mode="after")
    def _list_needs_colors(self) -> Self:
        if self.mode == "list" and len(set(self.colors)) < 2:
            raise ValueError("mode `list` needs at least two different colors")
        if self.mode != "list" and self.colors:
            raise ValueError(f"`colors` belongs to mode `list`, not `{self.mode}`")
        return self


class SeedTokens(Section):
    """Tokens found in an older configuration: taken into the vault once, then never read again."""

    access_token: SecretStr | None = None
    refresh_token: SecretStr | None = None
    expires_at: float | None = Field(None, allow_inf_nan=False, description="Unix seconds.")


def _within_twitch_limit(channels: tuple[str, ...]) -> tuple[str, ...]:
    if len(channels) > 100:
        raise ValueError("Twitch lets one user read at most 100 channels at a time")
    return channels


def _color_or_off(value: Any) -> Any:
    if value is False:
        return None
    return {} if value is True else value


class User(Section):
    username: Login
    channels: Annotated[
        tuple[Login, ...], AfterValidator(_no_repeats), AfterValidator(_within_twitch_limit)
    ] = Field((), description="Channels to listen in; absent: the user's own.")
    color: Annotated[
        Color | None, BeforeValidator(_color_or_off, json_schema_input_type=Color | bool | None)
    ] = Field(Color(), description="The color job; `false`: none.")
    enabled: bool = Field(True, description="`false`: no worker.")
    client_id: ClientId | None = Field(None, description="Overrides [twitch].")
    client_secret: ClientSecret | None = Field(None, description="Overrides [twitch].")
    seed: SeedTokens | None = Field(None, description="Tokens of an older installation, taken over once.")


class Settings(Section):
    supervisor: SupervisorSettings = SupervisorSettings()
    twitch: Twitch = Twitch()
    users: tuple[User, ...] = ()


class WorkerSettings(Section):
    """All that one user's worker is told: its own user's settings and key, and nothing of anybody else.

    It is pickled by value into the worker process.
    """

    username: str
    channels: tuple[str, ...]
    color: Color | None
    twitch: Twitch  # with the user's own client id and secret put in
    seed: SeedTokens | None = None
    user_dir: Path  # state_dir/users/<username>: this worker is its only reader and writer
    keys: tuple[SecretStr, ...]  # Fernet keys of this user, newest first
    log_level: Level = "info"
    silence_seconds: float = 30.0
    counted: dict[str, int] = {}  # the counters of the worker before this one, to go on from
