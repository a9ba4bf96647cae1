"""One bad user costs that user alone."""

import pytest

from supervisor.config import load
from tests.supervisor.written import USERS, write


def rejections(text: str, environ: dict[str, str], name: str = "roost.toml") -> dict[str, str]:
    return {rejected.name: rejected.reason for rejected in load(write(text, name), environ).rejected}


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
