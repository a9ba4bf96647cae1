"""The `roost` command as an operator meets it."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from shared.errors import ConfigurationFault
from supervisor import commands_order, commands_run, commands_user
from supervisor.cli import COMMANDS, roost
from tests.supervisor.house import PATIENCE, House, living, row, short_directory, sign_in, wait_for

SCRIPT = str(Path(sys.executable).with_name("roost"))
ROOST = [sys.executable, SCRIPT]


@pytest.fixture
def place():
    with short_directory() as directory:
        directory.chmod(0o700)
        yield directory


@pytest.fixture
def environ(place):
    """Nothing of the machine's own: neither a configuration nor a supervisor of whoever runs the tests."""
    usual = {key: value for key, value in os.environ.items() if not key.startswith(("ROOST_", "NO_COLOR"))}
    return {**usual, "RUNTIME_DIRECTORY": str(place), "XDG_CONFIG_HOME": str(place), "TERM": "xterm"}


@pytest.fixture
def house(place):
    with living(House("alice", "bob"), place) as house:
        yield house


@pytest.fixture
def run(environ, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    environ |= {"ROOST_CONFIG": ""}

    def run(*words: str):
        return CliRunner(env=environ).invoke(roost, words)

    return run


class TestStatus:
    def test_one_line_for_each_worker(self, house, run):
        result = run("status")
        assert result.exit_code == 0
        assert result.stdout.splitlines() == [
            "alice   RUNNING   pid 4242, uptime 3:12:07   listening",
            "bob     RUNNING   pid 4242, uptime 3:12:07   listening",
        ]

    def test_only_who_was_asked_about_counts(self, house, run):
        house.rows["bob"] = row("bob", "FATAL", reason="the sign-in was refused")
        assert run("status", "alice").exit_code == 0
        result = run("status", "bob", "alice")
        assert result.exit_code == 3
        assert [line.split()[0] for line in result.stdout.splitlines()] == ["bob", "alice"]
        assert run("status", "all").exit_code == 3

    def test_that_there_is_nobody_is_said(self, house, run):
        house.rows.clear()
        assert run("status").stdout == "nobody: the configuration has no enabled user\n"
        assert run("status", "--json").stdout == "[]\n"

    def test_quiet_leaves_only_the_exit_code(self, house, run):
        house.rows["bob"] = row("bob", "STOPPED")
        result = run("--quiet", "status", "bob")
        assert (result.exit_code, result.output) == (3, "")

    def test_json_is_a_list_on_one_line(self, house, run):
        result = run("status", "--json", "alice")
        assert json.loads(result.stdout) == [row("alice")]
        assert result.stdout.count("\n") == 1

    def test_an_unknown_name_is_one_line_and_a_4(self, house, run):
        result = run("status", "carol")
        assert (result.exit_code, result.stdout) == (4, "")
        assert result.stderr == "roost: nobody here is called 'carol': there is alice, bob\n"

    def test_no_supervisor_is_one_line_and_a_4(self, place, run):
        result = run("status")
        assert result.exit_code == 4
        assert result.stderr.startswith(f"roost: no supervisor at {place}/control.sock: start one")

    def test_color_is_for_terminals_unless_asked_for(self, house, run):
        assert "\x1b" not in run("status").stdout
        assert "\x1b[32mRUNNING" in run("--color", "always", "status").stdout

    def test_the_configuration_says_where_the_supervisor_is(self, house, place, run, tmp_path):
        (tmp_path / "other.toml").write_text(f'[supervisor]\nruntime_dir = "{place}"\n')
        assert run("--config", "other.toml", "status").exit_code == 0
        result = run("--config", "missing.toml", "status")
        assert result.exit_code == 78
        assert result.stderr.startswith("roost: missing.toml: No such file")


@pytest.mark.parametrize(
    "words",
    [
        *(["status"], ["status", "alice"], ["pid"], ["health"], ["tail", "all"], ["restart", "bob"]),
        *(["start", "bob"], ["reload"], ["sign-in", "alice"], ["color", "alice", "on"], ["stop", "bob"]),
        *(["config", "check"], ["config", "show"], ["shutdown"]),
    ],
    ids=" ".join,
)
def test_the_configuration_may_be_named_behind_every_command(house, place, run, environ, tmp_path, words):
    environ["RUNTIME_DIRECTORY"] = "/nonexistent"
    house.ways["bob", "restart"] = [row("bob", pid=4243)]
    house.ways["bob", "stop"] = [row("bob", "STOPPED")]
    house.answers["alice"] = (True, "on")
    (tmp_path / "other.toml").write_text(
        f'supervisor.runtime_dir = "{place}"\ntwitch.client_id = "abc"\nusers = [{{username = "alice"}}]\n'
    )
    assert run("--config", "missing.toml", *words, "--config", "other.toml").exit_code == 0


class TestABrokenConfiguration:
    """Nothing in the file can be relied on: the supervisor that is found must say that it runs on it."""

    BROKEN = "users = [\n[[twitch]\n"

    def test_the_supervisor_is_found_in_a_usual_place(self, house, run, tmp_path):
        (tmp_path / "roost.toml").write_text(self.BROKEN)
        house.config = tmp_path / "roost.toml"
        house.reloaded |= {"ok": False, "faults": ["roost.toml: not TOML"]}
        result = run("reload")
        assert (result.exit_code, house.orders) == (78, [("reload",)])
        assert result.stderr.startswith("roost: roost.toml: not TOML\n")

    @pytest.mark.parametrize(
        "line",
        ['[supervisor]\nruntime_dir = "here"', "supervisor.runtime_dir='here'", '{"runtime_dir": "here"'],
    )
    def test_or_where_the_file_seems_to_say(self, house, place, run, environ, tmp_path, line):
        environ["RUNTIME_DIRECTORY"] = "/nonexistent"
        (tmp_path / "here").symlink_to(place)
        (tmp_path / "other.toml").write_text(f"{line}\n{self.BROKEN}")
        house.config = (tmp_path / "other.toml").resolve()
        assert run("--config", "other.toml", "status").exit_code == 0

    def test_or_although_the_file_is_gone(self, house, run, tmp_path):
        house.config = tmp_path / "gone.toml"
        assert run("--config", "gone.toml", "status").exit_code == 0

    @pytest.mark.parametrize("config", [None, Path("/etc/streamroost/roost.toml")])
    def test_a_supervisor_of_another_file_is_left_alone(self, house, run, tmp_path, config):
        (tmp_path / "roost.toml").write_text(self.BROKEN)
        house.config = config
        result = run("shutdown")
        assert (result.exit_code, house.orders) == (78, [])
        assert "no telling where its supervisor is" in result.stderr
        assert "ROOST_SUPERVISOR__RUNTIME_DIR" in result.stderr


def test_pid_and_health(house, run):
    assert run("pid").stdout == f"{os.getpid()}\n"
    assert json.loads(run("pid", "--json").stdout)["version"] == "0.1.0"
    assert run("health").stdout == "2 of 2 workers are running\n"
    house.healthy = (False, "bob is FATAL")
    result = run("health", "--json")
    assert json.loads(result.stdout) == {"healthy": False, "reason": "bob is FATAL"}
    assert result.exit_code == 1


def test_without_a_supervisor_nothing_is_healthy(run):
    result = run("health")
    assert result.exit_code == 1
    assert result.stdout.startswith("no supervisor at")


class TestOrders:
    def test_start_says_who_runs_and_who_does_not(self, house, run):
        house.rows["bob"] = row("bob", "STOPPED")
        house.rows["carol"] = row("carol", "STOPPED")
        house.rows["dave"] = row("dave", "FATAL")
        house.ways["bob", "start"] = [row("bob", "STARTING", pid=1)] * 12 + [row("bob", pid=1)]
        house.ways["carol", "start"] = [row("carol", "BACKOFF", exit="exit code 1 (crashed)")]
        house.ways["dave", "start"] = [row("dave", sign_in=sign_in())]
        result = run("start", "all")
        assert result.exit_code == 3
        assert sorted(result.stdout.splitlines()) == [
            "alice: already running",
            "bob: started",
            "dave: started, waits for a sign-in: `roost sign-in dave`",
        ]
        assert result.stderr == "carol: ERROR (exit code 1 (crashed))\n"

    def test_stop_waits_until_the_worker_is_gone(self, house, run):
        house.ways["alice", "stop"] = [row("alice", "STOPPING")] * 12 + [row("alice", "STOPPED")]
        house.rows["bob"] = row("bob", "FATAL")
        result = run("stop", "alice", "bob")
        assert result.exit_code == 0
        assert sorted(result.stdout.splitlines()) == ["alice: stopped", "bob: was not running"]
        assert house.rows["alice"]["state"] == "STOPPED"

    def test_restart_waits_for_another_process(self, house, run):
        house.ways["alice", "restart"] = [row("alice")] * 8 + [row("alice", pid=4243)]
        house.ways["bob", "restart"] = [row("bob", "FATAL", reason="refused")]
        result = run("restart", "alice", "bob")
        assert result.exit_code == 3
        assert (result.stdout, result.stderr) == ("alice: restarted\n", "bob: ERROR (refused)\n")

    def test_what_does_not_end_is_told_when_patience_is_over(self, house, run, monkeypatch):
        monkeypatch.setattr(commands_order, "MARGIN_SECONDS", 0.1)
        house.ways["alice", "stop"] = [row("alice", "STOPPING")]
        result = run("stop", "alice")
        assert result.exit_code == 1
        assert result.stderr == "alice: ERROR (still STOPPING: see `roost tail alice`)\n"

    @pytest.mark.parametrize("rule", ["grace_seconds", "start_deadline_seconds"])
    def test_an_order_is_followed_for_as_long_as_the_rules_of_the_supervisor_allow(
        self, house, run, monkeypatch, rule
    ):
        monkeypatch.setattr(commands_order, "MARGIN_SECONDS", 0.0)
        house.rules[rule] = PATIENCE
        house.ways["alice", "restart"] = [row("alice", "STOPPING")] * 12 + [row("alice", pid=1)]
        assert run("restart", "alice").stdout == "alice: restarted\n"

    def test_one_unknown_name_and_nothing_is_done(self, house, run):
        assert run("stop", "alice", "carol").exit_code == 4
        assert house.orders == []

    def test_quiet_leaves_the_errors(self, house, run):
        house.ways["bob", "restart"] = [row("bob", "EXITED")]
        house.ways["alice", "restart"] = [row("alice", pid=1)]
        result = run("-q", "restart", "alice", "bob")
        assert (result.stdout, result.stderr) == ("", "bob: ERROR (EXITED)\n")

    def test_orders_need_a_name(self, house, run):
        for order in ("start", "stop", "restart", "tail"):
            assert run(order).exit_code == 2


class TestReload:
    def test_what_changed_is_followed_to_its_end(self, house, run):
        house.reloaded |= {"started": ["carol"], "stopped": ["bob"], "restarted": ["alice"], "kept": 5}

        def reload():
            del house.rows["bob"]
            house.rows["carol"] = row("carol", pid=7)
            house.rows["alice"] = row("alice", pid=8)
            return house.reloaded

        house.reload = reload
        result = run("reload")
        assert result.exit_code == 0
        first, *rest = result.stdout.splitlines()
        assert first == "reloaded: 3 changed, 5 unchanged"
        assert sorted(rest) == ["alice: restarted", "bob: stopped: no longer configured", "carol: started"]

    def test_all_faults_are_told_and_nothing_is_changed(self, house, run):
        house.reloaded |= {"ok": False, "faults": ["roost.toml: users[0].usrname: unknown", "two"]}
        result = run("reload")
        assert result.exit_code == 78
        assert result.stderr.splitlines() == [
            "roost: roost.toml: users[0].usrname: unknown",
            "roost: two",
            "roost: nothing was changed: correct the above, then `roost reload` again",
        ]

    def test_a_worker_that_vanishes_meanwhile_is_an_error(self, house, run):
        house.reloaded |= {"started": ["carol"], "restarted": ["dave"]}
        result = run("reload")
        assert result.exit_code == 3
        assert sorted(result.stderr.splitlines()) == [
            "carol: ERROR (no longer configured)",
            "dave: ERROR (no longer configured)",
        ]


def test_shutdown_waits_until_the_supervisor_is_gone(house, run):
    result = run("shutdown")
    assert (result.exit_code, result.stdout) == (0, "shut down\n")
    assert run("pid").exit_code == 4


def test_a_shutdown_that_takes_too_long_is_told(house, run, monkeypatch):
    monkeypatch.setattr(commands_order, "MARGIN_SECONDS", 0.05)
    house.shutdown = lambda: None
    result = run("shutdown")
    assert result.exit_code == 1
    assert "still stopping" in result.stderr


def test_a_shutdown_is_waited_for_as_long_as_the_supervisor_may_take(house, run, monkeypatch):
    monkeypatch.setattr(commands_order, "MARGIN_SECONDS", 0.0)
    house.rules["grace_seconds"] = PATIENCE
    assert run("shutdown").exit_code == 0


def record(event: str, level: str = "info", worker: str = "alice", **facts) -> bytes:
    content = {"ts": "2026-01-02T03:04:05.678Z", "level": level, "event": event, "worker": worker, **facts}
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


class TestTail:
    def test_records_are_rendered_for_people(self, house, run):
        house.records = [record("color changed", color="#1e90ff"), record("link lost", "warning")]
        first, second = run("tail", "alice").stdout.splitlines()
        assert first.endswith("INFO    alice        color changed  color=#1e90ff")
        assert second.endswith("WARNING alice        link lost")

    def test_json_is_what_was_written(self, house, run):
        house.records = [record("one"), b"torn record\n"]
        assert run("tail", "--json", "all").stdout_bytes == b"".join(house.records)

    def test_a_line_that_is_no_record_is_shown_as_it_is(self, house, run):
        house.records = [b"torn \x1b record\n", b"17\n"]
        assert [line.strip() for line in run("tail", "all").stdout.splitlines()] == [
            "torn � record",
            "17",
        ]

    def test_only_whose_name_is_asked_for(self, house, run):
        house.records = [record("one"), record("two", worker="bob")]
        assert "two" not in run("tail", "alice").stdout
        assert run("tail", "carol").exit_code == 4

    def test_so_many_of_the_level_however_many_lie_between(self, house, run):
        bad = [record(f"bad {number}", "error") for number in range(3)]
        house.records = [line for each in bad for line in (each, *[record("fine")] * 30)]
        result = run("tail", "-n", "2", "--level", "warning", "all")
        assert [line.split()[-1] for line in result.stdout.splitlines()] == ["1", "2"]

    def test_no_lines_are_no_lines(self, house, run):
        house.records = [record("one")]
        assert run("tail", "-n", "0", "all").stdout == ""
        assert run("tail", "-n", "0", "--level", "info", "all").stdout == ""

    def test_a_follower_is_told_when_the_supervisor_ends(self, house, run):
        house.records = [record("old")]

        def write_and_end():
            wait_for(lambda: house.followers, "somebody follows")
            house.visit(lambda: house.write(record("new", "error") + record("noise", "debug")))
            house.end()

        writer = threading.Thread(target=write_and_end)
        writer.start()
        result = run("tail", "-f", "--level", "info", "all")
        writer.join()
        assert result.exit_code == 4
        assert [line.split()[-1] for line in result.stdout.splitlines()] == ["old", "new"]
        assert result.stderr.startswith("roost: the supervisor has ended")


class TestSignIn:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch):
        monkeypatch.setattr(commands_user, "LOOK_SECONDS", 0.02)

    def test_who_is_signed_in_is_told_at_once(self, house, run):
        assert run("sign-in", "alice").stdout == "alice: already signed in (listening)\n"
        assert house.orders == []

    def test_the_code_is_shown_and_a_new_one_when_it_expires(self, house, run):
        first = row("alice", phase="signing-in", sign_in=sign_in("AAAA-1111", why="a scope is missing"))
        second = row("alice", phase="signing-in", sign_in=sign_in("BBBB-2222"))
        house.rows["alice"] = row("alice", "FATAL", reason="sign-in refused")
        house.ways["alice", "start"] = [
            row("alice", "STARTING", phase=None),
            *[row("alice", phase="validating")] * 8,
            *[first] * 8,
            *[second] * 8,
            row("alice", phase="connecting"),
        ]
        result = run("sign-in", "alice")
        assert result.exit_code == 0
        assert [line.strip() for line in result.stdout.splitlines() if line.strip()] == [
            "alice must sign in (a scope is missing)",
            "1.  open    https://id.example/activate",
            "2.  enter   AAAA-1111    within 30m",
            "alice: that code has expired; here is a new one",
            "alice must sign in",
            "1.  open    https://id.example/activate",
            "2.  enter   BBBB-2222    within 30m",
            "alice: signed in",
        ]
        assert house.orders == [("start", "alice")]

    def test_a_worker_that_is_about_to_know_is_only_waited_for(self, house, run):
        house.rows["alice"] = row("alice", phase="validating")
        settled = threading.Timer(
            0.1, lambda: house.visit(lambda: house.rows["alice"].update(phase="listening"))
        )
        settled.start()
        assert run("sign-in", "alice").stdout == "alice: signed in\n"
        assert house.orders == []
        settled.join()

    def test_a_refusal_ends_it_with_the_reason(self, house, run):
        house.rows["alice"] = row("alice", "STOPPED")
        refused = row("alice", "FATAL", reason="the request was denied")
        house.ways["alice", "start"] = [row("alice", phase="signing-in", sign_in=sign_in())] * 8 + [refused]
        result = run("sign-in", "alice")
        assert result.exit_code == 3
        assert "alice: FATAL (the request was denied)" in result.stderr

    def test_an_unknown_user_is_a_4(self, house, run):
        assert run("sign-in", "carol").exit_code == 4


class TestColor:
    def test_the_worker_answers(self, house, run):
        house.answers["alice"] = (True, "the color will be red")
        result = run("color", "alice", "set", "red")
        assert (result.exit_code, result.stdout) == (0, "alice: the color will be red\n")
        assert house.orders == [("do", "alice", "color", "set", "red")]
        run("color", "alice", "off")
        assert house.orders[-1] == ("do", "alice", "color", "off")

    def test_what_the_worker_refuses_is_a_1(self, house, run):
        house.answers["alice"] = (False, "there is no color 'blurple'")
        result = run("color", "alice", "set", "blurple")
        assert (result.exit_code, result.stderr) == (1, "roost: alice: there is no color 'blurple'\n")

    @pytest.mark.parametrize("words", [["set"], ["on", "red"], ["paint", "red"], []])
    def test_nonsense_is_wrong_usage(self, house, run, words):
        assert run("color", "alice", *words).exit_code == 2

    def test_an_unknown_user_is_a_4(self, house, run):
        assert run("color", "carol", "on").exit_code == 4


class TestTheCommandItself:
    def test_help_lists_every_command_and_loads_none(self, run):
        loaded = subprocess.run(
            [sys.executable, "-X", "importtime", SCRIPT, "--help"],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        assert all(name in loaded.stdout for name in COMMANDS)
        for heavy in ("pydantic", "structlog", "rich", "requests", "orjson", "supervisor.commands"):
            assert f" {heavy}" not in loaded.stderr

    def test_status_loads_no_more_than_the_standard_library_and_click(self, house, environ):
        asked = subprocess.run(
            [sys.executable, "-X", "importtime", SCRIPT, "status"],
            capture_output=True,
            text=True,
            check=True,
            env=environ,
            timeout=PATIENCE,
        )
        for heavy in ("pydantic", "structlog", "rich", "requests", "orjson", "cryptography", "websockets"):
            assert f" {heavy}" not in asked.stderr

    def test_every_command_that_is_listed_is_there(self):
        for name in roost.list_commands(None):
            command = roost.get_command(None, name)
            assert command.name == name
            assert command.help

    def test_the_version_is_told(self, run):
        assert run("--version").stdout.startswith("roost ")

    def test_run_takes_its_configuration_behind_its_name(self, run):
        result = run("run", "--config", "missing.toml")
        assert result.exit_code == 78
        assert result.stderr.startswith("roost: missing.toml: no such file")

    def test_an_unknown_command_is_wrong_usage(self, run):
        assert run("dance").exit_code == 2

    def test_ctrl_c_ends_a_wait_quietly(self, house, environ):
        house.shutdown = lambda: house.orders.append("waiting")
        process = subprocess.Popen([*ROOST, "shutdown"], env=environ, stdout=-1, stderr=-1, text=True)
        wait_for(lambda: house.orders, "the order arrives")
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 130

    def test_ctrl_c_is_how_following_and_watching_end(self, house, environ):
        for words in (["tail", "-f", "all"], ["status", "--watch"]):
            house.records = [record("here")]
            process = subprocess.Popen([*ROOST, *words], env=environ, stdout=-1, stderr=-1, text=True)
            assert process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=PATIENCE)[1] == ""
            assert process.returncode == 0

    def test_a_closed_pipe_ends_it_quietly(self, house, environ):
        house.records = [record("x" * 1000)] * 2000
        process = subprocess.Popen([*ROOST, "tail", "-n", "2000", "all"], env=environ, stdout=-1, stderr=-1)
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        process.stderr.close()
        process.wait(PATIENCE)

    def test_watching_on_a_terminal_redraws_in_place_and_within_its_width(self, house, environ):
        house.rows["alice"]["detail"] = "x" * 500
        screen = bytearray()
        ours, theirs = pty.openpty()
        process = subprocess.Popen([*ROOST, "status", "--watch"], env=environ, stdout=theirs, stderr=theirs)
        os.close(theirs)
        reader = threading.Thread(target=_read_all, args=(ours, screen))
        reader.start()
        wait_for(lambda: screen.count(b"\x1b[Halice") >= 2, "a second drawing")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        reader.join()
        os.close(ours)
        assert b"\x1b[32mRUNNING\x1b[0m" in screen
        assert b"x" * 100 not in screen

    def test_no_color_is_honoured_on_a_terminal(self, house, environ):
        screen = bytearray()
        ours, theirs = pty.openpty()
        command = [*ROOST, "status"]
        subprocess.run(command, env={**environ, "NO_COLOR": "1"}, stdout=theirs, check=True, timeout=PATIENCE)
        os.close(theirs)
        _read_all(ours, screen)
        os.close(ours)
        assert b"RUNNING" in screen
        assert b"\x1b" not in screen


def _read_all(descriptor: int, into: bytearray) -> None:
    with contextlib.suppress(OSError):  # a terminal whose other side is closed
        while piece := os.read(descriptor, 65_536):
            into.extend(piece)


def test_watching_json_gives_a_list_a_second(house, environ):
    process = subprocess.Popen([*ROOST, "status", "--watch", "--json"], env=environ, stdout=-1, text=True)
    assert json.loads(process.stdout.readline())[0]["name"] == "alice"
    assert json.loads(process.stdout.readline())[0]["name"] == "alice"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def test_watching_ends_with_the_supervisor(house, environ):
    process = subprocess.Popen([*ROOST, "status", "--watch"], env=environ, stdout=-1, stderr=-1, text=True)
    assert process.stdout.readline()
    house.end()
    assert process.communicate(timeout=PATIENCE)[1].startswith("roost: ")
    assert process.returncode == 4


def test_the_sandbox_is_given_its_own_words(environ):
    """Its help is the sandbox's own, not ours."""
    ours = subprocess.run(
        [*ROOST, "sandbox", "--help"], env=environ, capture_output=True, text=True, check=False
    )
    its = subprocess.run(
        [sys.executable, "-P", "-m", "sandbox", "--help"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ours.stdout, ours.returncode) == (its.stdout, its.returncode)


class TestRun:
    """The whole supervisor as a process; its workers find nobody at home and keep asking for a code."""

    @pytest.fixture
    def configured(self, place, environ):
        (place / "roost.toml").write_text(
            '[supervisor]\nstate_dir = "state"\nruntime_dir = "run"\nwatch = false\n'
            '[twitch]\nclient_id = "abcdefabcdef"\n'
            'eventsub_url = "ws://127.0.0.1:9"\nhelix_url = "http://127.0.0.1:9"\n'
            'oauth_url = "http://127.0.0.1:9"\n[[users]]\nusername = "alice"\n'
        )
        environ["ROOST_CONFIG"] = str(place / "roost.toml")
        return environ

    def test_it_runs_until_shut_down_and_its_place_is_its_own(self, configured, place, request):
        def roost(*words):
            return subprocess.run(
                [*ROOST, *words], env=configured, capture_output=True, text=True, timeout=30, check=False
            )

        first = subprocess.Popen([*ROOST, "run"], env=configured, stdout=-1, stderr=-1, text=True)
        request.addfinalizer(first.kill)  # its workers leave with it
        wait_for(lambda: roost("status").returncode == 0, "alice is RUNNING")
        second = roost("run")
        assert second.returncode == 78
        assert f"a supervisor (pid {first.pid}) is at work here" in second.stderr
        assert roost("color", "alice", "on").returncode == 1
        assert roost("restart", "alice").stdout == "alice: restarted\n"
        assert roost("shutdown").stdout == "shut down\n"
        log, errors = first.communicate(timeout=PATIENCE)
        assert (first.returncode, errors) == (0, "")
        assert json.loads(log.splitlines()[-1])["event"] == "supervisor stopped"
        assert not (place / "run/control.sock").exists()

    def test_what_it_leaves_behind_when_killed_is_in_its_place_and_cleared_by_the_next(
        self, configured, place, request
    ):
        (place / "temporary").mkdir()
        (place / "run").mkdir(mode=0o700)
        configured["TMPDIR"] = str(place / "temporary")

        def roost(*words):
            asked = [*ROOST, *words]
            return subprocess.run(
                asked, env=configured, capture_output=True, timeout=30, check=False
            ).returncode

        for end in ("kill", "shutdown"):
            supervisor = subprocess.Popen([*ROOST, "run"], env=configured, stdout=-1, stderr=-1)
            request.addfinalizer(supervisor.kill)
            wait_for(lambda: roost("status") == 0, "alice is RUNNING")
            assert len(list((place / "run").glob("listener-*"))) == 1
            supervisor.kill() if end == "kill" else roost("shutdown")
            supervisor.communicate(timeout=PATIENCE)
            assert list((place / "temporary").iterdir()) == []
        assert [path.name for path in (place / "run").iterdir()] == ["roost.lock"]

    def test_every_fault_of_the_configuration_is_told_and_nothing_starts(self, configured, place):
        (place / "roost.toml").write_text("[supervisor]\nruntime_dri = 1\ngrace_seconds = -1\n")
        refused = subprocess.run(
            [*ROOST, "run"], env=configured, capture_output=True, text=True, timeout=30, check=False
        )
        assert refused.returncode == 78
        assert "runtime_dri" in refused.stderr
        assert "grace_seconds" in refused.stderr
        assert refused.stderr.startswith("roost: ")


def test_sharing_the_package_name_with_another_distribution_is_refused(tmp_path, monkeypatch):
    commands_run.refuse_a_shared_package()
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "supervisor-4.3.0.dist-info").mkdir()
    (tmp_path / "supervisor-4.3.0.dist-info/METADATA").write_text("Name: supervisor\nVersion: 4.3.0\n")
    (tmp_path / "supervisor-4.3.0.dist-info/RECORD").write_text("../x,,\nsupervisor/__init__.py,,\n")
    with pytest.raises(ConfigurationFault, match="`pip uninstall supervisor streamroost`"):
        commands_run.refuse_a_shared_package()
