"""HTTP against servers that are late, endless, or somebody else."""

import contextlib
import datetime
import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.errors import TryLater
from worker.twitch import http, punctual
from worker.twitch.http import Http, build

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
DRIP_SECONDS = 0.05
PATIENCE = 20.0


@contextlib.contextmanager
def serving(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port on which ``talk`` has each connection, one after the other."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(PATIENCE)
                    connection.recv(65536)
                    talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)


def dripping(pieces: Iterator[bytes], gone: threading.Event) -> Callable[[socket.socket], None]:
    """Send piece after piece, each well in time, until the client has had enough."""

    def talk(connection: socket.socket) -> None:
        connection.settimeout(DRIP_SECONDS)
        try:
            for piece in pieces:
                connection.sendall(piece)
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(1):
                        break
        except OSError:
            pass
        gone.set()

    return talk


@pytest.mark.parametrize(
    "pieces",
    [
        lambda: itertools.chain([b"HTTP/1.1 200 OK\r\nX-Long: "], itertools.repeat(b"x")),
        lambda: itertools.chain([b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"], itertools.repeat(b"x")),
    ],
    ids=["in the headers", "in the body"],
)
def test_an_answer_that_drips_is_not_waited_for(pieces):
    gone = threading.Event()
    with serving(dripping(pieces(), gone)) as port:
        caller = Http(None, read_seconds=4 * DRIP_SECONDS)
        with pytest.raises(TryLater, match="in time"):
            caller.send(build("GET", f"http://127.0.0.1:{port}/"))
        assert gone.wait(PATIENCE)


def test_an_endless_answer_is_cut_off(monkeypatch):
    monkeypatch.setattr(punctual, "MOST_BYTES", 100_000)
    endless = itertools.chain(
        [b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"], itertools.repeat(bytes(65536))
    )

    def talk(connection: socket.socket) -> None:
        for piece in endless:
            connection.sendall(piece)

    with serving(talk) as port, pytest.raises(TryLater, match="longer than"):
        Http(None, read_seconds=PATIENCE).send(build("GET", f"http://127.0.0.1:{port}/"))


def test_a_dead_address_leaves_time_for_the_next(monkeypatch):
    with serving(lambda connection: connection.sendall(ANSWER)) as port, deaf() as dead:
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", dead)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert Http(None).send(build("GET", "http://two.example:1/")).content == b"{}"


@contextlib.contextmanager
def deaf() -> Iterator[int]:
    """A port that takes no connection, and does not say so: its backlog is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port


def test_a_name_that_nobody_has_and_a_port_where_nobody_is_may_be_tried_later():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for address in (f"http://127.0.0.1:{port}/", "http://nobody.invalid/"):
        with pytest.raises(TryLater):
            Http(None).send(build("GET", address))


def test_connections_are_kept_and_another_try_replaces_a_lost_one():
    opened = []

    def talk(connection: socket.socket) -> None:
        opened.append(connection)
        connection.sendall(ANSWER)
        connection.recv(65536)
        connection.sendall(ANSWER)

    with serving(talk) as port:
        caller = Http(None)
        for _ in range(4):
            assert caller.send(build("GET", f"http://127.0.0.1:{port}/a?b=c")).content == b"{}"
        assert len(opened) == 2


def test_certificates_and_names_are_verified(tmp_path):
    key, certificate = authority_for("localhost")
    pem = tmp_path / "ca.pem"
    pem.write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, tmp_path / "key.pem")

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(65536)
                    connection.sendall(ANSWER)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        request = build("GET", f"https://localhost:{port}/")
        assert Http(pem).send(request).content == b"{}"
        with pytest.raises(TryLater, match="certificate verify failed"):
            Http(None).send(request)
        with pytest.raises(TryLater, match="IP address mismatch"):
            Http(pem).send(build("GET", f"https://127.0.0.1:{port}/"))
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)


def authority_for(name: str) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret, certificate.public_bytes(serialization.Encoding.PEM)


def test_the_longest_call_is_shorter_than_a_servers_patience_for_a_pong():
    assert 2 * http.CONNECT_SECONDS + http.READ_SECONDS < 6.0
