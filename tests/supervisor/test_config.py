import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import ConfigurationFault
from shared.exits import Exit
from shared.settings import Color, Settings
from supervisor.config import Loaded, examine, load
from supervisor.config_shape import VARIABLES, schema

USERS = """
[twitch]
client_id = "abc123"
client_secret = "s3cr3t-value"
[[users]]
username = "alice"
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory and home, so that no configuration of this machine is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def environ(place):
    return {"XDG_STATE_HOME": str(place / "state"), "XDG_RUNTIME_DIR": str(place / "run")}


def write(text: str, name: str = "roost.toml") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def faults_of(text: str, environ: dict[str, str], name: str = "roost.toml") -> list[str]:
    with pytest.raises(ConfigurationFault) as caught:
        load(write(text, name), environ)
    assert caught.value.exit is Exit.MISCONFIGURED
    return str(caught.value).splitlines()


def rejections(text: str, environ: dict[str, str], name: str = "roost.toml") -> dict[str, str]:
    return {rejected.name: rejected.reason for rejected in load(write(text, name), environ).rejected}


# --- what comes out


def test_a_small_file_is_enough(environ, place):
    loaded = load(write(USERS), environ)
    (alice,) = loaded.workers().values()
    assert loaded.path == place / "roost.toml"
    assert alice.channels == ("alice",)
    assert alice.color == Color(mode="random")
    assert alice.user_dir == place / "state" / "streamroost" / "users" / "alice"
    assert alice.twitch.client_id == "abc123"
    assert alice.twitch.client_secret.get_secret_value() == "s3cr3t-value"
    assert len(alice.keys) == 1
    assert loaded.settings.supervisor.state_dir == loaded.state_dir


def test_loading_twice_gives_equal_workers_so_that_a_reload_restarts_nobody(environ):
    path = write(USERS)
    assert load(path, environ).workers() == load(path, environ).workers()


def test_the_directories_are_private_and_nothing_but_the_key_is_written(environ, place):
    loaded = load(write(USERS), environ)
    for folder in (loaded.state_dir, loaded.runtime_dir):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(path.name for path in loaded.state_dir.rglob("*")) == ["roost.key"]
    assert list(loaded.runtime_dir.rglob("*")) == []


def test_examining_leaves_no_trace(environ, place):
    write(USERS)
    loaded = examine(None, environ)
    assert loaded.workers()["alice"].keys == ()
    assert [path.name for path in place.iterdir()] == ["roost.toml"]


def test_a_disabled_user_gets_no_worker_and_needs_no_client(environ):
    loaded = load(write('[[users]]\nusername = "alice"\nenabled = false\n'), environ)
    assert loaded.workers() == {}
    assert loaded.rejected == ()


def test_a_user_with_a_client_of_his_own_never_gets_the_common_secret(environ):
    workers = load(write(USERS + 'client_id = "own"\n[[users]]\nusername = "bob"'), environ).workers()
    assert workers["alice"].twitch.client_id == "own"
    assert workers["alice"].twitch.client_secret is None
    assert workers["bob"].twitch.client_id == "abc123"


def test_color_may_be_switched_off_or_on_by_one_word(environ):
    text = USERS + 'color = false\n[[users]]\nusername = "bob"\ncolor = true'
    workers = load(write(text), environ).workers()
    assert workers["alice"].color is None
    assert workers["bob"].color == Color()


def test_nothing_of_a_loaded_configuration_shows_a_secret(environ):
    loaded = load(write(USERS + 'seed = { access_token = "t0ken-value" }'), environ)
    key = loaded.workers()["alice"].keys[0].get_secret_value()
    text = f"{loaded!r} {loaded.workers()!r} {loaded.settings.model_dump_json()}"
    assert not any(secret in text for secret in ("s3cr3t-value", "t0ken-value", key))


# --- layers


def test_environment_overrides_file_overrides_default(environ):
    environ |= {"ROOST_SUPERVISOR__GRACE_SECONDS": "3.5", "ROOST_SUPERVISOR__WATCH": "false"}
    text = "[supervisor]\ngrace_seconds = 7\nsilence_seconds = 8\n" + USERS
    loaded = load(write(text), environ)
    house = loaded.settings.supervisor
    assert (house.grace_seconds, house.silence_seconds, house.start_seconds) == (3.5, 8.0, 5.0)
    assert house.watch is False
    assert loaded.origins["supervisor.grace_seconds"] == "environment ROOST_SUPERVISOR__GRACE_SECONDS"
    assert loaded.origins["supervisor.silence_seconds"] == "file roost.toml"
    assert loaded.origins["supervisor.start_seconds"] == "default"


def test_users_come_from_the_environment_instead_of_the_file(environ):
    environ["ROOST_USERS"] = '[{"username": "Bob", "channels": ["#X", "x"]}]'
    broken = USERS + 'client_secret_file = "missing"'
    loaded = load(write(broken), environ)
    assert list(loaded.workers()) == ["bob"]
    assert loaded.workers()["bob"].channels == ("x",)
    assert loaded.origins["users.bob.channels"] == "environment ROOST_USERS"
    assert loaded.origins["users.bob.color.mode"] == "default"


def test_the_environment_alone_is_a_configuration(environ):
    environ |= {"ROOST_USERS": '[{"username": "bob"}]', "ROOST_TWITCH__CLIENT_ID": "abc"}
    loaded = load(None, environ)
    assert loaded.path is None
    assert loaded.workers()["bob"].twitch.client_id == "abc"


def test_each_scalar_has_a_variable(environ):
    values = {
        "ROOST_SUPERVISOR__BACKOFF__CAP": "60",
        "ROOST_SUPERVISOR__LOG__LEVEL": "debug",
        "ROOST_TWITCH__HELIX_URL": "http://127.0.0.1:9/helix/",
    }
    assert values.keys() <= VARIABLES.keys()
    settings_ = load(write(USERS), environ | values).settings
    assert settings_.supervisor.backoff.cap == 60.0
    assert settings_.supervisor.log.level == "debug"
    assert settings_.twitch.helix_url == "http://127.0.0.1:9/helix"


def test_what_others_put_into_the_environment_is_no_fault(environ):
    environ |= {
        "ROOST_KEY_FILE": "",
        "ROOST_LOG": "x",
        "ROOST_PRELOAD_CA": "x",
        "ROOST_PORT_9464_TCP_ADDR": "10.0.0.1",
        "ROOST_SERVICE_HOST": "10.0.0.1",
        "ROOST_TWITCH__CLIENT_SECRET": "",
    }
    assert list(load(write(USERS), environ).workers()) == ["alice"]


def test_secrets_come_from_files_beside_the_configuration(environ, place):
    folder = place / "etc"
    write("from-a-file\n", "etc/twitch.secret")
    write("of-bob\n", "etc/bob.secret")
    text = (
        '[twitch]\nclient_id = "a"\nclient_secret_file = "twitch.secret"\n[[users]]\nusername = "alice"\n'
        '[[users]]\nusername = "bob"\nclient_id = "b"\nclient_secret_file = "bob.secret"\n'
    )
    loaded = load(write(text, "etc/roost.toml"), environ)
    workers = loaded.workers()
    assert workers["alice"].twitch.client_secret.get_secret_value() == "from-a-file"
    assert workers["bob"].twitch.client_secret.get_secret_value() == "of-bob"
    assert loaded.origins["twitch.client_secret"] == "file etc/roost.toml"
    environ["ROOST_TWITCH__CLIENT_SECRET_FILE"] = str(folder / "bob.secret")
    loaded = load(folder / "roost.toml", environ)
    assert loaded.settings.twitch.client_secret.get_secret_value() == "of-bob"
    assert loaded.origins["twitch.client_secret"] == "environment ROOST_TWITCH__CLIENT_SECRET_FILE"


def test_relative_paths_begin_at_the_file_and_those_of_the_environment_here(environ, place):
    text = '[supervisor]\nstate_dir = "../state"\nlog = { file = "~/x.log" }\n' + USERS
    loaded = load(write(text, "etc/roost.toml"), environ | {"ROOST_SUPERVISOR__RUNTIME_DIR": "here"})
    assert loaded.state_dir.resolve() == place / "state"
    assert loaded.runtime_dir == place / "here"
    assert loaded.settings.supervisor.log.file == place / "home" / "x.log"


def test_systemd_names_the_directories(environ, place):
    environ |= {"STATE_DIRECTORY": f"{place}/lib:{place}/other", "RUNTIME_DIRECTORY": f"{place}/r"}
    loaded = load(write(USERS), environ)
    assert (loaded.state_dir, loaded.runtime_dir) == (place / "lib", place / "r")
    assert loaded.origins["supervisor.state_dir"] == "environment STATE_DIRECTORY"
    assert loaded.origins["supervisor.runtime_dir"] == "environment RUNTIME_DIRECTORY"


def test_state_lives_in_the_home_directory_of_a_person(environ, place):
    del environ["XDG_STATE_HOME"]
    assert examine(write(USERS), environ).state_dir == place / "home/.local/state/streamroost"


@pytest.mark.parametrize("name", ["./roost.toml", "home/.config/streamroost/roost.toml"])
def test_the_usual_places_are_searched(environ, place, name):
    write(USERS, name)
    assert load(None, environ).path == place / name


def test_the_variable_comes_before_the_usual_places(environ, place):
    write(USERS)
    write(USERS.replace("alice", "bob"), "other.toml")
    environ["ROOST_CONFIG"] = "other.toml"
    assert list(load(None, environ).workers()) == ["bob"]
    assert list(load(Path("roost.toml"), environ).workers()) == ["alice"]


def test_json_of_the_same_model_is_read(environ):
    content = {"twitch": {"client_id": "abc"}, "users": [{"username": "alice", "color": {"mode": "rainbow"}}]}
    loaded = load(write(json.dumps(content), "roost.json"), environ)
    assert loaded.workers()["alice"].color == Color(mode="rainbow")


def test_a_byte_order_mark_is_no_fault(environ, place):
    path = place / "roost.toml"
    path.write_bytes(b"\xef\xbb\xbf" + USERS.encode())
    assert list(load(path, environ).workers()) == ["alice"]


# --- what is wrong, all at once


def test_all_faults_are_told_at_once_one_a_line(environ):
    environ["ROOST_TWICH__CLIENT_ID"] = "abc"
    text = """
[supervisor]
grace_seconds = "soon"
watchh = true
log = { level = "inf" }
backoff = 5
give_up = { deaths = -1 }
[twitch]
client_id = "your_client_id"
helix_url = "http://example.com/helix"
[[users]]
username = "alice"
channels = ["ok", "not ok"]
"""
    assert faults_of(text, environ) == [
        "ROOST_TWICH__CLIENT_ID: no such setting: did you mean `ROOST_TWITCH__CLIENT_ID`?",
        'roost.toml: supervisor.grace_seconds: "soon": not a number: write one such as 10.0',
        "roost.toml: supervisor.backoff: 5: not a section: it has keys of its own (first, factor, cap)",
        "roost.toml: supervisor.give_up.deaths: -1: must be greater than or equal to 0",
        (
            "roost.toml: supervisor.log.level: \"inf\": must be 'debug', 'info', 'warning' or 'error': "
            "did you mean `info`?"
        ),
        "roost.toml: supervisor.watchh: no such key: did you mean `watch`?",
        (
            'roost.toml: twitch.client_id: "your_client_id": this is a placeholder: '
            "copy the value from https://dev.twitch.tv/console/apps"
        ),
        (
            'roost.toml: twitch.helix_url: "http://example.com/helix": '
            "an address other than this machine's own must begin with https:// or wss://"
        ),
        (
            'roost.toml: users[0].channels[1]: "not ok": '
            "not a Twitch login: letters, digits and underscores, at most 25"
        ),
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("supervisor.watch = 5", "5: neither true nor false"),
        ("supervisor.give_up.deaths = 1.5", "1.5: not a whole number: write one such as 0"),
        ("supervisor.grace_seconds = nan", "NaN: not a finite number"),
        ("supervisor.state_dir = ''", 'supervisor.state_dir: "": not a path'),
        ("supervisor.state_dir = 5", "not a path: put one in quotes"),
        ("supervisor.log.level = 5", "must be 'debug'"),
        ("supervisor.state_dir = '~nobody-of-that-name/x'", "no such user"),
        ("twitch.client_id = ''", "empty: give a value, or leave the key out"),
        ("twitch.client_id = 5", "5: not a text: put it in quotes"),
        ("twitch.client_id = ['x']", "twitch.client_id: not a text"),
        ("twitch.eventsub_url = 'https://x.y'", "must begin with wss:// or ws://"),
        ("twitch.oauth_url = 'https://me:pw@x.y'", "no name and password in an address"),
        ("twitch.oauth_url = 'nonsense'", "not an address"),
        ("twitch.oauth_url = 'https://x.y:0'", "no such port"),
        ("twitch.ca_file = 'missing.pem'", "missing.pem: No such file or directory: name a PEM file"),
        ("twitch.ca_file = 'bad.toml'", "bad.toml: no certificates in it"),
        ("twitch.client_secret_file = 'missing'", "missing: No such file or directory: name a file"),
        ("twitch.client_secret_file = 5", "not a path: name the file that holds `client_secret`"),
        ("twitch.client_secret_file = 'bad.toml'", "no secret in it: put it there"),
        ("twitch.client_secret = 'a'\ntwitch.client_secret_file = 'b'", "`client_secret` is given, too"),
        ('"odd\\nkey" = 1', r'"odd\nkey": no such key: known here are supervisor, twitch, users'),
    ],
)
def test_a_fault_says_where_what_and_what_to_do(environ, line, told):
    (fault,) = faults_of(f"{line}\n[[users]]\nusername = 'alice'\nclient_id = 'a'\n", environ, "bad.toml")
    assert fault.startswith("bad.toml: ")
    assert told in fault


def test_good_certificates_are_accepted(environ, place):
    trustme.CA().cert_pem.write_to_path(str(place / "ca.pem"))
    loaded = load(write(USERS.replace("[twitch]", '[twitch]\nca_file = "ca.pem"')), environ)
    assert loaded.settings.twitch.ca_file == place / "ca.pem"


@pytest.mark.parametrize(
    "line",
    [
        'twitch.client_secret = ["hush-hush"]',
        'twitch.client_secrets = "hush-hush"',
        'twitch.client_secret = "your_hush-hush"',
        'twitch.client_secret = "hush-hush',
        'twitch.token = { hush-hush = "hush-hush" }',
    ],
)
def test_no_fault_shows_a_secret(environ, line):
    text = f"{line}\n[[users]]\nusername = 'alice'\nclient_id = 'a'\n"
    assert "hush-hush" not in "".join(faults_of(text, environ)).replace("token.hush-hush", "")


def test_a_long_value_is_cut_and_stays_on_its_line(environ):
    (fault,) = faults_of(f"supervisor.log.level = '''a\n{'b' * 999}'''\n" + USERS, environ)
    assert len(fault) < 250


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"", "roost.toml", "empty: fill it, or remove it and write one with `roost init`"),
        (b" \n", "roost.json", "empty"),
        (b"[twitch\nx", "roost.toml", "not TOML: Expected ']'"),
        (b"a = 1\nb = ", "roost.toml", "(at end of document)"),
        (b"a = 1\nb = @", "roost.toml", "(at line 2, column 5)"),
        (b"# \xff\n", "roost.toml", "line 1 is not UTF-8: save the file in that encoding"),
        (b'{"users": [}', "roost.json", "not JSON: Expecting value (at line 1, column 12)"),
        (b'{"users": [], "users": []}', "roost.json", 'the key "users" stands twice'),
        (b'"text"', "roost.json", "not a configuration: it must be an object"),
        (b"[" * 100_000, "roost.json", "nested too deeply"),
        (b"a = " + b"[" * 100_000, "roost.toml", "nested too deeply"),
        (b"#" * 17_000_000, "roost.toml", "larger than 16 MiB"),
        (b"users = 5", "roost.toml", "users: not a list: write [[users]] above each user"),
        (b"[twitch]\n", "roost.toml", "users: name somebody to work for: [[users]]"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_from_all_others(environ, place, content, name, told):
    (place / name).write_bytes(content)
    with pytest.raises(ConfigurationFault) as caught:
        load(Path(name), environ)
    (fault,) = str(caught.value).splitlines()
    assert fault.startswith(f"{name}: ")
    assert told in fault


def test_a_file_that_is_missing_or_a_directory_or_forbidden_is_told(environ, place):
    with pytest.raises(ConfigurationFault, match=r"^none\.toml: no such file: correct the name"):
        load(Path("none.toml"), environ)
    with pytest.raises(ConfigurationFault, match="this is a directory"):
        load(place, environ)
    with pytest.raises(ConfigurationFault, match=r"roost\.toml/x: Not a directory: make it readable"):
        load(write(USERS) / "x", environ)


def test_a_usual_place_that_cannot_be_looked_at_is_not_passed_over_in_silence(environ):
    with pytest.raises(ConfigurationFault, match="File name too long: make it readable"):
        load(None, environ | {"XDG_CONFIG_HOME": "x" * 300})


def test_without_any_configuration_the_places_are_named(environ, place):
    with pytest.raises(ConfigurationFault) as caught:
        load(None, environ | {"XDG_CONFIG_HOME": str(place / "xdg")})
    (fault,) = str(caught.value).splitlines()
    for told in (
        "roost.toml, ",
        str(place / "xdg/streamroost"),
        "/etc/streamroost",
        "`roost init`",
        "--config",
    ):
        assert told in fault


def test_users_of_the_environment_that_are_no_json_are_told_without_their_text(environ):
    for text in ("[{hush", '{"a": 1}'):
        with pytest.raises(ConfigurationFault, match=r"^ROOST_USERS: ") as caught:
            load(None, environ | {"ROOST_USERS": text})
        assert "hush" not in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def test_a_secret_given_by_two_variables_is_a_fault(environ):
    write("x", "secret")
    environ |= {"ROOST_TWITCH__CLIENT_SECRET": "a", "ROOST_TWITCH__CLIENT_SECRET_FILE": "secret"}
    assert faults_of(USERS, environ) == [
        (
            "ROOST_TWITCH__CLIENT_SECRET_FILE: twitch.client_secret: "
            "ROOST_TWITCH__CLIENT_SECRET gives it, too: unset one of them"
        )
    ]


def test_a_variable_cannot_hide_a_plain_value_where_a_section_belongs(environ):
    text = "twitch = 5\n[[users]]\nusername = 'alice'\n"
    (fault,) = faults_of(text, environ | {"ROOST_TWITCH__CLIENT_ID": "a"})
    assert "twitch: 5: not a section: it has keys of its own (client_id" in fault


@pytest.mark.parametrize("key", ["state_dir", "runtime_dir"])
def test_a_directory_that_cannot_be_one_is_told(environ, place, key):
    write("", "file")
    for path in ("file", "file/below"):
        (fault,) = faults_of(f'[supervisor]\n{key} = "{path}"\n' + USERS, environ)
        assert fault.startswith(f"supervisor.{key}: {place}/{path}: Not a directory: make it a directory")


def test_an_unwritable_directory_is_told(environ, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # this test may run as root, who may write anywhere
    faults = faults_of(USERS, environ)
    assert [": not writable: make it a directory" in fault for fault in faults] == [True, True]


def test_a_user_without_a_home_is_told_what_to_set(environ, monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError()))
    del environ["XDG_STATE_HOME"]
    with pytest.raises(ConfigurationFault, match=r"no home directory .* ROOST_SUPERVISOR__STATE_DIR"):
        load(write(USERS), environ)
    Path("roost.toml").unlink()
    with pytest.raises(
        ConfigurationFault, match=r"looked for roost\.toml, /etc/streamroost/roost\.toml: write one"
    ):
        load(None, environ)


# --- one bad user


def test_a_bad_user_is_rejected_and_the_others_load(environ):
    text = (
        USERS
        + '[[users]]\nusername = "bob"\ncolor = { mode = "lst" }\nchanels = []\n[[users]]\nenabled = true\n'
    )
    loaded = load(write(text), environ)
    assert list(loaded.workers()) == ["alice"]
    bob, nameless = loaded.rejected
    assert bob.name == "bob"
    assert "users[1].color.mode: \"lst\": must be 'random'" in bob.reason
    assert "; roost.toml: users[1].chanels: no such key: did you mean `channels`?" in bob.reason
    assert nameless.name == "users[2]"
    assert nameless.reason == "roost.toml: users[2].username: is missing: add it"


def test_of_two_users_of_one_name_the_first_stays(environ):
    text = USERS + 'channels = ["a"]\n[[users]]\nusername = "@ALICE"\n'
    loaded = load(write(text), environ)
    assert loaded.workers()["alice"].channels == ("a",)
    assert [(r.name, r.reason) for r in loaded.rejected] == [
        ("users[1]", 'roost.toml: users[1].username: "alice" is users[0] already: remove one')
    ]


def test_a_bad_user_does_not_take_the_name_of_a_good_one(environ):
    text = '[twitch]\nclient_id = "a"\n' + '[[users]]\nusername = "bob"\ncolor = 5\n' * 2
    text += '[[users]]\nusername = "bob"\n'
    loaded = load(write(text), environ)
    assert list(loaded.workers()) == ["bob"]
    assert [rejected.name for rejected in loaded.rejected] == ["users[0]", "users[1]"]


@pytest.mark.parametrize(
    ("user", "name", "told"),
    [
        ('username = "bob"', "bob", "https://dev.twitch.tv/console/apps and put its id in"),
        ('username = "bob"\nclient_secret = "x"', "bob", "this secret has no id beside it"),
        ('username = "bob"\nclient_id = "b"\nclient_secret_file = "none"', "bob", "none: No such file"),
        ('username = "your_twitch_username"', "users[1]", "this is a placeholder: put the real name here"),
        (
            'username = "bob"\nclient_id = "b"\ncolor = {mode = "list"}',
            "bob",
            "at least two different colors",
        ),
        ('username = "bob"\nclient_id = "b"\ncolor = {colors = ["#fff"]}', "bob", "is written #rrggbb"),
        (
            'username = "bob"\nclient_id = "b"\ncolor = {colors = ["#ffffff"]}',
            "bob",
            "belongs to mode `list`",
        ),
        ('username = "bob"\nclient_id = "b"\nchannels = "x"', "bob", "not a list: put it in brackets"),
    ],
)
def test_a_rejection_names_the_remedy(environ, user, name, told):
    good = '[[users]]\nusername = "alice"\nclient_id = "a"\n'
    reasons = rejections(good + f"[[users]]\n{user}\n", environ)
    assert list(reasons) == [name]
    assert told in reasons[name]


def test_too_many_channels_are_refused(environ):
    channels = ", ".join(f'"c{number}"' for number in range(101))
    assert "at most 100 channels" in rejections(USERS + f"channels = [{channels}]", environ)["alice"]


def test_a_user_that_is_no_table_is_rejected(environ):
    assert list(rejections('users = ["bob", {username = "alice", client_id = "a"}]', environ)) == ["users[0]"]


def test_users_called_like_a_placeholder_but_not_one_are_served(environ):
    names = ("your_mom", "callyour_friend", "example_4_all", "xxx")
    text = '[twitch]\nclient_id = "a"\n' + "".join(f'[[users]]\nusername = "{name}"\n' for name in names)
    assert tuple(load(write(text), environ).workers()) == names


# --- whatever is written

NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["username", "client_id", "twitch", "users", "color", "?"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["supervisor", "twitch", "users", "username", "x\ny"]), NESTED, max_size=4
    )
)
def test_any_json_is_loaded_or_told_line_by_line(environ, content):
    path = write(json.dumps(content), "any.json")
    loaded, faults = outcome(path, environ)
    assert (loaded is None) is bool(faults)
    assert all(line.startswith("any.json: ") for line in faults)
    names = [] if loaded is None else [*(r.name for r in loaded.rejected), *loaded.workers()]
    assert len(set(names)) == len(names)


def outcome(path: Path, environ: dict[str, str]) -> tuple[Loaded | None, list[str]]:
    try:
        return examine(path, environ), []
    except ConfigurationFault as fault:
        return None, str(fault).splitlines()


def test_the_schema_knows_every_key_that_the_loader_takes():
    whole = schema()
    assert whole["properties"].keys() == Settings.model_fields.keys()
    assert "client_secret_file" in whole["$defs"]["Twitch"]["properties"]
    assert "client_secret_file" in whole["$defs"]["User"]["properties"]
    assert {"type": "boolean"} in whole["$defs"]["User"]["properties"]["color"]["anyOf"]


def test_loading_imports_no_worker_code():
    heavy = {"worker", "cryptography", "requests", "websockets", "structlog"}
    code = "import sys, supervisor.config; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20
    )
    assert not heavy & set(found.stdout.split())
