import re
import time
from io import StringIO

import pytest
from rich.console import Console

from supervisor import demo_view
from supervisor.demo_cast import CAST, summary

ALICE, BOB, CAROL, DAVE = CAST


def row(name, **facts):
    return {
        "name": name,
        "state": "RUNNING",
        "pid": 1_234_567,
        "uptime": 12.0,
        "restarts": 0,
        "phase": "listening",
        "counters": {"changes": 12},
        "facts": {"last_color": "#1e90ff", "hex_allowed": True},
        "sign_in": None,
        "next_start_in": None,
        **facts,
    }


def rows():
    return [row(player.login) for player in CAST]


def record(**facts):
    return {
        "ts": "2026-11-21T05:28:18.123Z",
        "level": "info",
        "event": "listening",
        "worker": "alice",
        **facts,
    }


def shown(renderable, width=80, height=24, **console):
    out = StringIO()
    Console(file=out, width=width, height=height, highlight=False, **console).print(renderable)
    return out.getvalue()


def screen(rows_, log=(), lines=24, **console):
    picture = demo_view.screen(rows_, log, now=time.time(), next_kill_in=7.4, lines=lines)
    return shown(picture, height=lines, **console)


@pytest.mark.parametrize("width", [80, 100, 120, 160])
@pytest.mark.parametrize("height", [24, 40])
def test_the_screen_fits_the_window_and_shows_every_column_and_user(width, height):
    log = [record(reason="long " * 50)] * 100
    lines = screen(rows(), log, lines=height, width=width).splitlines()
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
    header = next(line for line in lines if line.startswith("USER"))
    assert " ".join(header.split()) == "USER STATE PHASE PID UPTIME RESTARTS CHANGES LAST COLOR"
    for player in CAST:
        told = [line for line in lines if line.startswith(player.login)]
        assert len(told) == 2  # its row, and what it is there to show
        assert "RUNNING" in told[0]
        assert "#1e90ff" in told[0]


def test_a_color_is_shown_in_itself():
    assert "\x1b[38;2;30;144;255m██ " in screen(
        rows(), force_terminal=True, color_system="truecolor", legacy_windows=False
    )
    assert "#1e90ff" in screen(rows(), force_terminal=True, no_color=True)


def test_a_worker_that_waits_for_its_next_start_says_how_long():
    text = screen([row("carol", state="BACKOFF", pid=None, uptime=None, phase=None, next_start_in=0.74)])
    assert "BACKOFF" in text
    assert "in 0.7 s" in text


@pytest.mark.parametrize(
    ("player", "facts", "told"),
    [
        (ALICE, {}, "has Turbo: any color"),
        (BOB, {}, "has no Turbo: Twitch refuses free colors"),
        (BOB, {"facts": {"hex_allowed": False}}, "refused twice, so it is presets now"),
        (CAROL, {}, "killed (kill -9) every 20 s and replaced; next in 7 s"),
        (DAVE, {"phase": "starting"}, "has to sign in, with a code that a person confirms"),
        (DAVE, {"sign_in": {"code": "AB\x1bCD"}}, "has to sign in with the code AB�CD"),
        (DAVE, {}, "had to sign in with a code; the sandbox has confirmed it"),
    ],
)
def test_a_note_tells_what_a_user_shows_and_how_far_it_has_come(player, facts, told):
    assert told in demo_view.note(player, row(player.login, **facts), 7.4).plain


def test_a_log_line_is_short_and_cannot_drive_the_terminal():
    line = demo_view.log_line(
        record(event="said\x1b[2J", level="warning", user="alice", pid=3, n=1.5, color="#ff0000")
    )
    time_of_day, told = line.plain[:8], line.plain[8:]
    assert re.fullmatch(r"\d\d:\d\d:\d\d", time_of_day)
    assert told == "  alice      said�[2J  n=1.5  color=#ff0000"


def test_a_record_of_the_supervisor_says_whom_it_is_about():
    line = demo_view.log_line(record(worker="supervisor", user="carol", event="worker state changed"))
    assert line.plain.endswith("supervisor worker state changed  user=carol")


def test_a_record_without_a_time_or_with_odd_facts_is_shown_all_the_same():
    assert (
        demo_view.log_line({"event": "x", "deep": {"a": [None]}}).plain
        == '--:--:--             x  deep={"a": [null]}'
    )


def test_the_summary_counts():
    told = summary([*rows()[:3], row("dave", state="BACKOFF", counters={})], 30.4, 1)
    assert told == "demo: 30 s, 36 color changes, 1 kill survived, 3 of 4 workers running"
    assert summary([], 0.4, 0) == "demo: 0 s, 0 color changes, 0 kills survived, 0 of 4 workers running"
