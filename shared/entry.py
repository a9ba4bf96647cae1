"""Naming a function of another room without importing it."""

import importlib


class Entry:
    """``module:function``, looked up only in the process that calls it.

    ``multiprocessing`` pickles a target by importing it first; this is how the supervisor starts
    the worker's code without ever loading it.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: object) -> object:
        module, function = self.name.split(":")
        return getattr(importlib.import_module(module), function)(*args)
