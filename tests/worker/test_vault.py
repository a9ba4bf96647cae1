import stat

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from worker.vault import Tokens, Vault, VaultDamaged


def key() -> SecretStr:
    return SecretStr(Fernet.generate_key().decode())


TOKENS = Tokens(
    client_id="c", access_token="aaa-secret", refresh_token="rrr-secret", expires_at=5.0, user_id="7"
)


def test_tokens_come_back_as_they_were_and_are_unreadable_at_rest(tmp_path):
    vault = Vault(tmp_path / "tokens", (key(),))
    assert vault.load() is None
    vault.save(TOKENS)
    assert vault.load() == TOKENS
    content = (tmp_path / "tokens").read_bytes()
    assert b"secret" not in content
    assert stat.S_IMODE((tmp_path / "tokens").stat().st_mode) == 0o600


def test_an_older_key_still_reads(tmp_path):
    old, new = key(), key()
    Vault(tmp_path / "tokens", (old,)).save(TOKENS)
    assert Vault(tmp_path / "tokens", (new, old)).load() == TOKENS


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"gAAAAA"])
def test_a_damaged_file_is_set_aside_and_never_overwritten(tmp_path, damage):
    path = tmp_path / "tokens"
    path.write_bytes(damage)
    for aside in ("tokens.damaged", "tokens.damaged.1"):
        with pytest.raises(VaultDamaged, match=aside):
            Vault(path, (key(),)).load()
        assert (tmp_path / aside).read_bytes() == damage
        path.write_bytes(damage)


def test_the_wrong_key_sets_aside_too(tmp_path):
    Vault(tmp_path / "tokens", (key(),)).save(TOKENS)
    with pytest.raises(VaultDamaged):
        Vault(tmp_path / "tokens", (key(),)).load()
    assert (tmp_path / "tokens.damaged").exists()


def test_decrypted_content_of_another_shape_is_set_aside(tmp_path):
    secret = key()
    path = tmp_path / "tokens"
    path.write_bytes(Fernet(secret.get_secret_value()).encrypt(b'{"x": 1}'))
    with pytest.raises(VaultDamaged, match="content"):
        Vault(path, (secret,)).load()


def test_no_token_shows_in_any_text_of_the_tokens():
    assert "secret" not in f"{TOKENS!r} {TOKENS} {TOKENS.model_dump_json()}"
