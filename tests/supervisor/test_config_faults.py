"""What is wrong with a configuration, and what is said about it."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import ConfigurationFault
from shared.exits import Exit
from supervisor.config import Loaded, examine, load
from tests.supervisor.written import USERS, write


def faults_of(text: str, environ: dict[str, str], name: str = "roost.toml") -> list[str]:
    with pytest.raises(ConfigurationFault) as caught:
        load(write(text, name), environ)
    assert caught.value.exit is Exit.MISCONFIGURED
    return str(caught.value).splitlines()


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
