import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes, SecretStr

from shared.logs import LEVELS, logger, timestamp

LEVEL_OF = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class Sink:
    def __init__(self):
        self.lines = []

    def __call__(self, line, level):
        self.lines.append((line, level))

    def record(self):
        (line, _), = self.lines  # fmt: skip
        return orjson.loads(line)


@pytest.fixture
def sink():
    return Sink()


def test_a_record_is_one_line_of_json_in_the_order_of_the_schema(sink):
    log = logger(sink, "info", worker="alice", user="alice", pid=42)
    log.info("color changed", channel="bob", color="#1e90ff")
    ((line, level),) = sink.lines
    assert level == "info"
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    record = orjson.loads(line)
    assert list(record) == ["ts", "level", "event", "worker", "user", "pid", "channel", "color"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["ts"])
    assert (record["level"], record["event"], record["pid"]) == ("info", "color changed", 42)


def test_the_time_stands_at_a_fixed_place_so_that_lines_sort_by_it(sink):
    log = logger(sink, "debug", worker="a")
    for _ in range(3):
        log.info("x")
    stamps = [line[:32] for line, _ in sink.lines]
    assert all(stamp.startswith(b'{"ts":"20') and stamp.endswith(b'Z"') for stamp in stamps)
    assert stamps == sorted(stamps)


@pytest.mark.parametrize("level", LEVELS)
def test_records_below_the_level_are_not_made(sink, level):
    log = logger(sink, level)
    for each in LEVELS:
        getattr(log, each)("x")
    assert [made for _, made in sink.lines] == [each for each in LEVELS if LEVEL_OF[each] >= LEVEL_OF[level]]


def test_a_secret_never_shows_however_deep_it_lies(sink):
    log = logger(sink, "info", token=SecretStr("hush"))
    log.info("x", key=SecretBytes(b"hush"), deep={"list": [SecretStr("hush")]}, error=ValueError("visible"))
    record = sink.record()
    assert b"hush" not in sink.lines[0][0]
    assert (record["token"], record["key"], record["deep"]) == (
        "(secret)",
        "(secret)",
        {"list": ["(secret)"]},
    )
    assert record["error"] == "visible"


def test_an_exception_brings_its_traceback(sink):
    try:
        raise LookupError("of a kind")
    except LookupError as error:
        logger(sink, "info").error("it broke", exc_info=error)
    record = sink.record()
    assert "exc_info" not in record
    assert record["traceback"].startswith("Traceback (most recent call last)")
    assert record["traceback"].endswith("LookupError: of a kind\n")


def test_no_exception_brings_none(sink):
    logger(sink, "info").error("it broke", exc_info=None)
    assert "traceback" not in sink.record()


def test_what_json_cannot_say_is_said_in_text_and_still_without_a_secret(sink):
    logger(sink, "info").info("x", half="\ud800!", large=2**99, odd={5: SecretStr("hush")}, plain=1)
    record = sink.record()
    assert (record["half"], record["large"], record["plain"]) == ("?!", str(2**99), 1)
    assert "hush" not in record["odd"]


@given(
    st.dictionaries(
        st.text(alphabet="abcxyz_", min_size=1),
        st.none() | st.integers(-(2**70), 2**70) | st.floats() | st.text() | st.binary() | st.just("\ud800"),
        max_size=4,
    )
)
def test_whatever_the_facts_it_is_one_line_of_json(facts):
    sink = Sink()
    logger(sink, "info").info("x", **facts)
    ((line, _),) = sink.lines
    assert line.count(b"\n") == 1
    assert orjson.loads(line).keys() >= facts.keys()


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000.9999, "2023-11-14T22:13:20.999Z"),
        (1_700_000_000.25, "2023-11-14T22:13:20.250Z"),
    ],
)
def test_a_timestamp_is_cut_to_milliseconds_and_never_rounded_into_the_next_second(at, text):
    assert timestamp(at) == text
