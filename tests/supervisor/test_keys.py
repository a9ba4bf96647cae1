import base64
import os
import stat
import threading

import pytest
from cryptography.fernet import Fernet

from shared.errors import ConfigurationFault
from supervisor.keys import keys_for, master_keys

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
OTHER = base64.urlsafe_b64encode(bytes(range(32, 64))).decode()


def raw(state_dir, environ=None):
    return [key.get_secret_value() for key in master_keys(state_dir, environ or {})]


def write(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_first_use_makes_a_private_key_and_later_ones_find_it(tmp_path):
    first = raw(tmp_path)
    path = tmp_path / "roost.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(base64.urlsafe_b64decode(path.read_text().strip())) == 32
    assert raw(tmp_path) == first
    assert [entry.name for entry in tmp_path.iterdir()] == ["roost.key"]


def test_two_first_uses_at_once_end_with_one_key(tmp_path):
    start = threading.Barrier(8)
    found = []

    def use():
        start.wait()
        found.append(raw(tmp_path)[0])

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8


def test_systemd_credentials_come_before_the_named_file_before_the_own_one(tmp_path):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    named = write(tmp_path / "named", OTHER)
    environ = {"CREDENTIALS_DIRECTORY": str(credentials), "ROOST_KEY_FILE": str(named)}
    assert raw(tmp_path, environ) == [bytes(range(32, 64))]
    write(credentials / "roost.key", KEY, 0o440)  # as systemd's access list makes it look
    assert raw(tmp_path, environ) == [bytes(range(32))]
    assert not (tmp_path / "roost.key").exists()


def test_several_keys_are_read_newest_first(tmp_path):
    write(tmp_path / "roost.key", f"\n{OTHER}\n\n  {KEY}  \n")
    assert raw(tmp_path) == [bytes(range(32, 64)), bytes(range(32))]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_can_reach_is_refused(tmp_path, mode):
    path = write(tmp_path / "roost.key", KEY, mode)
    with pytest.raises(ConfigurationFault, match=f"mode {mode:04o}.*chmod 600 {path}"):
        master_keys(tmp_path, {})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "no key in it"),
        ("\n \n", "no key in it"),
        (f"{KEY}\nsecret-nonsense", "line 2 is not a key"),
        (KEY[:-4], "line 1 is not a key"),
        (KEY.replace("=", ""), "line 1 is not a key"),
        ("ß" * 44, "line 1 is not a key"),
    ],
)
def test_a_malformed_key_is_told_by_its_line_and_never_shown(tmp_path, content, told):
    write(tmp_path / "roost.key", content)
    with pytest.raises(ConfigurationFault, match=told) as caught:
        master_keys(tmp_path, {})
    assert "nonsense" not in str(caught.value)
    assert KEY[:20] not in str(caught.value)
    assert "restore it, or remove the file for a new key" in str(caught.value)


def test_a_named_key_file_must_be_there(tmp_path):
    with pytest.raises(ConfigurationFault, match="none: No such file or directory"):
        master_keys(tmp_path, {"ROOST_KEY_FILE": str(tmp_path / "none")})
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_cannot_be_made_is_told(tmp_path):
    with pytest.raises(ConfigurationFault, match=r"roost\.key: cannot be made: No such file"):
        master_keys(tmp_path / "none", {})


def test_credentials_that_cannot_be_reached_are_told(tmp_path):
    too_long = tmp_path / ("x" * 300)
    with pytest.raises(ConfigurationFault, match="File name too long"):
        master_keys(tmp_path, {"CREDENTIALS_DIRECTORY": os.fspath(too_long)})


def test_each_user_has_keys_of_his_own_that_open_nobody_elses_box(tmp_path):
    write(tmp_path / "roost.key", f"{OTHER}\n{KEY}")
    masters = master_keys(tmp_path, {})
    alice, bob = keys_for("alice", masters), keys_for("bob", masters)
    boxes = {key.get_secret_value() for key in (*alice, *bob)}
    assert len(boxes) == 4
    assert all(Fernet(key).decrypt(Fernet(key).encrypt(b"x")) == b"x" for key in boxes)
    assert keys_for("alice", masters) == alice


def test_the_derivation_never_changes_because_stored_tokens_depend_on_it(tmp_path):
    write(tmp_path / "roost.key", KEY)
    (key,) = keys_for("alice", master_keys(tmp_path, {}))
    assert key.get_secret_value() == "Ekf1jPRW2Cj9mkc2xRFJ89A-Kqhj6i05WxUcpKtMMy8="  # openssl dgst -mac hmac


def test_no_text_of_a_key_shows_it(tmp_path):
    write(tmp_path / "roost.key", KEY)
    masters = master_keys(tmp_path, {})
    assert "\\x00" not in repr(masters)
    assert keys_for("alice", masters)[0].get_secret_value() not in repr(keys_for("alice", masters))
