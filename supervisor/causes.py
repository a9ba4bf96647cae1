"""Why a worker is dead, in words. Pure."""

import signal

from shared.exits import Exit

MEANINGS = {
    Exit.DONE: "done",
    Exit.CRASHED: "crashed",
    Exit.UNAVAILABLE: "platform unavailable for too long",
    Exit.SIGN_IN_REFUSED: "sign-in refused",
    Exit.MISCONFIGURED: "misconfigured",
}


def cause_of_death(code: int | None, ended_because: str | None, memory: str | None) -> str:
    """``code`` as ``multiprocessing`` has it: negative for a signal; ``None`` if nobody could read it.

    ``ended_because`` is why we ended it, if we did; ``memory`` what the kernel says of memory.
    """
    words = _words(code)
    return ": ".join(filter(None, (words, ended_because or memory)))


def needs_a_person(code: int | None) -> bool:
    return any(code == exit_ and exit_.needs_a_person for exit_ in Exit)


def _words(code: int | None) -> str:
    if code is None:
        return "exit status unknown"
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    try:
        return f"exit {code} ({MEANINGS[Exit(code)]})"
    except ValueError:
        return f"exit {code}"
