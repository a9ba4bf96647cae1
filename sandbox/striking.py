"""How each kind of fault looks from the other end of the connection."""

import asyncio

import orjson
from aiohttp import web

from sandbox import wire
from sandbox.answers import Handler
from sandbox.faults import Fault
from sandbox.refusal import Refusal

FOREVER = 86_400.0
SLOW_PIECES = 20
_ERROR_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


async def strike(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Spoil the call before it reaches the rules or, with ``after_effect``, on the way back."""
    if fault.after_effect:
        return await _spoil(fault, request, await handler(request))
    if fault.kind == "stall":
        await asyncio.sleep(FOREVER if fault.seconds is None else fault.seconds)
        return await handler(request)
    if fault.kind == "slow":
        return await _spoil(fault, request, await handler(request))
    return await _spoil(fault, request, _made_up(fault))


def _made_up(fault: Fault) -> web.Response:
    """The answer of a host that never looked at the call."""
    if fault.kind == "html":
        page = _ERROR_PAGE if fault.body is None else fault.body
        return web.Response(
            text=page, status=fault.status or 502, headers=fault.headers, content_type="text/html"
        )
    status = fault.status or (200 if fault.kind == "half" else 500)
    body = orjson.dumps(Refusal(status, "").helix_body()).decode() if fault.body is None else fault.body
    return web.Response(text=body, status=status, headers=fault.headers, content_type="application/json")


async def _spoil(fault: Fault, request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    if isinstance(answer, web.WebSocketResponse):
        return answer  # its socket is over by now: there is nothing left to spoil
    match fault.kind:
        case "status" | "html":
            return _made_up(fault)
        case "stall":
            await asyncio.sleep(FOREVER if fault.seconds is None else fault.seconds)
            return answer
        case "reset":
            if isinstance(request.transport, asyncio.Transport):
                wire.reset(request.transport)
            return answer
        case "half":
            return await _half(request, answer)
        case "slow":
            return await _slowly(request, answer, fault.seconds or 1.0)


async def _half(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    body, partial = _begin(answer)
    await partial.prepare(request)
    await partial.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return partial


async def _slowly(request: web.Request, answer: web.StreamResponse, seconds: float) -> web.StreamResponse:
    """Dribble the true answer, so that no single wait of the client is long."""
    body, dribble = _begin(answer)
    await dribble.prepare(request)
    step = max(1, len(body) // SLOW_PIECES)
    for start in range(0, len(body), step):
        await asyncio.sleep(seconds * step / len(body))
        await dribble.write(body[start : start + step])
    return dribble


def _begin(answer: web.StreamResponse) -> tuple[bytes, web.StreamResponse]:
    body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
    again = web.StreamResponse(status=answer.status, headers=answer.headers)
    again.content_length = len(body)
    return body, again
