import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter, ValidationError

from shared.settings import Color, HttpUrl, Settings, SocketUrl, Twitch, User, WorkerSettings

LOGINS = st.from_regex(r"[a-z0-9][a-z0-9_]{3,24}", fullmatch=True).filter(
    lambda login: not login.startswith(("your_", "example_"))
)


@st.composite
def written(draw, login):
    """A login as people write it: some case, perhaps a # or @, perhaps spaces around."""
    text = "".join(draw(st.sampled_from([letter, letter.upper()])) for letter in login)
    return draw(st.sampled_from(["", " "])) + draw(st.sampled_from(["", "#", "@", "##"])) + text + " "


@given(st.lists(LOGINS, max_size=8).flatmap(lambda plain: st.tuples(st.just(plain), *map(written, plain))))
def test_any_mix_of_marks_case_and_repeats_normalises(drawn):
    plain, *as_written = drawn
    user = User(username="alice", channels=as_written)
    assert user.channels == tuple(dict.fromkeys(plain))
    assert User(username="alice", channels=user.channels) == user


@pytest.mark.parametrize(
    "login", ["", "#", "a b", "ä", "_x", "x" * 26, "a-b", "a\n", "<name>", 5, None, "your_channel"]
)
def test_what_is_no_login_is_refused(login):
    if login == "a\n":
        assert User(username=login).username == "a"
        return
    with pytest.raises(ValidationError):
        User(username=login)


@given(st.text(max_size=30))
def test_any_text_is_a_normal_login_or_refused(text):
    try:
        login = User(username=text).username
    except ValidationError:
        return
    assert User(username=login).username == login == login.lower().strip("#@ \n")


@pytest.mark.parametrize(
    ("address", "is_good"),
    [
        ("https://id.twitch.tv/oauth2", True),
        ("http://localhost:8080/x", True),
        ("http://127.0.0.1:1", True),
        ("http://[::1]:1/x", True),
        ("http://id.twitch.tv", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("https://name:password@id.twitch.tv", False),
        ("https://", False),
        ("https://x:0", False),
        ("https://x:99999", False),
        ("https://x:port", False),
        ("https://[::1", False),
        ("wss://id.twitch.tv", False),
        ("id.twitch.tv", False),
    ],
)
def test_an_address_is_encrypted_unless_it_is_this_machine(address, is_good):
    adapter = TypeAdapter(HttpUrl)
    if is_good:
        assert adapter.validate_python(address + "/") == address
    else:
        with pytest.raises(ValidationError):
            adapter.validate_python(address)


def test_a_socket_has_socket_addresses():
    adapter = TypeAdapter(SocketUrl)
    assert adapter.validate_python("ws://localhost:1/ws") == "ws://localhost:1/ws"
    for address in ("https://x.y", "ws://x.y"):
        with pytest.raises(ValidationError):
            adapter.validate_python(address)


@pytest.mark.parametrize(
    "value", ["your_client_id", "<client id>", "CHANGE_ME", "xxxx", "...", "…", "", "  ", "a b", "a\tb"]
)
def test_placeholders_are_refused_as_credentials(value):
    with pytest.raises(ValidationError):
        Twitch(client_id=value)


@pytest.mark.parametrize("value", ["your_client_secret", "changeme", "<secret>"])
def test_placeholders_are_refused_as_secrets_without_being_shown(value):
    with pytest.raises(ValidationError) as caught:
        Twitch(client_secret=value)
    assert value not in str(caught.value)


def test_a_client_id_is_taken_without_the_spaces_it_was_copied_with():
    assert Twitch(client_id=" abc\n").client_id == "abc"


@pytest.mark.parametrize(
    ("given_", "color"),
    [
        (True, Color()),
        (False, None),
        (None, None),
        (
            {"mode": "list", "colors": ["#FF0000", "#00ff00"]},
            Color(mode="list", colors=("#ff0000", "#00ff00")),
        ),
    ],
)
def test_the_color_job_is_a_table_or_one_word(given_, color):
    assert User(username="alice", color=given_).color == color


@pytest.mark.parametrize(
    "color",
    [
        {"mode": "list"},
        {"mode": "list", "colors": ["#ff0000", "#FF0000"]},
        {"mode": "list", "colors": ["red", "blue"]},
        {"mode": "random", "colors": ["#ff0000", "#00ff00"]},
        {"mode": "sometimes"},
        "random",
    ],
)
def test_a_color_job_that_cannot_work_is_refused(color):
    with pytest.raises(ValidationError):
        User(username="alice", color=color)


@pytest.mark.parametrize(
    "settings",
    [
        {"supervisor": {"grace_seconds": -1}},
        {"supervisor": {"silence_seconds": 0}},
        {"supervisor": {"backoff": {"factor": 0.5}}},
        {"supervisor": {"backoff": {"cap": float("inf")}}},
        {"supervisor": {"unknown": 1}},
        {"supervisor": {"state_dir": "\0"}},
        {"users": [{"username": "a", "channels": [f"c{number}" for number in range(101)]}]},
    ],
)
def test_values_out_of_bounds_are_refused(settings):
    with pytest.raises(ValidationError):
        Settings.model_validate(settings)


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError):
        Settings().twitch = Twitch()


def test_a_workers_settings_travel_by_value_and_show_no_secret(tmp_path):
    settings = WorkerSettings(
        username="alice",
        channels=("alice",),
        color=Color(),
        twitch=Twitch(client_id="a", client_secret=SecretStr("hush")),
        user_dir=tmp_path,
        keys=(SecretStr("hush"),),
    )
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301  our own bytes
    assert "hush" not in f"{settings!r} {settings.model_dump_json()}"
