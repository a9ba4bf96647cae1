"""What EventSub says, decoded. https://dev.twitch.tv/docs/eventsub/websocket-reference/

Unknown fields are ignored and unknown message types are a value of their own: Twitch adds both at
any time. Anything that is not the envelope raises ``BadFrame``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ValidationError

SAMPLE_BYTES = 200


class BadFrame(ValueError):
    """A frame we cannot read. Its text holds a short sample; EventSub frames carry no secrets."""


@dataclass(frozen=True)
class Welcome:
    session_id: str
    keepalive_seconds: float
    sent_at: float | None  # Unix seconds by Twitch's clock, here and below; None: not understood


@dataclass(frozen=True)
class Keepalive:
    sent_at: float | None


@dataclass(frozen=True)
class Reconnect:
    url: str


@dataclass(frozen=True)
class Notification:
    message_id: str
    sent_at: float | None
    kind: str  # the subscription type
    event: dict[str, Any]


@dataclass(frozen=True)
class Revocation:
    subscription_id: str
    kind: str
    status: str
    condition: dict[str, Any]


@dataclass(frozen=True)
class Unknown:
    message_type: str


Frame = Welcome | Keepalive | Reconnect | Notification | Revocation | Unknown


class _Metadata(BaseModel):
    message_id: str
    message_type: str
    message_timestamp: str = ""


class _Session(BaseModel):
    id: str
    keepalive_timeout_seconds: float | None = None
    reconnect_url: str | None = None


class _Subscription(BaseModel):
    id: str
    status: str
    type: str
    condition: dict[str, Any]


class _Payload(BaseModel):
    session: _Session | None = None
    subscription: _Subscription | None = None
    event: dict[str, Any] | None = None


class _Envelope(BaseModel):
    metadata: _Metadata
    payload: _Payload


def decode(data: bytes) -> Frame:
    """Read one text frame; raise ``BadFrame``."""
    try:
        envelope = _Envelope.model_validate_json(data)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "frame"
        raise BadFrame(f"{where}: {first['msg']}: {data[:SAMPLE_BYTES]!r}") from None
    metadata, payload = envelope.metadata, envelope.payload
    match metadata.message_type, payload:
        case "notification", _Payload(subscription=_Subscription() as about, event=dict() as event):
            return Notification(metadata.message_id, _unix(metadata), about.type, event)
        case "session_keepalive", _:
            return Keepalive(_unix(metadata))
        case "session_welcome", _Payload(session=_Session() as session):
            keepalive = session.keepalive_timeout_seconds or 10.0
            return Welcome(session.id, keepalive, _unix(metadata))
        case "session_reconnect", _Payload(session=_Session(reconnect_url=str() as url)):
            return Reconnect(url)
        case "revocation", _Payload(subscription=_Subscription() as about):
            return Revocation(about.id, about.type, about.status, about.condition)
        case "notification" | "session_welcome" | "session_reconnect" | "revocation", _:
            raise BadFrame(f"{metadata.message_type} without its payload: {data[:SAMPLE_BYTES]!r}")
    return Unknown(metadata.message_type)


def _unix(metadata: _Metadata) -> float | None:
    """Twitch writes nanoseconds; Python reads at most six decimals of them."""
    whole, _, fraction = metadata.message_timestamp.rstrip("Zz").partition(".")
    try:
        stamp = datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}").replace(tzinfo=UTC)
    except ValueError:
        return None
    return stamp.timestamp()
