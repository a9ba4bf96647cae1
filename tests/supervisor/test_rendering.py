"""What an operator reads."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.rendering import age, cut, duration, in_color, log_lines, safe, status_lines
from tests.supervisor.house import row

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0:00:00"), (0, "0:00:00"), (59.9, "0:00:59"), (11527, "3:12:07"), (184_327, "2d 3:12:07")],
)
def test_an_uptime_reads_as_supervisorctl_writes_it(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (12.9, "12s"), (59, "59s"), (60, "1m"), (7200, "2h"), (86_400 * 5, "5d")],
)
def test_an_age_is_one_number_and_one_letter(seconds, text):
    assert age(seconds) == text


def test_the_table_of_workers_is_aligned_and_says_what_matters_in_each_state():
    rows = [
        row("alice", detail="431 changes, last #1e9", detail_at=NOW - 12),
        row("bob", "BACKOFF", reason="died of signal SIGKILL", next_start_in=4.2),
        row("carol_the_third", "FATAL", reason="the sign-in was refused"),
        row("dave", "STOPPED"),
        row("erin", "EXITED", exit="exit code 0 (done)"),
        row("frank", "STARTING", uptime=1.2),
        row(
            "grace",
            phase="signing-in",
            sign_in={
                "url": "https://id.example",
                "code": "AB-CD",
                "expires_at": NOW + 600,
                "why": "a scope is missing",
            },
        ),
    ]
    assert status_lines(rows, NOW) == [
        "alice             RUNNING    pid 4242, uptime 3:12:07   listening, 431 changes, last #1e9 12s ago",
        "bob               BACKOFF    next start in 4s           died of signal SIGKILL",
        "carol_the_third   FATAL                                 the sign-in was refused",
        "dave              STOPPED",
        "erin              EXITED                                exit code 0 (done)",
        "frank             STARTING   pid 4242, uptime 0:00:01",
        (
            "grace             RUNNING    pid 4242, uptime 3:12:07   sign in at https://id.example "
            "with code AB-CD, within 10m (a scope is missing)"
        ),
    ]


def test_a_code_that_has_expired_is_not_offered_any_more():
    stale = {"url": "https://id.example", "code": "AB-CD", "expires_at": NOW - 1, "why": ""}
    (line,) = status_lines([row("alice", sign_in=stale)], NOW)
    assert line.endswith("the code AB-CD has expired, a new one is on its way")


def test_that_there_is_nobody_is_a_line_too():
    assert status_lines([], NOW) == ["nobody: the configuration has no enabled user"]


def test_colors_do_not_disturb_the_columns():
    painted = status_lines([row("alice"), row("bob", "FATAL", reason="why")], NOW, in_color)
    assert painted[0].startswith("alice   \x1b[32mRUNNING\x1b[0m   pid")
    assert painted[1].startswith("bob     \x1b[31mFATAL  \x1b[0m   ")


RECORD = {
    "ts": "2026-01-02T03:04:05.678Z",
    "level": "warning",
    "event": "link lost",
    "worker": "alice",
    "user": "alice",
    "pid": 7,
    "code": 4003,
    "reason": 'said "bye now"',
}


def test_a_log_record_is_one_line_with_its_facts():
    (line,) = log_lines(RECORD, zone=UTC)
    assert line == "2026-01-02 03:04:05 WARNING alice        link lost  code=4003 reason=\"said 'bye now'\""


def test_a_record_about_somebody_else_names_them():
    (line,) = log_lines({**RECORD, "worker": "supervisor"}, zone=UTC)
    assert "user=alice" in line


def test_a_traceback_is_indented_under_its_record():
    _, first, second = log_lines({**RECORD, "traceback": "Traceback:\n  ZeroDivisionError"}, zone=UTC)
    assert (first, second) == ("    Traceback:", "      ZeroDivisionError")


def test_missing_records_are_told():
    assert "12 records are missing" in next(log_lines({"dropped": 12}))


def test_a_level_has_its_color():
    (line,) = log_lines(RECORD, in_color, UTC)
    assert "\x1b[33mWARNING\x1b[0m" in line


@given(
    st.dictionaries(
        st.sampled_from(["ts", "level", "event", "worker", "user", "traceback", "dropped", "x"]),
        st.none() | st.text(st.characters()) | st.integers() | st.lists(st.text()),
    )
)
def test_no_record_can_drive_the_terminal_or_break_the_rendering(record):
    for line in log_lines(record):
        assert line == safe(line)
        line.encode()  # a lone surrogate would raise, and end the command


@given(st.text(), st.integers(0, 100))
def test_a_line_is_cut_to_the_window_and_keeps_its_colors_whole(text, width):
    line = f"ab{in_color(safe(text), '31')}cd"
    plain_text = f"ab{safe(text)}cd"
    cut_line = cut(line, width)
    assert cut_line.replace("\x1b[31m", "").replace("\x1b[0m", "") == plain_text[:width]
    assert cut_line.count("\x1b") == 2
