import pytest


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory and home, so that no configuration of this machine is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def environ(place):
    return {"XDG_STATE_HOME": str(place / "state"), "XDG_RUNTIME_DIR": str(place / "run")}
