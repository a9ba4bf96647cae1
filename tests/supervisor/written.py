"""A configuration as tests write it, and the way they do."""

from pathlib import Path

USERS = """
[twitch]
client_id = "abc123"
client_secret = "s3cr3t-value"
[[users]]
username = "alice"
"""


def write(text: str, name: str = "roost.toml") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
