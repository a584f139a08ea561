"""Log lines of worker and scheduler, as text and as JSON."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterator

import pytest

from jobctl.engine import logs
from jobctl.engine.tools.sink import MAX_BEHIND, Sink

Setup = Callable[..., Callable[[], str]]


@pytest.fixture
def setup() -> Iterator[Setup]:
    """Set logging up on a pipe; the result reads what was written."""
    root = logging.getLogger()
    handlers, level, own = root.handlers[:], root.level, logging.getLogger("jobctl").level
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)

    def run(log_format: str, log_level: str = "INFO") -> Callable[[], str]:
        logs.setup(log_format, log_level, fd=write_end)
        return lambda: os.read(read_end, 65_536).decode()

    yield run
    logs._sink = None
    root.handlers[:], root.level = handlers, level
    logging.getLogger("jobctl").setLevel(own)
    os.close(read_end)
    os.close(write_end)


def test_an_attempt_is_two_json_lines(setup: Setup) -> None:
    read = setup("json")
    logs.attempt_started(logs.ATTEMPTS, 1_763_888_400_250, "01ab", "send-email", "email", 2, "order 42")
    logs.attempt_finished(
        logs.ATTEMPTS, "01ab", "send-email", "email", 2, "failed", 0.25, "order 42", "ValueError", "no"
    )
    started, finished = map(json.loads, read().splitlines())
    assert started.pop("time") == "2025-11-23T09:00:00.250Z"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", finished.pop("time"))
    job = {"id": "01ab", "type": "send-email", "queue": "email", "attempt": 2, "label": "order 42"}
    assert started == {"level": "info", "event": "attempt_started", **job}
    outcome = {"outcome": "failed", "duration_s": 0.25, "error": "ValueError", "message": "no"}
    assert finished == {"level": "warning", "event": "attempt_finished", **job, **outcome}


def test_a_log_that_nobody_reads_takes_so_much_memory_and_no_more() -> None:
    read_end, write_end = os.pipe()
    sink = Sink(write_end, lambda text: f"{text}\n".encode())
    sink.write_behind()
    line, count = b"x" * 999 + b"\n", 2 * MAX_BEHIND // 1000
    for _ in range(count):
        sink.write(line)
    with os.fdopen(read_end) as reader:
        kept = 0
        while (said := reader.readline()) == line.decode():
            kept += 1
    assert said.startswith(f"{count - kept:,} lines of this log were dropped")
    assert MAX_BEHIND // 1000 <= kept < count
    sink.flush()
    os.close(write_end)


def test_an_attempt_reads_well_on_a_terminal(setup: Setup) -> None:
    read = setup("text")
    logs.attempt_finished(logs.ATTEMPTS, "01ab", "send-email", "email", 1, "completed", 0.0512, "order 42")
    line = read().split(" ", 1)[1]
    expected = 'completed send-email 01ab attempt=1 queue=email label="order 42" duration=0.051s\n'
    assert line == "INFO    " + expected


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_text_from_jobs_cannot_steer_the_terminal_or_forge_a_line(setup: Setup, log_format: str) -> None:
    read = setup(log_format)
    evil = 'x\x1b[2J\n{"level": "info"}\u202e\ud800'
    logs.attempt_finished(logs.ATTEMPTS, evil, evil, evil, 1, "failed", 1.0, evil, evil, evil)
    logging.getLogger("jobctl.x").error("it said %s", evil)
    written = read()
    assert "\x1b" not in written
    assert "\u202e" not in written
    assert written.count("\n") == 2


def test_auto_means_json_when_it_is_not_a_terminal(setup: Setup) -> None:
    read = setup("auto")
    logging.getLogger("jobctl.engine").warning("hello")
    assert json.loads(read())["message"] == "hello"


def test_nothing_is_written_below_the_level(setup: Setup) -> None:
    read = setup("json", "WARNING")
    logs.attempt_started(logs.ATTEMPTS, 1, "a", "b", "c", 1)
    logs.attempt_finished(logs.ATTEMPTS, "a", "b", "c", 1, "completed", 1.0)
    logs.attempt_finished(logs.ATTEMPTS, "a", "b", "c", 1, "dead", 1.0)
    assert read().count("\n") == 1


def test_a_traceback_is_one_json_line(setup: Setup) -> None:
    read = setup("json")
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("jobctl.x").exception("it failed")
    (line,) = read().splitlines()
    assert json.loads(line)["traceback"].endswith("ValueError: no\n")


def test_a_reader_that_is_gone_does_not_stop_the_work() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    Sink(write_end, str.encode).write(b"line\n")
    os.close(write_end)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="auto, text, json"):
        logs.setup("xml")
