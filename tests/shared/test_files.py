import os
import resource
import signal
import stat
import subprocess
import sys

import pytest

from shared import files

WRITE_FOR_EVER = """
import sys
from pathlib import Path
from shared.files import replace
path, size = Path(sys.argv[1]), int(sys.argv[2])
number = 0
while True:
    number += 1
    replace(path, (b"%d" % (number % 10)) * size)
    if number == 1:
        print("begun", flush=True)
"""
SIZE = 200_000


def test_a_file_is_replaced_and_private_whatever_it_was(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    files.replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("round_", range(12))
def test_killed_at_any_moment_the_content_is_an_old_or_a_new_one_whole(tmp_path, round_):
    """A real process that writes without pause is killed after a different number of our own looks."""
    path = tmp_path / "file"
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_FOR_EVER, str(path), str(SIZE)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout.readline() == b"begun\n"
        for _ in range(1 + 5 * round_):
            assert_whole(path.read_bytes())
        writer.send_signal(signal.SIGKILL)
        assert writer.wait(10) == -signal.SIGKILL
    assert_whole(path.read_bytes())
    files.replace(path, b"next")
    assert path.read_bytes() == b"next"


def assert_whole(content: bytes) -> None:
    assert len(content) == SIZE
    assert len(set(content)) == 1


def test_a_full_disk_leaves_the_old_content_and_no_draft(tmp_path):
    path = tmp_path / "file"
    files.replace(path, b"old")
    with no_file_longer_than(1000), pytest.raises(OSError, match="File too large"):
        files.replace(path, b"x" * 100_000)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


class no_file_longer_than:  # noqa: N801  reads as a sentence
    """The kernel refuses to write beyond ``size`` bytes, as a full disk does, in the midst of a write."""

    def __init__(self, size):
        self.size = size

    def __enter__(self):
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.before[1]))

    def __exit__(self, *_):
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)
        signal.signal(signal.SIGXFSZ, self.handler)


def test_a_place_that_is_none_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.replace(tmp_path / "none" / "file", b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        files.replace(tmp_path / "folder", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_the_draft_of_a_dead_process_of_the_same_number_is_no_obstacle(tmp_path):
    (tmp_path / f".file.{os.getpid()}").write_text("left behind, and longer than the new content")
    files.replace(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_nothing_is_deleted_by_setting_aside(tmp_path):
    path = tmp_path / "tokens"
    for expected in ("tokens.damaged", "tokens.damaged.1", "tokens.damaged.2"):
        path.write_text(expected)
        assert files.set_aside(path, "damaged") == tmp_path / expected
        assert (tmp_path / expected).read_text() == expected
        assert not path.exists()


def test_missing_folders_are_made_private_and_others_left_alone(tmp_path):
    (tmp_path / "there").mkdir(mode=0o755)
    files.make_private_directory(tmp_path / "there" / "a" / "b")
    for folder, mode in (("there", 0o755), ("there/a", 0o700), ("there/a/b", 0o700)):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == mode
    files.make_private_directory(tmp_path / "there")
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o755
