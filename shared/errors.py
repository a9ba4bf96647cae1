"""The errors that somebody answers differently from a crash.

    RoostError
     ├── ConfigurationFault   the operator must change a file or a variable     exit 78
     ├── SignInRefused        the user must sign in again                       exit 77
     ├── TryLater             the other side is busy or away: wait, ask again
     └── Stopping             we were asked to leave: unwind, this is no fault

Anything else that escapes a worker is a surprise and ends it with its traceback: restarting is
the supervisor's trade.
"""

from shared.exits import Exit


class RoostError(Exception):
    """A fault we foresaw. Its text says where, what, and what to do next."""

    exit = Exit.CRASHED


class ConfigurationFault(RoostError):
    """The configuration cannot be used as it stands."""

    exit = Exit.MISCONFIGURED


class SignInRefused(RoostError):
    """The platform will not accept this user until a person signs in."""

    exit = Exit.SIGN_IN_REFUSED


class TryLater(RoostError):
    """The other side is busy or unreachable: the same request may succeed later."""

    exit = Exit.UNAVAILABLE


class Stopping(RoostError):
    """A wait was cut short because this process has been asked to stop."""

    exit = Exit.DONE
