import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.color.colors import NAMED
from worker.color.commands import Nonsense, SetColor, SwitchOff, SwitchOn, parse_command


@pytest.mark.parametrize("text", ["cce", "CCE", "Cce", " cce ", "cce \U000e0000", "\u200bcce"])
def test_cce_switches_on_whatever_the_case_and_the_invisible_characters_of_chat_clients(text):
    assert parse_command(text) == SwitchOn()


def test_ccd_switches_off():
    assert parse_command("CCD") == SwitchOff()


@pytest.mark.parametrize(
    "text",
    ["cccp", "cce now", "xcce", "ccex", "ccdx", "hello", "", "cc", "!cce", "ccc1e90ff", "I say ccc red"],
)
def test_anything_that_is_not_wholly_a_command_is_an_ordinary_message(text):
    assert parse_command(text) is None


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("ccc red", "red"),
        ("CCC  Hot Pink", "hot_pink"),
        ("ccc hot_pink", "hot_pink"),
        ("ccc DodgerBlue", "dodger_blue"),
        ("ccc #1e90ff", "#1e90ff"),
        ("ccc 1E90FF", "#1e90ff"),
        ("ccc #f0a", "#ff00aa"),
        ("ccc f0a", "#ff00aa"),
        ("ccc\t#abc \U000e0000", "#aabbcc"),
    ],
)
def test_ccc_takes_names_and_hex_colors(text, color):
    assert parse_command(text) == SetColor(color)


@pytest.mark.parametrize(
    "text", ["ccc", "ccc ", "ccc purple rain", "ccc #12", "ccc #12345", "ccc #gggggg", "ccc ##fff"]
)
def test_nonsense_after_ccc_is_told_with_its_reason(text):
    command = parse_command(text)
    assert isinstance(command, Nonsense)
    assert command.reason


@given(st.text(max_size=500))
def test_no_text_breaks_the_parser_and_only_known_commands_come_out(text):
    match parse_command(text):
        case SetColor(color=color):
            assert color in NAMED or (len(color) == 7 and int(color[1:], 16) >= 0)
        case other:
            assert other is None or isinstance(other, SwitchOn | SwitchOff | Nonsense)


@given(st.sampled_from(sorted(NAMED)), st.sampled_from(["_", " ", "", "-"]), st.booleans())
def test_a_name_is_known_in_every_spelling(name, separator, upper):
    spelled = name.replace("_", separator)
    assert parse_command(f"ccc {spelled.upper() if upper else spelled}") == SetColor(name)
