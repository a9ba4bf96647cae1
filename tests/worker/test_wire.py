"""The wire against servers that nobody here wrote, and against ones that misbehave."""

import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
import trustme
from websockets.sync.server import serve

from worker.eventsub.wire import LARGEST_MESSAGE, Wire


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class Ear:
    """What a wire heard."""

    def __init__(self, desk, url, tls):
        self.desk, self.texts, self.ends = desk, [], []
        self.wire = Wire(
            url,
            tls=tls,
            waiter=desk.waiter,
            on_text=self.texts.append,
            on_end=lambda code, reason: self.ends.append((code, reason)),
        )

    def until(self, happened, seconds=15.0):
        end = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < end, (self.texts, self.ends)
            self.desk.waiter.turn(end)


@contextmanager
def server(handler, context=None):
    with serve(handler, "127.0.0.1", 0, ssl=context, close_timeout=1) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        scheme = "ws" if context is None else "wss"
        yield f"{scheme}://localhost:{running.socket.getsockname()[1]}/ws"
        running.shutdown()
        thread.join()


@contextmanager
def raw_server(speak):
    """Accept one connection and let ``speak(connection)`` do as it likes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        connection, _ = listener.accept()
        with connection:
            speak(connection)

    thread = threading.Thread(target=run)
    thread.start()
    yield f"ws://127.0.0.1:{listener.getsockname()[1]}/ws"
    thread.join()
    listener.close()


@pytest.mark.parametrize("encrypted", [False, True])
def test_texts_arrive_whole_and_a_goodbye_is_said_and_heard(desk, authority, trusting, encrypted):
    said = []

    def handler(connection):
        connection.send("one")
        connection.send(["tw", "o ", "parts"])
        connection.ping()
        connection.send(b"binary is not for us")
        connection.send("x" * 500_000)
        said.extend(connection)
        said.append(connection.close_code)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if encrypted else None
    if context is not None:
        authority.issue_cert("localhost").configure_cert(context)
    with server(handler, context) as url:
        ear = Ear(desk, url, trusting)
        ear.until(lambda: len(ear.texts) == 3)
        assert ear.texts == [b"one", b"two parts", b"x" * 500_000]
        ear.wire.close()
        ear.until(lambda: ear.ends)
    assert said == [1000]
    assert ear.ends[0][0] == 1000


def test_a_servers_close_code_is_told(desk, trusting):
    with server(lambda connection: connection.close(4003, "connection unused")) as url:
        ear = Ear(desk, url, trusting)
        ear.until(lambda: ear.ends)
    assert ear.ends[0][0] == 4003


def test_a_certificate_of_an_unknown_authority_ends_the_attempt(desk, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with server(lambda connection: None, context) as url:
        ear = Ear(desk, url, ssl.create_default_context())
        ear.until(lambda: ear.ends)
    assert "CERTIFICATE_VERIFY_FAILED" in ear.ends[0][1]


def test_a_refused_handshake_is_told_with_its_status(desk, trusting):
    def refuse(connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        connection.recv(4096)

    with raw_server(refuse) as url:
        ear = Ear(desk, url, trusting)
        ear.until(lambda: ear.ends)
    assert "503" in ear.ends[0][1]


def test_a_connection_that_breaks_without_a_word_is_told(desk, trusting):
    with raw_server(lambda connection: connection.recv(4096)) as url:
        ear = Ear(desk, url, trusting)
        ear.until(lambda: ear.ends)
    assert ear.ends[0][0] is None


def test_nobody_listening_nowhere_to_be_found_and_no_address_at_all(desk, trusting):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for url in (f"ws://127.0.0.1:{port}/", "ws://nowhere.invalid/", "http://not-a-websocket/"):
        ear = Ear(desk, url, trusting)
        ear.until(lambda ear=ear: ear.ends)
        assert ear.ends[0][0] is None
        assert len(ear.ends) == 1


def test_a_message_that_is_too_large_ends_the_connection_not_the_worker(desk, trusting):
    with server(lambda connection: connection.send("x" * (LARGEST_MESSAGE + 1))) as url:
        ear = Ear(desk, url, trusting)
        ear.until(lambda: ear.ends)
    assert ear.texts == []


def test_a_dropped_wire_tells_nothing_more(desk, trusting):
    with server(lambda connection: connection.recv()) as url:
        ear = Ear(desk, url, trusting)
        ear.wire.drop()
        ear.wire.close()
        desk.waiter.turn(0.0)
    assert ear.ends == []


def test_a_goodbye_before_the_handshake_is_done_just_ends_it(desk, trusting):
    with raw_server(lambda connection: connection.recv(4096)) as url:
        ear = Ear(desk, url, trusting)
        ear.wire.close()
        desk.waiter.turn(0.0)
    assert ear.ends == []


def test_many_connections_over_tls_come_about_without_one_that_hangs(desk, authority, trusting):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with server(lambda connection: connection.send("welcome"), context) as url:
        for _ in range(100):
            ear = Ear(desk, url, trusting)
            ear.until(lambda ear=ear: ear.texts)
            ear.wire.drop()
