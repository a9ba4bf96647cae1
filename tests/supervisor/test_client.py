"""The command's end of the control socket: finding the supervisor, and what is said when it is not there."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shared.errors import ConfigurationFault
from supervisor import client as client_module
from supervisor.client import Client
from supervisor.faults import CommandFault, NotThere
from supervisor.places import configuration_files, control_socket, runtime_dir
from tests.supervisor.house import PATIENCE, House, living, short_directory


@pytest.fixture
def place():
    with short_directory() as directory:
        directory.chmod(0o700)
        yield directory


def served_by(place: Path, behave) -> threading.Thread:
    """A server that is not ours: it accepts one client and does ``behave(client)``."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place / "control.sock"))
    listener.listen()

    def serve():
        with listener:
            client, _ = listener.accept()
            with client:
                behave(client)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_a_question_is_answered(place):
    with living(House("alice"), place), Client(place / "control.sock") as supervisor:
        assert supervisor.ask("pid")["pid"] == os.getpid()
        assert [row["name"] for row in supervisor.status()] == ["alice"]
        assert supervisor.status(["all", "nobody"]) == supervisor.status(["alice"])


def test_a_large_answer_arrives_whole(place):
    names = [f"user{number}" for number in range(3000)]
    with living(House(*names), place), Client(place / "control.sock") as supervisor:
        assert [row["name"] for row in supervisor.status()] == names


def test_an_unknown_name_is_its_own_kind_of_fault(place):
    with (
        living(House("alice"), place),
        Client(place / "control.sock") as supervisor,
        pytest.raises(NotThere, match="'carol'"),
    ):
        supervisor.ask("start", name="carol")


def test_what_the_worker_refuses_is_a_fault_with_its_words(place):
    house = House("alice")
    house.answers["alice"] = (False, "no color job")
    with (
        living(house, place),
        Client(place / "control.sock") as supervisor,
        pytest.raises(CommandFault, match="no color job"),
    ):
        supervisor.ask("do", name="alice", action="color", args=["on"])


def test_no_socket_means_no_supervisor(place):
    with pytest.raises(NotThere, match="start one with `roost run`"):
        Client(place / "control.sock")


def test_a_socket_nobody_listens_on_means_no_supervisor(place):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place / "control.sock"))
    with pytest.raises(NotThere, match="no supervisor at"):
        Client(place / "control.sock")


def test_a_path_too_long_for_a_socket_is_a_fault_of_the_configuration(place):
    with pytest.raises(ConfigurationFault, match="shorter path"):
        Client(place / ("d" * 120) / "control.sock")


def test_a_supervisor_that_hangs_is_told_from_one_that_is_gone(place, monkeypatch):
    monkeypatch.setattr(client_module, "ANSWER_SECONDS", 0.05)
    over = threading.Event()
    thread = served_by(place, lambda _: over.wait(PATIENCE))
    with Client(place / "control.sock") as supervisor:
        with pytest.raises(CommandFault, match="does not answer"):
            supervisor.ask("pid")
        with pytest.raises(CommandFault, match="does not answer"):
            supervisor.ask("do", args=["x" * 10_000_000])
    over.set()
    thread.join()


def test_a_supervisor_whose_queue_is_full_does_not_answer(place, monkeypatch):
    monkeypatch.setattr(client_module, "CONNECT_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(place / "control.sock"))
        listener.listen(0)
        first.connect(str(place / "control.sock"))
        with pytest.raises(CommandFault, match="does not answer"):
            Client(place / "control.sock")


def test_a_supervisor_that_hangs_up_without_a_word_may_be_stopping(place):
    thread = served_by(place, lambda client: client.recv(10))
    with Client(place / "control.sock") as supervisor:
        with pytest.raises(NotThere, match="hung up"):
            supervisor.ask("pid")
        with pytest.raises(NotThere, match="hung up"):
            supervisor.ask("pid")
    thread.join()


def test_half_a_line_at_the_end_is_no_news(place):
    thread = served_by(place, lambda client: client.sendall(b'{"ok":true,"lines":1}\nold\nnew\nhal'))
    with Client(place / "control.sock") as supervisor:
        assert supervisor.tail((), 1, follow=True) == [b"old\n"]
        assert list(supervisor.news()) == [b"new\n"]
    thread.join()


def test_waiting_for_the_end_has_an_end(place):
    with living(House("alice"), place):
        with Client(place / "control.sock") as supervisor:
            assert not supervisor.hung_up(0.01)
        with Client(place / "control.sock") as supervisor:
            supervisor.ask("shutdown")
            assert supervisor.hung_up(PATIENCE)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_socket_of_somebody_else_is_not_believed(place):
    """Under /tmp anybody may have made the directory where ours would be."""
    place.chmod(0o755)
    with living(House("alice"), place):
        (place / "control.sock").chmod(0o666)
        assert "belongs to user 1234" in _complaint_of(5678, place, owner=1234)
        (place / "control.sock").chmod(0o600)
        assert "not for this user" in _complaint_of(5678, place, owner=0)


def _complaint_of(uid: int, place: Path, owner: int) -> str:
    """What a client of user ``uid`` says of a server of user ``owner`` (0: of the one that is there)."""
    code = f"""
import os, pathlib, socket, sys
from supervisor.client import Client
path = pathlib.Path({str(place)!r}) / "control.sock"
ready, go = os.pipe()
if {owner}:
    path.unlink()
    if os.fork() == 0:
        os.umask(0)
        os.chmod(path.parent, 0o777)
        os.setuid({owner})
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        os.write(go, b"!")
        listener.accept()[0].recv(1)
        os._exit(0)
    os.read(ready, 1)
os.setuid({uid})
try:
    Client(path)
except Exception as fault:
    print(fault)
"""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    ).stdout


class TestPlaces:
    """Where a supervisor and its commands meet when nobody says more."""

    def test_systemd_comes_first_then_the_session(self):
        environ = {"RUNTIME_DIRECTORY": "/run/one:/run/two", "XDG_RUNTIME_DIR": "/run/user/7"}
        assert runtime_dir(environ) == Path("/run/one")
        del environ["RUNTIME_DIRECTORY"]
        assert runtime_dir(environ) == Path("/run/user/7/streamroost")

    @pytest.mark.parametrize(("uid", "path"), [(0, "/run/streamroost"), (1000, "/tmp/streamroost-1000")])
    def test_without_either_root_and_others_have_a_place_of_their_own(self, monkeypatch, uid, path):
        monkeypatch.setattr(os, "getuid", lambda: uid)
        assert runtime_dir({}) == Path(path)

    def test_a_command_takes_the_first_place_with_a_socket(self, place, monkeypatch):
        monkeypatch.chdir(place)
        environ = {"XDG_RUNTIME_DIR": str(place / "session"), "XDG_CONFIG_HOME": str(place)}
        assert control_socket(None, environ) == place / "session/streamroost/control.sock"
        (place / "control.sock").touch()
        environ["RUNTIME_DIRECTORY"] = str(place)
        assert control_socket(None, environ) == place / "control.sock"

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("roost.toml", '[supervisor]\nruntime_dir = "run"\n'),
            ("roost.json", '\ufeff{"supervisor": {"runtime_dir": "run"}}'),
        ],
    )
    def test_the_configuration_names_the_place_relative_to_itself(self, place, name, text):
        (place / name).write_text(text)
        assert control_socket(place / name, {}) == place / "run/control.sock"
        assert control_socket(None, {"ROOST_CONFIG": str(place / name)}) == place / "run/control.sock"

    def test_the_environment_overrides_the_configuration(self, place):
        environ = {"ROOST_SUPERVISOR__RUNTIME_DIR": "/elsewhere"}
        assert control_socket(place / "absent", environ) == Path("/elsewhere/control.sock")

    def test_a_configuration_found_in_a_usual_place_counts(self, place, monkeypatch):
        monkeypatch.chdir(place)
        (place / "streamroost").mkdir()
        (place / "streamroost/roost.toml").write_text('[supervisor]\nruntime_dir = "/there"\n')
        assert control_socket(None, {"XDG_CONFIG_HOME": str(place)}) == Path("/there/control.sock")
        (place / "streamroost/roost.toml").write_text("[twitch]\n")
        environ = {"XDG_CONFIG_HOME": str(place), "RUNTIME_DIRECTORY": "/usual"}
        assert control_socket(None, environ) == Path("/usual/control.sock")

    @pytest.mark.parametrize(
        "text", ["nonsense", "{", "[]", "supervisor = 1", "[supervisor]\nruntime_dir = 1\n", "\ud800"]
    )
    def test_no_order_is_sent_on_a_guess(self, place, text):
        (place / "roost.toml").write_text(text, errors="surrogatepass")
        with pytest.raises(ConfigurationFault, match="no telling where its supervisor is"):
            control_socket(place / "roost.toml", {})

    def test_a_configuration_that_was_named_must_be_there(self, place):
        with pytest.raises(ConfigurationFault, match="No such file"):
            control_socket(place / "roost.toml", {})

    def test_a_user_without_a_home_has_no_file_in_it(self, monkeypatch):
        monkeypatch.setattr(Path, "expanduser", _no_home)
        assert list(configuration_files({})) == [Path("roost.toml"), Path("/etc/streamroost/roost.toml")]

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
    def test_a_place_we_may_not_look_into_is_where_it_is(self, place):
        (place / "closed").mkdir(mode=0o700)
        place.chmod(0o755)
        environ = {
            "RUNTIME_DIRECTORY": "/nonexistent",
            "XDG_RUNTIME_DIR": str(place / "closed"),
            "XDG_CONFIG_HOME": "/nonexistent",
        }
        code = (
            "import os; from supervisor.places import control_socket; os.setuid(1234);"
            f"print(control_socket(None, {environ!r}))"
        )
        found = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd="/", check=True
        )
        assert found.stdout.strip() == str(place / "closed/streamroost/control.sock")


def _no_home(path: Path) -> Path:
    raise RuntimeError("Could not determine home directory.")
