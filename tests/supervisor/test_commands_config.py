import contextlib
import fcntl
import json
import os
import pty
import stat
import subprocess
import sys
import termios
import tomllib

import pytest
from click.testing import CliRunner

from supervisor.cli import roost
from supervisor.config import load

GOOD = """
[supervisor]
state_dir = "state"
runtime_dir = "run"
[twitch]
client_id = "abc"
client_secret = "hush-hush"
[[users]]
username = "alice"
[[users]]
username = "bob"
enabled = false
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in os.environ:
        if name.startswith(("ROOST_", "XDG_")):
            monkeypatch.delenv(name)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(roost, arguments)


def test_a_good_configuration_is_said_to_be_good_and_nothing_is_made(place):
    (place / "roost.toml").write_text(GOOD)
    result = run("config", "check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{place}/roost.toml: good: 2 users, 1 of them enabled\n"
    assert run("--quiet", "config", "check").stdout == ""
    assert [path.name for path in place.iterdir()] == ["roost.toml"]


@pytest.mark.parametrize("line", ["twitch.x = 1", 'users = [{username = "alice"}]'])
def test_a_fault_of_the_house_or_of_one_user_exits_with_78(place, line):
    (place / "r.toml").write_text(line)
    result = run("--config", "r.toml", "config", "check")
    assert result.exit_code == 78
    assert result.stderr.startswith("roost: r.toml: ")


def test_showing_names_each_setting_once_and_no_secret(place):
    (place / "roost.toml").write_text(
        GOOD + 'seed = { refresh_token = "hush-hush" }\n[[users]]\nusername = 5'
    )
    result = run("config", "show")
    assert result.exit_code == 0
    assert "supervisor.grace_seconds = 10.0\n" in result.stdout
    assert 'twitch.client_secret = "(secret)"\n' in result.stdout
    assert 'users.bob.seed.refresh_token = "(secret)"\n' in result.stdout
    assert "users[2].username" in result.stderr
    assert "hush" not in result.output


def test_showing_the_origin_says_where_to_change_it(place, monkeypatch):
    (place / "roost.toml").write_text(GOOD)
    monkeypatch.setenv("ROOST_SUPERVISOR__WATCH", "no")
    lines = run("config", "show", "--origin").stdout.splitlines()
    assert next(line for line in lines if "watch" in line).split() == [
        *("supervisor.watch", "=", "false", "#", "environment", "ROOST_SUPERVISOR__WATCH")
    ]
    assert any(line.startswith("users.alice.enabled") and line.endswith("# default") for line in lines)
    assert all("  # " in line for line in lines)


def test_showing_as_json_is_for_scripts(place):
    (place / "roost.toml").write_text(GOOD)
    shown = json.loads(run("config", "show", "--json").stdout)
    assert shown["path"] == str(place / "roost.toml")
    assert shown["settings"]["twitch"]["client_secret"] == "(secret)"
    assert shown["settings"]["users"][0]["channels"] == []
    assert shown["settings"]["supervisor"]["state_dir"] == str(place / "state")
    assert shown["origins"]["twitch.client_id"] == "file roost.toml"
    assert shown["rejected"] == {}


def test_the_schema_is_json_for_an_editor(place):
    shown = json.loads(run("config", "schema").stdout)
    assert shown["$defs"]["User"]["additionalProperties"] is False
    assert "client_secret_file" in shown["$defs"]["User"]["properties"]


# --- init


def test_what_init_writes_loads_as_it_was_asked_for_and_is_private(place):
    result = run(
        *("init", "--client-id", 'a"b', "--username", "@Alice", "--username", "bob"),
        *("--channel", "#X", "--channel", "y", "--color-mode", "rainbow"),
    )
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE((place / "roost.toml").stat().st_mode) == 0o600
    workers = load(None, {"XDG_STATE_HOME": str(place), "XDG_RUNTIME_DIR": str(place)}).workers()
    assert list(workers) == ["alice", "bob"]
    assert workers["bob"].channels == ("x", "y")
    assert workers["alice"].color.mode == "rainbow"
    assert workers["alice"].twitch.client_id == 'a"b'
    assert result.stdout.splitlines()[1:] == [
        "    roost run",
        "    roost sign-in alice",
        "    roost sign-in bob",
    ]


def test_init_with_options_asks_nothing_and_takes_the_users_own_channel(place):
    result = run("init", "--client-id", "abc", "--username", "alice", "--output", "other.toml")
    assert result.exit_code == 0, result.output
    (user,) = tomllib.loads((place / "other.toml").read_text())["users"]
    assert user == {"username": "alice", "channels": ["alice"], "color": {"mode": "random"}}
    assert "roost --config other.toml run" in result.stdout


def test_init_overwrites_nothing(place):
    (place / "roost.toml").write_text("mine")
    result = run("init", "--client-id", "abc", "--username", "alice")
    assert result.exit_code == 1
    assert "roost.toml: is there already: edit it, or name another file with --output" in result.stderr
    (place / "dangling").symlink_to("nowhere")
    result = run("init", "--client-id", "abc", "--username", "alice", "--output", "dangling")
    assert (result.exit_code, "is there already" in result.stderr) == (1, True)
    assert (place / "roost.toml").read_text() == "mine"
    assert not (place / "nowhere").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "give --client-id and --username"),
        (("--client-id", "abc"), "give --client-id and --username"),
        (("--client-id", "your_client_id", "--username", "alice"), "this is a placeholder"),
        (("--client-id", "abc", "--username", "not-ok"), '"not-ok": not a Twitch login'),
        (("--client-id", "abc", "--username", "alice", "--channel", ","), "name at least one"),
    ],
)
def test_a_wrong_answer_by_option_is_wrong_usage(place, options, told):
    result = run("init", *options)
    assert result.exit_code == 2
    assert told in result.stderr
    assert list(place.iterdir()) == []


def test_init_tells_why_it_cannot_write(place):
    result = run("init", "--client-id", "abc", "--username", "alice", "--output", "no/such/place")
    assert result.exit_code == 1
    assert "no/such/place: No such file or directory: name another place with --output" in result.stderr


def test_init_asks_a_person_until_the_answers_are_good(place):
    """On a real terminal: the placeholder is refused and asked for again, a bare Enter takes the default."""
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-c", "from supervisor.cli import main; main()", "init"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True) as process:
        os.close(theirs)
        screen = ""
        for question, answer in [
            ("Client id:", "your_client_id"),
            ("placeholder", "abc"),
            ("Usernames, with spaces between:", "Alice, bob"),
            ("Channels where alice chats [alice]:", ""),
            ("Colors for alice (random, presets, rainbow) [random]:", ""),
            ("Channels where bob chats [bob]:", "#alice bob"),
            ("Colors for bob (random, presets, rainbow) [random]:", "presets"),
        ]:
            screen = read_until(terminal, screen, question)
            os.write(terminal, answer.encode() + b"\n")
            screen = screen.partition(question)[2]
        read_until(terminal, screen, "roost sign-in bob")
        assert process.wait(10) == 0
    os.close(terminal)
    alice, bob = tomllib.loads((place / "roost.toml").read_text())["users"]
    assert alice == {"username": "alice", "channels": ["alice"], "color": {"mode": "random"}}
    assert bob == {"username": "bob", "channels": ["alice", "bob"], "color": {"mode": "presets"}}


@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["ctrl-c", "ctrl-d"])
def test_init_that_is_broken_off_writes_nothing_and_leaves_the_terminal_at_a_new_line(place, key):
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-c", "from supervisor.cli import main; main()", "init"]
    as_a_shell_does = {"start_new_session": True, "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, **as_a_shell_does) as process:
        os.close(theirs)
        read_until(terminal, "", "Client id:")
        os.write(terminal, b"abc\n")
        read_until(terminal, "", "Usernames, with spaces between:")
        screen = ""
        try:
            while process.poll() is None:  # one that comes just before it reads is lost on it
                os.write(terminal, key)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.2)
            screen = os.read(terminal, 4096).decode()
        finally:
            process.kill()
        assert "Aborted" not in screen
        assert "\n" in screen  # a key pressed once too often is echoed behind it
        assert process.returncode == 130
    os.close(terminal)
    assert list(place.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_init_says_that_it_cannot_write_before_it_asks(place):
    for folder in (place, *place.parents[:-2]):
        folder.chmod(0o755)
    code = (
        "import os, supervisor.commands_init; from supervisor.cli import main\n"
        "os.setuid(65534)  # nobody\n"
        "main()"
    )
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", code, "init"],
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert (done.returncode, done.stdout) == (1, "")
    assert "roost.toml: Permission denied: name another place with --output" in done.stderr


def read_until(terminal: int, screen: str, wanted: str) -> str:
    """What the terminal shows once ``wanted`` is there; ends with the test's own time-out if it never is."""
    while wanted not in screen:
        screen += os.read(terminal, 4096).decode()
    return screen
