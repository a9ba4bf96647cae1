import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from shared.settings import Color, Settings
from supervisor.config import examine, load
from supervisor.config_shape import VARIABLES, schema
from tests.supervisor.written import USERS, write

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


def test_good_certificates_are_accepted(environ, place):
    trustme.CA().cert_pem.write_to_path(str(place / "ca.pem"))
    loaded = load(write(USERS.replace("[twitch]", '[twitch]\nca_file = "ca.pem"')), environ)
    assert loaded.settings.twitch.ca_file == place / "ca.pem"


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
