"""HTTPS requests with a bound on every wait.

They go through one connection-keeping adapter of `requests`. Around it stand no session, whose
cookies and redirects no call of ours wants, and no preparation of addresses that we have written
ourselves: the two cost ten times what decoding, logging and retrying do together, and a megabyte of
pages that workers would otherwise share.

A call blocks the worker for `CONNECT_SECONDS` + `READ_SECONDS` at the most, which is less than the
time a server waits for a pong. Meanwhile the kernel's socket buffer keeps what EventSub sends, and
the next wait reads it.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from shared import __version__
from shared.errors import ConfigurationFault, TryLater
from worker import tls

CONNECT_SECONDS = 2.0
READ_SECONDS = 3.5
USER_AGENT = f"Streamroost/{__version__}"


class _OneContextAdapter(HTTPAdapter):
    """Pools share ``context``; certificates and host names are verified by it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_connections=2, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def cert_verify(self, conn: Any, *_: object, **__: object) -> None:
        """The stock one would load the certificate bundle again for each pool."""
        conn.cert_reqs = "CERT_REQUIRED"


class Http:
    """Raises ``ConfigurationFault`` at once if the file of extra certificates cannot be used."""

    def __init__(self, ca_file: Path | None) -> None:
        try:
            context = tls.context(ca_file)
        except OSError as unreadable:
            raise ConfigurationFault(
                f"twitch.ca_file = {str(ca_file)!r}: {unreadable.strerror or unreadable}: "
                "it must be a readable PEM file of certificates"
            ) from unreadable
        self.adapter: HTTPAdapter = _OneContextAdapter(context)

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        """Send, and return the whole answer whatever its status. Raise ``TryLater`` if there was none."""
        try:
            response = self.adapter.send(request, timeout=(CONNECT_SECONDS, READ_SECONDS))
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


def _place(request: requests.PreparedRequest) -> str:
    return (request.url or "").split("?", 1)[0]


def _why(lost: requests.RequestException) -> str:
    """A short reason: the texts of urllib3 hold addresses of objects and repeat the whole URL."""
    if isinstance(lost, requests.ConnectTimeout):
        return f"no connection within {CONNECT_SECONDS:g} s"
    if isinstance(lost, requests.Timeout):
        return f"no answer within {READ_SECONDS:g} s"
    if isinstance(lost, requests.exceptions.SSLError):
        return f"TLS: {_innermost(lost)}"
    return _innermost(lost)


def _innermost(error: BaseException) -> str:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return f"{type(error).__name__}: {error}"[:160]
