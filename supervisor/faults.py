"""What a command says when it cannot do what it was asked, and what `roost` then exits with."""

from shared.errors import RoostError


class CommandFault(RoostError):
    """A refusal, an impossibility, a time-out."""

    code = 1


class NotRunning(CommandFault):
    """Something asked about is not RUNNING."""

    code = 3


class NotThere(CommandFault):
    """No supervisor answers, or it knows nobody of that name."""

    code = 4
