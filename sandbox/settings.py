"""What can be changed while the stand-in runs. Defaults are Twitch's own values where those are known."""

from dataclasses import dataclass, fields


@dataclass
class Settings:
    token_life: float = 14_400.0  # user access tokens live about four hours
    device_interval: float = 5.0
    device_life: float = 1_800.0
    device_slow_down: bool = (
        False  # RFC 8628's answer to polls that come too early; Twitch was not seen giving it
    )
    unused_seconds: float = 10.0  # from the welcome to the first subscription, else 4003
    handover_seconds: float = 30.0  # from session_reconnect to 4004
    handover_keeps_id: bool = False  # whether production keeps the session id is not documented
    handover_duplicates: bool = False  # send to old and new socket alike until the old one is closed
    bucket: float = 800.0  # points of the rate limit, refilled once per window
    bucket_window: float = 60.0
    chat_joins: float = 100.0  # channels of others that one user may read at a time
    ping_seconds: float = 10.0  # Twitch does not document its cadence
    pong_seconds: float = 10.0
    keepalive_min: float = 10.0  # tests lower the floor; the ceiling stays Twitch's 600
    journal_chat: bool = True

    def patch(self, changes: dict[str, object]) -> None:
        """Take all of the changes or, with a ``ValueError`` that names the first bad one, none."""
        kinds = {field.name: field.type for field in fields(self)}
        for name, value in changes.items():
            if name not in kinds:
                raise ValueError(f"{name}: there is no such setting")
            if kinds[name] is bool and not isinstance(value, bool):
                raise ValueError(f"{name}: must be true or false")
            if kinds[name] is float and not _is_positive(value):
                raise ValueError(f"{name}: must be a number above 0")
        for name, value in changes.items():
            setattr(self, name, value)


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
