"""The worker that one writes first: a process for one user, each library used as its manual begins.

It is the yardstick, so it does what ours does for a message (decode, validate, decide, change the color,
retry, log) and is not made slow on purpose: one session, one connection, models built once.
"""

import json
import logging
from typing import Any

import requests
from pydantic import BaseModel
from tenacity import retry, stop_after_attempt, wait_exponential
from websockets.sync.client import connect

from bench.orders import Orders, any_color, read_orders
from bench.twitch import Person

CALL_SECONDS = 5.0
log = logging.getLogger("naive")


class Metadata(BaseModel):
    message_id: str
    message_type: str
    message_timestamp: str
    subscription_type: str | None = None
    subscription_version: str | None = None


class Transport(BaseModel):
    method: str
    session_id: str


class Subscription(BaseModel):
    id: str
    status: str
    type: str
    version: str
    condition: dict[str, str]
    transport: Transport
    created_at: str
    cost: int


class Fragment(BaseModel):
    type: str
    text: str
    cheermote: dict[str, Any] | None = None
    emote: dict[str, Any] | None = None
    mention: dict[str, Any] | None = None


class Text(BaseModel):
    text: str
    fragments: list[Fragment]


class Badge(BaseModel):
    set_id: str
    id: str
    info: str


class ChatMessage(BaseModel):
    broadcaster_user_id: str
    broadcaster_user_login: str
    broadcaster_user_name: str
    chatter_user_id: str
    chatter_user_login: str
    chatter_user_name: str
    message_id: str
    message: Text
    color: str
    badges: list[Badge]
    message_type: str
    cheer: dict[str, Any] | None = None
    reply: dict[str, Any] | None = None
    channel_points_custom_reward_id: str | None = None


class Payload(BaseModel):
    session: dict[str, Any] | None = None
    subscription: Subscription | None = None
    event: ChatMessage | None = None


class Message(BaseModel):
    metadata: Metadata
    payload: Payload


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts = {"ts": record.created, "level": record.levelname, "event": record.getMessage()}
        return json.dumps(facts | record.__dict__.get("facts", {}))


class Naive:
    def __init__(self, orders: Orders, person: Person) -> None:
        self._orders = orders
        self._person = person
        self._http = requests.Session()
        self._headers = {
            "Client-Id": orders.client_id,
            "Authorization": f"Bearer {person.access_token}",
        }

    def run(self) -> None:
        with connect(self._orders.eventsub_url) as socket:
            for frame in socket:
                self._hear(Message.model_validate(json.loads(frame)))

    def _hear(self, message: Message) -> None:
        match message.metadata.message_type:
            case "session_welcome" if message.payload.session:
                self._subscribe(message.payload.session["id"])
            case "notification" if message.payload.event:
                self._answer(message.payload.event)

    def _subscribe(self, session: str) -> None:
        body = {
            "type": "channel.chat.message",
            "version": "1",
            "condition": {"broadcaster_user_id": self._person.id, "user_id": self._person.id},
            "transport": {"method": "websocket", "session_id": session},
        }
        url = f"{self._orders.helix_url}/eventsub/subscriptions"
        self._http.post(url, json=body, headers=self._headers, timeout=CALL_SECONDS).raise_for_status()

    def _answer(self, event: ChatMessage) -> None:
        if event.chatter_user_id != self._person.id:
            return
        log.info("own message", extra={"facts": {"user": event.chatter_user_login}})
        color = any_color()
        self._change(color)
        log.info("color changed", extra={"facts": {"user": event.chatter_user_login, "color": color}})

    @retry(stop=stop_after_attempt(5), wait=wait_exponential())
    def _change(self, color: str) -> None:
        response = self._http.put(
            f"{self._orders.helix_url}/chat/color",
            params={"user_id": self._person.id, "color": color},
            headers=self._headers,
            timeout=CALL_SECONDS,
        )
        response.raise_for_status()


def main() -> None:
    orders = read_orders()
    file = logging.FileHandler(orders.log)
    file.setFormatter(JsonLines())
    log.addHandler(file)
    log.setLevel(logging.INFO)
    for person in orders.people:
        Naive(orders, person).run()


if __name__ == "__main__":
    main()
