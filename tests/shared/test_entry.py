import multiprocessing
import pickle
import sys

import pytest

from shared.entry import Entry


def test_an_entry_calls_what_it_names():
    assert Entry("posixpath:join")("a", "b") == "a/b"


def test_pickling_an_entry_does_not_import_what_it_names():
    """This is its whole purpose: the supervisor hands over worker code that it never loads."""
    entry = Entry("no_such_module_of_ours:run")
    copy = pickle.loads(pickle.dumps(entry))  # noqa: S301  our own bytes
    assert "no_such_module_of_ours" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        copy()


def test_an_entry_is_looked_up_in_the_process_that_runs_it():
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=Entry("os:_exit"), args=(7,))
    process.start()
    process.join(20)
    assert process.exitcode == 7
