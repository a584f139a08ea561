"""`jobctl tail`, as a user runs it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable

import pytest

from tests.support import PATIENCE_S, Cli

EVENT_FIELDS = [
    "at", "event", "id", "type", "queue", "label", "attempt", "error", "message", "duration_s", "host", "pid",
]  # fmt: skip


@pytest.fixture
def happened(lab: Cli, worker: Callable[[], None]) -> Cli:
    """A job that completed and one that was retried and died."""
    worker()
    assert lab("enqueue", "greet", "name=Ada", "--wait").code == 0
    assert lab("enqueue", "boom", "--wait").code == 7
    return lab


def test_events_are_lines_oldest_first(happened: Cli) -> None:
    done = happened("tail")

    words = [re.split(r"\s+", line)[2] for line in done.lines()]
    assert words == ["completed", "retrying", "dead"]
    assert "for Ada" in done.lines()[0]
    assert "ValueError: bad [/red]" in done.lines()[2]
    assert not set("\x1b\x07\u202e\r") & set(done.out)


def test_failures_and_filters_and_the_count(happened: Cli) -> None:
    assert len(happened("tail", "--failures").lines()) == 2
    assert len(happened("tail", "job:greet").lines()) == 1
    assert len(happened("tail", "error~valueerror", "-n", "1").lines()) == 1
    nothing = happened("tail", "queue:email")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "no events match\n")


def test_machine_formats_are_the_event_records(happened: Cli) -> None:
    lines = [json.loads(line) for line in happened("tail", "-o", "jsonl").lines()]

    assert [list(line) for line in lines] == [EVENT_FIELDS] * 3
    assert happened("tail", "-o", "json").json() == lines
    assert happened("tail", "queue:none", "-o", "json").json() == []


def test_it_follows_until_it_is_interrupted(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    assert lab("enqueue", "greet", "name=before", "--wait").code == 0
    process = lab.start("tail", "-f", "-o", "jsonl")
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["label"] == "for before"
        lab("enqueue", "greet", "name=after")
        assert json.loads(process.stdout.readline())["label"] == "for after"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    finally:
        process.kill()
        process.communicate()


def test_a_filter_that_no_event_has_is_refused(lab: Cli) -> None:
    done = lab("tail", "state:dead")

    assert done.code == 2
    assert "tail cannot filter by state:" in done.err
