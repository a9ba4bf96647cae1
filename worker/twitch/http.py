"""HTTPS requests with a bound on every wait.

They go through one connection-keeping adapter of `requests`. Around it stand no session, whose
cookies and redirects no call of ours wants, and no preparation of addresses that we have written
ourselves: the two cost ten times what decoding, logging and retrying do together, and a megabyte of
pages that workers would otherwise share.

A call blocks the worker for 2 x `CONNECT_SECONDS` + `READ_SECONDS` at the most (and for the time of
the resolver, which nothing but a thread could bound), and between two calls `breathe` lets it look
round: a server waits longer for a pong. Meanwhile the kernel's socket buffer keeps what EventSub
sends, and the next wait reads it.
"""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPConnectionPool
from urllib3.util import Url, parse_url

from shared import __version__
from shared.errors import ConfigurationFault, TryLater
from worker import tls
from worker.twitch import punctual

CONNECT_SECONDS = 1.25  # for all addresses of the host together; the TLS handshake has as much again
READ_SECONDS = 3.0  # for the whole answer
USER_AGENT = f"Streamroost/{__version__}"


class Adapter(HTTPAdapter):
    """One kept connection to each host; certificates and host names are verified by ``context``."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._pools: dict[str, HTTPConnectionPool] = {}
        super().__init__()

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, *_: object, **__: object
    ) -> HTTPConnectionPool:
        """The stock one takes the address apart and compares every setting, at each request."""
        origin = (request.url or "")[: _path_begins(request)]
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = self.new_pool(parse_url(origin))
        return pool

    def request_url(self, request: requests.PreparedRequest, *_: object) -> str:
        return (request.url or "")[_path_begins(request) :]

    def cert_verify(self, *_: object) -> None:
        """``context`` does it. The stock one would load the certificate bundle again for each pool."""

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()

    def new_pool(self, origin: Url) -> HTTPConnectionPool:
        host, port = origin.host or "", origin.port
        if origin.scheme == "http":
            return punctual.PlainPool(host, port)
        return punctual.EncryptedPool(host, port, ssl_context=self._context, cert_reqs=ssl.CERT_REQUIRED)


class Http:
    """``breathe`` is called before each request. Raises ``ConfigurationFault`` at once if the file of extra
    certificates cannot be used."""

    def __init__(
        self,
        ca_file: Path | None,
        breathe: Callable[[], None] = lambda: None,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        try:
            context = tls.context(ca_file)
        except OSError as unreadable:
            raise ConfigurationFault(
                f"twitch.ca_file = {str(ca_file)!r}: {unreadable.strerror or unreadable}: "
                "it must be a readable PEM file of certificates"
            ) from unreadable
        self._breathe = breathe
        self._timeout = (CONNECT_SECONDS, read_seconds)
        self.adapter: HTTPAdapter = Adapter(context)

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        """Send, and return the whole answer whatever its status. Raise ``TryLater`` if there was none."""
        self._breathe()
        try:
            response = self.adapter.send(request, timeout=self._timeout)
            response.content  # noqa: B018  reads the body, so that the connection can be used again
        except requests.RequestException as lost:
            raise TryLater(f"{request.method} {_place(request)}: {_why(lost)}") from lost
        return response

    def close(self) -> None:
        self.adapter.close()


def build(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: list[tuple[str, str]] | None = None,
    form: Mapping[str, str] | None = None,
    body: object = None,
) -> requests.PreparedRequest:
    """A request that can be sent more than once. ``form`` is URL-encoded; ``body`` becomes JSON."""
    request = requests.PreparedRequest()
    request.method = method
    request.url = f"{url}?{urlencode(params)}" if params else url
    request.headers = CaseInsensitiveDict({"User-Agent": USER_AGENT, "Accept": "*/*", **(headers or {})})
    if form is not None:
        request.body = urlencode(form).encode()
        request.headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif body is not None:
        request.body = orjson.dumps(body)
        request.headers["Content-Type"] = "application/json"
    if method != "GET":
        request.headers["Content-Length"] = str(len(request.body or b""))
    return request


def json_object(response: requests.Response) -> dict[str, Any]:
    """The JSON object of an answer. Raise ``TryLater`` for anything else: a proxy's page, half a body."""
    try:
        decoded = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        decoded = None
    if isinstance(decoded, dict):
        return decoded
    kind = response.headers.get("Content-Type", "unknown type")
    raise TryLater(f"HTTP {response.status_code} with {kind} where JSON belongs")


def message_of(response: requests.Response) -> str:
    """Twitch's own words for a refusal, or the bare status."""
    try:
        decoded = orjson.loads(response.content)
        return str(decoded["message"])[:200]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"HTTP {response.status_code}"


def _path_begins(request: requests.PreparedRequest) -> int:
    """Where ``/path`` begins in ``https://host:port/path``: every address of ours has one."""
    url = request.url or ""
    return url.index("/", url.index("//") + 2)


def _place(request: requests.PreparedRequest) -> str:
    return (request.url or "").split("?", 1)[0]


def _why(lost: requests.RequestException) -> str:
    """A short reason: the texts of urllib3 hold addresses of objects and repeat the whole URL."""
    if isinstance(lost, requests.ConnectTimeout):
        return f"no connection within {CONNECT_SECONDS:g} s"
    innermost = _innermost(lost)
    if isinstance(innermost, TimeoutError):
        return "no whole answer in time"
    words = f"{type(innermost).__name__}: {innermost}"[:160]
    return f"TLS: {words}" if isinstance(lost, requests.exceptions.SSLError) else words


def _innermost(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
