"""What an attempt says goes out four times a second at most, and the last of it is never held back for long."""

from __future__ import annotations

from typing import Any

import pytest

from jobctl import clock
from jobctl.catalog.kinds.python import PythonSpec
from jobctl.catalog.model import JobType
from jobctl.engine.attempt.outcome import Lines, Reach
from jobctl.engine.attempt.verdict import Running
from jobctl.engine.attempt.voice import EVERY_S, MAX_TEXT, PACE_S, Voice
from jobctl.handlers import process
from jobctl.store.data import codec
from jobctl.store.nouns.logs import MAX_LINE, MAX_LINES
from jobctl.store.nouns.progress import MAX_MESSAGE
from jobctl.store.nouns.settle import Reserved


class Said:
    """Stands where the committer is."""

    def __init__(self) -> None:
        self.items: list[Lines | Reach] = []

    def submit(self, item: Lines | Reach) -> None:
        self.items.append(item)

    @property
    def lines(self) -> list[list[str]]:
        return [[line.text for line in item.batch.lines] for item in self.items if isinstance(item, Lines)]

    @property
    def done(self) -> list[float]:
        return [item.reached.told.done for item in self.items if isinstance(item, Reach)]


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moment = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: moment[0])
    return moment


def voice(said: Any, payload: dict[str, Any] | None = None, *redact: str) -> Voice:
    reserved = Reserved("q", "j", "1-1", b"", b"", 0)
    body = codec.Body("q", "t", [], payload or {}, {}, "j", 0)
    return Voice(said, Running(reserved, JobType("t", PythonSpec("m:f"), redact=redact), body, codec.Record(), None))


def test_progress_is_written_at_once_then_four_times_a_second_and_the_latest_wins(said: Said, now: list[float]) -> None:
    speaker = voice(said)
    for done in range(1000):
        speaker.progress(done, 1000, None)
        now[0] += 1 / 1024
    assert said.done == [0, 256, 512, 768]
    speaker.tick(now[0] + EVERY_S)
    assert said.done[-1] == 999
    speaker.tick(now[0] + 10)
    assert len(said.done) == 5


def test_a_last_word_waits_no_longer_than_until_the_next_tick(said: Said, now: list[float]) -> None:
    speaker = voice(said)
    speaker.progress(1, None, None)
    speaker.progress(2, None, None)
    speaker.log("log", "one")
    speaker.log("log", "two")
    speaker.tick(now[0] + EVERY_S / 2)
    assert (said.done, said.lines) == ([1], [["one"]])
    speaker.tick(now[0] + EVERY_S)
    assert (said.done, said.lines) == ([1, 2], [["one"], ["two"]])


def test_lines_of_a_flood_go_out_together_and_whoever_says_more_is_told_to_wait(said: Said, now: list[float]) -> None:
    speaker = voice(said)
    waits = [speaker.log("stdout", str(n)) for n in range(MAX_LINES + 1)]
    assert waits == [0.0] * MAX_LINES + [pytest.approx(PACE_S)]
    now[0] += PACE_S
    assert speaker.log("stdout", "on") == 0.0
    speaker.progress(1, None, None)
    speaker.progress(2, None, None)
    speaker.finish()
    assert [len(batch) for batch in said.lines] == [1, MAX_LINES, 1]
    speaker.tick(now[0] + 10)
    assert said.done == [1]


def test_long_lines_are_a_flood_sooner(said: Said, now: list[float]) -> None:
    speaker = voice(said)
    waits = [speaker.log("stdout", "x" * MAX_LINE) for _ in range(200)]
    assert [wait > 0 for wait in waits].index(True) == MAX_TEXT // MAX_LINE
    speaker.finish()
    assert sum(map(len, said.lines[-1][1:])) <= MAX_TEXT


def test_of_what_is_said_too_fast_the_last_is_kept_and_the_rest_counted(said: Said, now: list[float]) -> None:
    speaker = voice(said)
    for n in range(MAX_LINES + 301):
        speaker.log("stdout", str(n))
    speaker.finish()
    first, *others = said.lines[1]
    assert first == "… 300 lines left out: too many at once …"
    assert (len(others), others[0], others[-1]) == (MAX_LINES, "301", str(MAX_LINES + 300))


def test_what_is_said_is_bounded_and_can_be_written(said: Said, now: list[float]) -> None:
    speaker = voice(said)
    speaker.log("log", "x" * 5000)
    now[0] += 1
    speaker.log("log", "half \ud800")
    speaker.progress(1, 2, "y" * 5000)
    assert [len(line) for [line] in said.lines] == [MAX_LINE, len("half \\ud800")]
    [reach] = [item for item in said.items if isinstance(item, Reach)]
    assert len(reach.reached.told.message or "") == MAX_MESSAGE


def test_a_secret_that_lies_across_two_pieces_of_a_long_line_is_found(said: Said, now: list[float]) -> None:
    speaker = voice(said, {"to": "ada@example.com"}, "to")
    line = "-" * (process.MAX_LINE - 7) + "ada@example.com and more"
    for piece in (line[: process.MAX_LINE], line[process.MAX_LINE :]):
        speaker.log("stderr", piece)
        now[0] += 1
    assert said.lines[1] == ["[redacted] and more"]
    speaker.log("stderr", "mple.com is the start of a line of its own")
    assert said.lines[2] == ["mple.com is the start of a line of its own"]
