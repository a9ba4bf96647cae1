"""``python -m sandbox``: listen, say where in one line of JSON, and stay until told to go."""

import argparse
import asyncio
import gc
import os
import signal
import socket
import ssl
import sys

import orjson
from aiohttp import web

from sandbox.control import Control
from sandbox.control_chat import Chat
from sandbox.control_people import People
from sandbox.control_trouble import Trouble
from sandbox.eventsub import EventSub
from sandbox.gate import Gate
from sandbox.helix import Helix
from sandbox.helix_eventsub import HelixEventSub
from sandbox.oauth import OAuth
from sandbox.settings import Settings
from sandbox.world import World

BACKLOG = 1_024  # hundreds of clients may arrive at once


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A stand-in for Twitch on loopback."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--tls-cert", metavar="FILE", help="serve https and wss with this certificate chain")
    parser.add_argument("--tls-key", metavar="FILE", help="its key, if it is in a file of its own")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when the parent is gone")
    parser.add_argument("--keepalive-min", type=float, metavar="SECONDS", default=10.0)
    return parser.parse_args(arguments)


def addresses(base: str) -> dict[str, str]:
    """What to put into a client's settings in place of Twitch's hosts."""
    return {
        "base": base,
        "oauth_url": f"{base}/oauth2",
        "helix_url": f"{base}/helix",
        "eventsub_url": f"{base.replace('http', 'ws', 1)}/ws",
        "control_url": f"{base}/control",
    }


def application(world: World, where: dict[str, str]) -> web.Application:
    chat = Chat(world)
    app = web.Application(middlewares=[Gate(world).guard])
    for routes in (
        OAuth(world, where["base"]).routes(),
        Helix(world).routes(),
        HelixEventSub(world).routes(),
        EventSub(world).routes(),
        Control(world, chat).routes(),
        People(world).routes(),
        chat.routes(),
        Trouble(world, where["eventsub_url"]).routes(),
    ):
        app.add_routes(routes)
    return app


async def serve(asked: argparse.Namespace) -> None:
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave.set)
    if asked.until_stdin_closes:
        _watch_stdin(loop, leave)
    listener = socket.create_server((asked.host, asked.port), backlog=BACKLOG)
    tls = _tls(asked)
    where = addresses(f"{'https' if tls else 'http'}://{asked.host}:{listener.getsockname()[1]}")
    app = application(World(Settings(keepalive_min=asked.keepalive_min)), where)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=tls, backlog=BACKLOG).start()
    sys.stdout.write(orjson.dumps(where).decode() + "\n")
    sys.stdout.flush()
    gc.freeze()  # what is there by now stays: collections need not look at it again
    await leave.wait()  # nobody is waited for: what still runs is cancelled with the loop


def _tls(asked: argparse.Namespace) -> ssl.SSLContext | None:
    if not asked.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(asked.tls_cert, asked.tls_key)
    return context


def _watch_stdin(loop: asyncio.AbstractEventLoop, leave: asyncio.Event) -> None:
    """A parent that dies, however it dies, closes its end of the pipe."""

    def read() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            leave.set()

    try:
        loop.add_reader(0, read)
    except PermissionError:  # epoll takes no plain file and no /dev/null: those are at their end already
        leave.set()


if __name__ == "__main__":
    asyncio.run(serve(options(sys.argv[1:])))
