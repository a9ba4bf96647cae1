"""Which chat colors Twitch takes from whom.

https://dev.twitch.tv/docs/api/reference/#update-user-chat-color
"""

import re

from sandbox.refusal import Refusal

# The names are documented; the values are those of the official mock's source.
NAMED = {
    "blue": "#0000FF",
    "blue_violet": "#8A2BE2",
    "cadet_blue": "#5F9EA0",
    "chocolate": "#D2691E",
    "coral": "#FF7F50",
    "dodger_blue": "#1E90FF",
    "firebrick": "#B22222",
    "golden_rod": "#DAA520",
    "green": "#008000",
    "hot_pink": "#FF69B4",
    "orange_red": "#FF4500",
    "red": "#FF0000",
    "sea_green": "#2E8B57",
    "spring_green": "#00FF7F",
    "yellow_green": "#9ACD32",
}
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


def resolve(color: str, *, turbo: bool) -> str:
    """Return the ``#RRGGBB`` that chat will show.

    A missing or unknown color and a hex color without Turbo or Prime share status 400: only the text differs.
    """
    if not color:
        raise Refusal(400, 'Missing required parameter "color"')
    if color in NAMED:
        return NAMED[color]
    if not _HEX.fullmatch(color):
        raise Refusal(400, f'The parameter "color" is not a color name or hex code: {color}')
    if not turbo:
        raise Refusal(400, "Hex color codes are available to Turbo and Prime users only")
    return color.upper()
