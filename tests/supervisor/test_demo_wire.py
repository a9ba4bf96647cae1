import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.demo_wire import HungUp, Wire


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="d-"))
    yield folder
    shutil.rmtree(folder)


def test_a_wire_that_breaks_is_at_its_end(place):
    """A peer that closes with unread requests resets the connection."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "s"))
        listener.listen()
        wire = Wire(place / "s")
        far, _ = listener.accept()
    wire.ask("status")
    far.close()
    with pytest.raises(HungUp):
        list(wire.lines())
    wire.close()


def test_a_wire_knows_when_nobody_is_there(place):
    with pytest.raises(FileNotFoundError):
        Wire(place / "none.sock")


def test_a_wire_gives_whole_lines_and_then_tells_the_end(place):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "s"))
        listener.listen()
        wire = Wire(place / "s")
        far, _ = listener.accept()
    assert list(wire.lines()) == []
    wire.ask("status", names=["alice"])
    assert far.recv(1000) == b'{"op": "status", "names": ["alice"]}\n'
    far.sendall(b"one\ntw")
    assert list(wire.lines()) == [b"one"]
    far.sendall(b"o\n")
    far.close()
    heard = wire.lines()
    assert next(heard) == b"two"
    with pytest.raises(HungUp):
        next(heard)
    with pytest.raises(HungUp):
        wire.ask("status")
    wire.close()
