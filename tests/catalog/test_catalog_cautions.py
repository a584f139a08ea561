"""What `validate` warns of in schedules that are right."""

from __future__ import annotations

import pytest

from jobctl.catalog.cautions import cautions, over
from jobctl.catalog.load import load_text

NOW = 1_796_000_000_000
"""2026-11-29T23:33:20Z."""
JOBS = 'version: 1\njobs:\n  a: {python: "m:f", timeout: 5m}\nschedules:\n'


def said(*schedules: str) -> list[str]:
    text = JOBS + "".join(f"  s{n}: {{job: a, {line}}}\n" for n, line in enumerate(schedules))
    return [f"{problem.line}: {problem.where}: {problem.message}" for problem in cautions(load_text(text, "c"), NOW)]


@pytest.mark.parametrize("line", ["every: 5m", 'cron: "0 9 * * *"', "every: 1m, overlap: skip", "at: 2027-01-01"])
def test_there_is_nothing_to_say_of_these(line: str) -> None:
    assert said(line) == []


@pytest.mark.parametrize(
    "line", ["at: 2026-01-01", 'cron: "0 9 * * *", end: 2026-11-01', 'cron: "0 0 29 11 *", end: 2026-11-29']
)
def test_a_schedule_that_is_over(line: str) -> None:
    (problem,) = over(load_text(f"{JOBS}  s0: {{job: a, {line}}}\n", "c"), NOW)
    assert (problem.line, problem.where, problem.message) == (5, "schedules.s0", "it is never due again")


def test_a_schedule_that_is_due_more_often_than_its_job_may_take() -> None:
    assert said("every: 1h", "every: 1m") == ["6: schedules.s1: it is due every 1m, and its job may take 5m"]


def test_schedules_that_are_due_all_at_once() -> None:
    five = ['cron: "0 2 * * *"'] * 5
    assert said(*five) == ["5: schedules.s0: 5 schedules are due together, at 02:00 UTC"]
    assert said(*five[:4], 'cron: "1 2 * * *"') == []
    assert said(*five[:4], 'cron: "0 2 * * *", jitter: 10m') == []
    assert said(*five[:4], "every: 5m") == []
