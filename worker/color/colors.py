"""Which color next. Pure but for the dice, which are handed in.

A color is a name of Twitch's or ``#rrggbb`` in lower case. Two colors count as visibly different
by their distance in Oklab, where equal distances look equally far:
https://bottosson.github.io/posts/oklab/
"""

import colorsys
import math
import random
import re
from collections.abc import Iterator

from shared.settings import Color as ColorSettings

# https://dev.twitch.tv/docs/api/reference/#update-user-chat-color
NAMED = {
    "blue": "#0000ff",
    "blue_violet": "#8a2be2",
    "cadet_blue": "#5f9ea0",
    "chocolate": "#d2691e",
    "coral": "#ff7f50",
    "dodger_blue": "#1e90ff",
    "firebrick": "#b22222",
    "golden_rod": "#daa520",
    "green": "#008000",
    "hot_pink": "#ff69b4",
    "orange_red": "#ff4500",
    "red": "#ff0000",
    "sea_green": "#2e8b57",
    "spring_green": "#00ff7f",
    "yellow_green": "#9acd32",
}
SPELLINGS = {name.replace("_", ""): name for name in NAMED}
VISIBLE = 0.1  # Oklab distance; black to white is 1
RAINBOW_STEP = 1 / 24  # of the hue circle; more where the eye needs it
HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})")


class BadColor(ValueError):
    """Not a color; the text says why, for the user."""


def parse_color(text: str) -> str:
    """``Hot Pink``, ``hot_pink``, ``#f0a``, ``ff00aa`` … as a name or ``#rrggbb``. Raises ``BadColor``."""
    word = text.strip().lower()
    if name := SPELLINGS.get(re.sub(r"[\s_-]+", "", word)):
        return name
    found = HEX.fullmatch(word)
    if not found:
        raise BadColor(f"{text.strip()[:40]!r} is neither one of Twitch's color names nor #rgb or #rrggbb")
    digits = found[1]
    return "#" + (digits if len(digits) == 6 else "".join(2 * digit for digit in digits))


def is_hex(color: str) -> bool:
    return color.startswith("#")


def as_hex(color: str) -> str:
    return NAMED.get(color, color)


def distance(one: str, other: str) -> float:
    """How far apart two colors look."""
    return math.dist(_oklab(as_hex(one)), _oklab(as_hex(other)))


class Palette:
    """Yields the next color of a user's mode; ``dice`` decide what is left to chance."""

    def __init__(self, settings: ColorSettings, dice: random.Random) -> None:
        self._settings = settings
        self._dice = dice
        self._hue = dice.random()

    def next_color(self, last: str | None, *, hex_allowed: bool) -> str:
        """Never ``last`` (``#rrggbb``), and visibly different from it where the mode has such a color."""
        mode = self._settings.mode if hex_allowed else "presets"
        match mode:
            case "presets":
                return self._pick(list(NAMED), last)
            case "list":
                return self._pick(list(self._settings.colors), last)
            case "rainbow":
                return self._first_visible(self._round_the_circle(last), last)
            case "random":
                return self._first_visible(self._at_random(), last)

    def _pick(self, colors: list[str], last: str | None) -> str:
        if last is None:
            return self._dice.choice(colors)
        others = [color for color in colors if as_hex(color) != last]
        visible = [color for color in others if distance(color, last) >= VISIBLE]
        return self._dice.choice(visible or others)

    def _first_visible(self, candidates: Iterator[str], last: str | None) -> str:
        return next(color for color in candidates if last is None or distance(color, last) >= VISIBLE)

    def _at_random(self) -> Iterator[str]:
        """Strong enough to be seen, neither too dark nor too pale for either theme of the chat."""
        dice = self._dice
        while True:
            yield _from_hsl(dice.random(), dice.uniform(0.55, 0.95), dice.uniform(0.45, 0.7))

    def _round_the_circle(self, last: str | None) -> Iterator[str]:
        if last is not None:
            self._hue = _hue_of(last, self._hue)
        while True:
            self._hue = (self._hue + RAINBOW_STEP) % 1.0
            yield _from_hsl(self._hue, 0.9, 0.6)


def _from_hsl(hue: float, saturation: float, lightness: float) -> str:
    channels = colorsys.hls_to_rgb(hue, lightness, saturation)
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)


def _channels(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hue_of(color: str, otherwise: float) -> float:
    """The hue to go on from; a grey has none."""
    hue, _, saturation = colorsys.rgb_to_hls(*_channels(color))
    return hue if saturation > 0.1 else otherwise


def _oklab(color: str) -> tuple[float, float, float]:
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in _channels(color)
    )
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )
