"""What a user can say in chat to steer their own colors. Pure."""

import re
from dataclasses import dataclass

from worker.color.colors import BadColor, parse_color


@dataclass(frozen=True)
class SwitchOn:
    pass


@dataclass(frozen=True)
class SwitchOff:
    pass


@dataclass(frozen=True)
class SetColor:
    color: str  # a name of Twitch's, or #rrggbb


@dataclass(frozen=True)
class Nonsense:
    """Meant as a command, but its color is none; ``reason`` says why."""

    reason: str


Command = SwitchOn | SwitchOff | SetColor | Nonsense

# Chat clients append invisible characters to a message that repeats the one before.
INVISIBLE = " \t\r\n\u200b\u2800\U000e0000"
SET = re.compile(r"ccc\s+(?P<color>.+)", re.IGNORECASE | re.DOTALL)


def parse_command(text: str) -> Command | None:
    """The command that is the whole of ``text``, or ``None`` for an ordinary message."""
    text = text.strip(INVISIBLE)
    match text.lower():
        case "cce":
            return SwitchOn()
        case "ccd":
            return SwitchOff()
        case "ccc":
            return Nonsense("ccc needs a color: a name such as hot_pink, or #rrggbb")
    if found := SET.fullmatch(text):
        try:
            return SetColor(parse_color(found["color"]))
        except BadColor as bad:
            return Nonsense(str(bad))
    return None
