import json
import os

import pytest

from worker.logs import LogQueue


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def record(number: int, level: str = "info", size: int = 0) -> bytes:
    return json.dumps({"level": level, "event": str(number), "pad": "x" * size}).encode() + b"\n"


def read_all(reader: int) -> bytes:
    collected = b""
    while True:
        try:
            collected += os.read(reader, 65536)
        except BlockingIOError:
            return collected


def lines(data: bytes) -> list[dict]:
    return [json.loads(line) for line in data.splitlines()]


def test_records_arrive_whole_and_in_order(pipe):
    reader, writer = pipe
    queue = LogQueue(writer)
    for number in range(100):
        queue.put(record(number), "info")
    assert [line["event"] for line in lines(read_all(reader))] == [str(number) for number in range(100)]
    assert not queue.waiting


def test_a_reader_that_stopped_costs_the_oldest_harmless_records_and_never_a_wait(pipe):
    reader, writer = pipe
    queue = LogQueue(writer, kept=50)
    for number in range(2000):
        level = "error" if number % 100 == 99 else "info"
        queue.put(record(number, level, size=100), level)
    data = read_all(reader)
    while queue.waiting:
        queue.drain()
        data += read_all(reader)
    got = lines(data)
    numbers = [int(line["event"]) for line in got if line["event"].isdigit()]
    assert numbers == sorted(numbers)
    assert [int(line["event"]) for line in got if line["level"] == "error"] == list(range(99, 2000, 100))
    told = [line for line in got if line["event"] == "log records dropped"]
    assert sum(line["count"] for line in told) == queue.dropped == 2000 - len(numbers)


def test_when_every_record_is_dear_the_oldest_goes(pipe):
    reader, writer = pipe
    queue = LogQueue(writer, kept=3)
    filler = record(0, "error", size=60_000)
    for _ in range(3):
        queue.put(filler, "error")
    for number in range(1, 5):
        queue.put(record(number, "error"), "error")
    assert queue.dropped > 0
    queue.drain()
    data = read_all(reader)
    while queue.waiting:
        queue.drain()
        data += read_all(reader)
    assert lines(data)[-2]["event"] == "4"


def test_a_record_larger_than_the_pipe_is_not_torn_while_the_writer_lives(pipe):
    reader, writer = pipe
    queue = LogQueue(writer)
    queue.put(record(1, size=300_000), "info")
    queue.put(record(2), "info")
    data = b""
    while queue.waiting:
        data += read_all(reader)
        queue.drain()
    data += read_all(reader)
    assert [line["event"] for line in lines(data)] == ["1", "2"]


def test_flush_gives_up_at_its_deadline_and_a_vanished_reader_is_no_error():
    reader, writer = os.pipe()
    queue = LogQueue(writer)
    queue.put(record(1, size=300_000), "info")
    queue.flush(seconds=0.01)
    assert queue.waiting
    os.close(reader)
    queue.flush(seconds=0.01)
    assert not queue.waiting
    os.close(writer)
