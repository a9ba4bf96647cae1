"""Noticing that the configuration file has changed."""

import os

from supervisor.watch import Watch


def test_a_change_is_told_once_and_only_after_a_second_of_quiet(tmp_path):
    path = tmp_path / "roost.toml"
    path.write_text("one")
    watch = Watch(path)
    assert not watch.has_changed(0.0)
    path.write_text("two!")
    assert not watch.has_changed(1.0)
    path.write_text("three")
    assert not watch.has_changed(2.0)
    assert not watch.has_changed(2.9)
    assert watch.has_changed(3.0)
    assert not watch.has_changed(4.0)


def test_a_file_that_was_replaced_by_one_like_it_has_changed(tmp_path):
    path = tmp_path / "roost.toml"
    path.write_text("one")
    watch = Watch(path)
    other = tmp_path / "other"
    other.write_text("two")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.rename(path)
    assert not watch.has_changed(1.0)
    assert watch.has_changed(2.0)


def test_a_change_that_hides_behind_the_old_time_and_size_is_one_all_the_same(tmp_path):
    """As `rsync --times --inplace` makes it, or whoever copies the time of another file."""
    path = tmp_path / "roost.toml"
    path.write_text("one")
    watch = Watch(path)
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # its clock ticks in milliseconds
        path.write_text("two")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not watch.has_changed(1.0)
    assert watch.has_changed(2.0)


def test_a_file_that_is_gone_for_good_has_changed_but_one_between_two_steps_of_an_editor_has_not(tmp_path):
    path = tmp_path / "roost.toml"
    path.write_text("one")
    watch = Watch(path)
    path.unlink()
    assert not watch.has_changed(1.0)
    path.write_text("two")
    assert not watch.has_changed(2.0)
    assert watch.has_changed(3.0)
    path.unlink()
    assert not watch.has_changed(4.0)
    assert watch.has_changed(5.0)


def test_what_was_loaded_for_another_reason_is_no_news(tmp_path):
    path = tmp_path / "roost.toml"
    path.write_text("one")
    watch = Watch(path)
    path.write_text("two")
    assert not watch.has_changed(1.0)
    watch.settle()
    assert not watch.has_changed(2.0)
    assert not watch.has_changed(3.0)
