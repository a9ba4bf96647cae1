import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.settings import Color
from worker.color.colors import NAMED, VISIBLE, Palette, as_hex, distance

HEX = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
MODES = st.sampled_from(["random", "presets", "rainbow"])


@given(MODES, HEX, st.integers(), st.booleans())
def test_the_next_color_is_always_visibly_different_from_the_last(mode, last, seed, hex_allowed):
    palette = Palette(Color(mode=mode), random.Random(seed))
    color = palette.next_color(last, hex_allowed=hex_allowed)
    assert distance(color, last) >= VISIBLE
    assert hex_allowed or color in NAMED


@given(st.lists(HEX, min_size=2, max_size=8, unique=True), st.integers())
def test_a_list_gives_its_own_colors_and_never_the_same_twice_in_a_row(colors, seed):
    palette = Palette(Color(mode="list", colors=tuple(colors)), random.Random(seed))
    last = None
    for _ in range(10):
        color = palette.next_color(last, hex_allowed=True)
        assert color in colors
        assert color != last
        last = color


def test_a_users_own_list_gives_way_to_the_names_where_hex_is_refused():
    palette = Palette(Color(mode="list", colors=("#111111", "#eeeeee")), random.Random(1))
    assert palette.next_color(None, hex_allowed=False) in NAMED


def test_the_rainbow_goes_round_and_comes_back():
    palette, last, hues = Palette(Color(mode="rainbow"), random.Random(7)), "#ff0000", []
    for _ in range(24):
        last = palette.next_color(last, hex_allowed=True)
        hues.append(last)
    assert len(set(hues)) > 12


def test_presets_reach_every_name():
    palette, last, seen = Palette(Color(mode="presets"), random.Random(3)), None, set()
    for _ in range(500):
        name = palette.next_color(last, hex_allowed=True)
        seen.add(name)
        last = as_hex(name)
    assert seen == set(NAMED)


@given(HEX, HEX)
def test_distance_is_symmetric_and_zero_only_for_the_same_color(one, other):
    assert distance(one, other) == pytest.approx(distance(other, one))
    assert (distance(one, other) == 0) == (one == other)


def test_black_and_white_are_one_apart():
    assert distance("#000000", "#ffffff") == pytest.approx(1.0, abs=1e-3)


def test_random_colors_stay_readable():
    palette, last = Palette(Color(mode="random"), random.Random(5)), None
    for _ in range(200):
        last = palette.next_color(last, hex_allowed=True)
        assert distance(last, "#000000") > 0.3
        assert distance(last, "#ffffff") > 0.1
