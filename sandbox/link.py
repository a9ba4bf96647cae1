"""The socket of one EventSub session: does what the session says is due, listens for what must not come."""

import asyncio
import enum

from aiohttp import WSMsgType, web

from sandbox import clock, messages, wire
from sandbox.session import DISCONNECTED, INBOUND_TRAFFIC, STATUS_AFTER, Close, Send, Session
from sandbox.world import World

CLOSE_SECONDS = 2.0  # how long the other side may take over its half of the closing handshake
ABNORMAL = 1006


class Mute(enum.Enum):
    NOT = enum.auto()
    SILENT = enum.auto()
    BLACKHOLE = enum.auto()


class Link:
    def __init__(
        self, world: World, session: Session, ws: web.WebSocketResponse, transport: asyncio.Transport
    ):
        self.session = session
        self.mute = Mute.NOT
        self._world = world
        self._ws = ws
        self._transport = transport
        self._over = False
        self._timer: asyncio.TimerHandle | None = None

    async def serve(self) -> None:
        """Stay until either side ends it."""
        self.watch()
        try:
            await self._listen()
        finally:
            if self._over:
                self._transport.close()  # goodbye was said: aiohttp must not say it again
            self._end(self._ws.close_code or ABNORMAL, DISCONNECTED, by="client")
            self._stop_timer()

    async def _listen(self) -> None:
        while True:
            message = await self._ws.receive()
            match message.type:
                case WSMsgType.PONG:
                    self.session.pong()
                case WSMsgType.PING:
                    # Twitch's text allows clients only Pongs, yet clients that ping are known to live.
                    self._transport.write(wire.pong_frame(message.data))
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    self.close(INBOUND_TRAFFIC)
                case _:
                    return

    def send(self, text: bytes) -> bool:
        if self.mute is not Mute.NOT or self._over:
            return False
        self.session.spoke_at = clock.now()
        self._transport.write(wire.text_frame(text))
        return True

    def send_frame(self, frame: bytes) -> None:
        self._transport.write(frame)

    def ping(self) -> None:
        self.session.ping(clock.now())
        self._ping()
        self.watch()

    def _ping(self) -> None:
        if self.mute is not Mute.BLACKHOLE:
            self._transport.write(wire.ping_frame())

    def silence(self) -> None:
        self.mute = Mute.SILENT

    def blackhole(self) -> None:
        self.mute = Mute.BLACKHOLE
        self._transport.pause_reading()

    def close(self, code: int) -> None:
        """Say why and go; a black hole goes without a word."""
        if self._over:
            return
        self._end(code, STATUS_AFTER.get(code, DISCONNECTED), by="server")
        if self.mute is not Mute.BLACKHOLE:
            self._transport.write(wire.close_frame(code))
            self._timer = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._transport.abort)

    def drop(self) -> None:
        wire.reset(self._transport)

    def _end(self, code: int, status: str, *, by: str) -> None:
        """The session is over; the socket may take a moment longer."""
        if not self._over:
            self._over = True
            self._stop_timer()
            self._world.depart(self, code=code, by=by, status=status, now=clock.now())

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()

    def watch(self) -> None:
        """Wake up when the session next has something to do."""
        if not self._over:
            self._stop_timer()
            delay = self.session.due_at() - clock.now()
            self._timer = asyncio.get_running_loop().call_later(delay, self._do_what_is_due)

    def _do_what_is_due(self) -> None:
        for what in self.session.due(clock.now()):
            match what:
                case Send.KEEPALIVE:
                    self.send(messages.keepalive())
                case Send.PING:
                    self._ping()
                case Close(code):
                    self.close(code)
        self.watch()
