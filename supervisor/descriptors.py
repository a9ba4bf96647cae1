"""Descriptors as a resource: enough of them, and the first three never ours."""

import os
import resource

ENOUGH = 65_536  # five for each worker, and one for each client of the control socket


def make_ready() -> None:
    """Before anything else is opened."""
    _fill_the_standard_three()
    _raise_limit()


def _raise_limit() -> None:
    """Take what the hard limit allows: the usual 1024 would end at about two hundred workers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _fill_the_standard_three() -> None:
    """Open what we were started without: else a socket of ours becomes somebody's standard output."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
