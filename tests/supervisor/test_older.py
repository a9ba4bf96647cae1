import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.config import examine
from supervisor.older import modernised

USER = {
    "username": "Alice",
    "client_id": "abc",
    "client_secret": "s3cret",
    "channels": ["alice", "#Bob"],
    "is_prime_or_turbo": True,
    "enabled": True,
    "access_token": "acc",
    "refresh_token": "ref",
    "token_expiry": "2026-05-01T12:00:00+00:00",
}


def loaded(content, tmp_path: Path, name: str = "twitch_colorchanger.conf"):
    path = tmp_path / name
    path.write_text(json.dumps(content))
    before = path.read_bytes(), path.stat().st_mtime_ns
    result = examine(path, {"XDG_STATE_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)})
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    return result


@pytest.mark.parametrize("name", ["twitch_colorchanger.conf", "old.json"])
@pytest.mark.parametrize("content", [USER, {"users": [USER]}])
def test_a_file_of_the_older_program_loads_unchanged(tmp_path, content, name):
    (alice,) = loaded(content, tmp_path, name).workers().values()
    assert alice.channels == ("alice", "bob")
    assert alice.color.mode == "random"
    assert alice.twitch.client_id == "abc"
    assert alice.twitch.client_secret.get_secret_value() == "s3cret"
    assert alice.seed.access_token.get_secret_value() == "acc"
    assert alice.seed.refresh_token.get_secret_value() == "ref"
    assert alice.seed.expires_at == datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()


def test_without_turbo_the_colors_are_the_presets(tmp_path):
    (alice,) = loaded({**USER, "is_prime_or_turbo": False}, tmp_path).workers().values()
    assert alice.color.mode == "presets"


def test_a_disabled_user_stays_disabled(tmp_path):
    assert loaded({**USER, "enabled": False}, tmp_path).workers() == {}


@pytest.mark.parametrize(
    ("expiry", "expires_at"),
    [
        ("2026-05-01T12:00:00Z", 1777636800.0),
        ("2026-05-01T14:00:00+02:00", 1777636800.0),
        ("2026-05-01T12:00:00", 1777636800.0),
        (1777636800, 1777636800.0),
        (1777636800.5, 1777636800.5),
        (None, None),
        ("", None),
        ("soon", None),
        (True, None),
        ([], None),
        (10**400, None),
        (float("inf"), None),
    ],
)
def test_an_expiry_is_a_moment_or_unknown(tmp_path, expiry, expires_at):
    (alice,) = loaded({**USER, "token_expiry": expiry}, tmp_path).workers().values()
    assert alice.seed.expires_at == expires_at


@pytest.mark.parametrize("nothing", [None, "", "your_access_token_here"])
def test_tokens_that_are_none_are_not_taken_over(tmp_path, nothing):
    content = {**USER, "access_token": nothing, "refresh_token": nothing}
    (alice,) = loaded(content, tmp_path).workers().values()
    assert alice.seed is None


def test_a_refresh_token_alone_is_taken_over(tmp_path):
    content = {key: value for key, value in USER.items() if key not in {"access_token", "token_expiry"}}
    (alice,) = loaded(content, tmp_path).workers().values()
    assert alice.seed.access_token is None
    assert alice.seed.refresh_token.get_secret_value() == "ref"


def test_empty_fields_are_as_good_as_absent(tmp_path):
    (alice,) = loaded({**USER, "client_secret": "", "channels": []}, tmp_path).workers().values()
    assert alice.twitch.client_secret is None
    assert alice.channels == ("alice",)


def test_placeholders_of_its_sample_file_are_told(tmp_path):
    content = {"users": [USER, {**USER, "username": "your_twitch_username", "client_id": "your_client_id"}]}
    (rejected,) = loaded(content, tmp_path).rejected
    assert "users[1].username" in rejected.reason
    assert "users[1].client_id" in rejected.reason


def test_tokens_never_show(tmp_path):
    text = repr(loaded(USER, tmp_path)) + repr(loaded(USER, tmp_path).workers())
    assert "'acc'" not in text
    assert "'ref'" not in text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    st.lists,
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*USER, "users", "color"]), JSON))
def test_any_object_is_modernised_without_complaint_and_a_modern_one_is_left_alone(content):
    once = modernised(content)
    assert modernised(once) == once
