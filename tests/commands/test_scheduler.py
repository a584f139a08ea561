"""`jobctl scheduler`: ticks become jobs, once each."""

from __future__ import annotations

import signal

import pytest

from tests.project import Project
from tests.support import eventually

SCHEDULES = """\
schedules:
  tick: {job: nap, every: 1s, payload: {n: 7}}
"""


@pytest.fixture
def scheduled(project: Project) -> Project:
    project.write("jobs.yaml", (project.folder / "jobs.yaml").read_text() + SCHEDULES)
    return project


def waiting(project: Project) -> int:
    return project.store.queues.depth(["default"])[0].waiting


def test_two_schedulers_never_double_a_tick(scheduled: Project) -> None:
    both = [scheduled.start("scheduler"), scheduled.start("scheduler")]
    for scheduler in both:
        scheduler.ready()
    eventually(lambda: waiting(scheduled) >= 4)
    for scheduler in both:
        scheduler.signal(signal.SIGTERM)
        assert scheduler.ended() == 0
    ticks = [text.split("tick ")[1].split(" ")[0] for s in both for text in s.messages("enqueued as job")]
    assert len(ticks) == len(set(ticks)) == waiting(scheduled)


@pytest.mark.parametrize("catalogs", [("jobs.yaml", "new.yaml"), ("new.yaml", "jobs.yaml")])
def test_a_schedule_that_is_renamed_while_both_names_live_makes_one_job_of_a_tick(
    scheduled: Project, catalogs: tuple[str, str]
) -> None:
    text = (scheduled.folder / "jobs.yaml").read_text()
    scheduled.write("new.yaml", text.replace("tick: {job: nap,", "tock: {job: nap, was: tick,"))
    both = [scheduled.start("scheduler", "--catalog", catalogs[0]).ready()]
    both[0].said("enqueued as job")
    both.append(scheduled.start("scheduler", "--catalog", catalogs[1]).ready())
    before = waiting(scheduled)
    eventually(lambda: waiting(scheduled) >= before + 3)
    for scheduler in both:
        scheduler.signal(signal.SIGTERM)
        assert scheduler.ended() == 0
    ticks = [text.split("tick ")[1].split(" ")[0] for s in both for text in s.messages("enqueued as job")]
    assert len(ticks) == len(set(ticks)) == waiting(scheduled)
    rows = scheduled.cli("schedule", "history", "tock", "--catalog", "new.yaml", "-o", "json").json()
    assert rows == [
        row | {"schedule": "tock"} for row in scheduled.cli("schedule", "history", "tick", "-o", "json").json()
    ]
    assert len({row["due_at"] for row in rows}) == len(rows)
    assert sum(row["job"] is not None for row in rows) == len(ticks)
    assert [row["name"] for row in scheduled.cli("schedule", "ls", "-o", "json").json()] == ["tick"]


def test_a_tick_is_a_job_of_the_catalog_with_its_label(scheduled: Project) -> None:
    scheduler = scheduled.start("scheduler")
    scheduler.said("enqueued as job")
    job = scheduled.client.job(scheduler.messages("enqueued as job")[0].split()[-1])
    assert (job.type, job.payload, job.label) == ("nap", {"n": 7}, "n 7")


def test_it_shows_itself_as_a_scheduler_while_it_lives(scheduled: Project) -> None:
    scheduler = scheduled.start("scheduler").ready()
    assert [(row.kind, row.threads) for row in scheduled.store.processes.ls()] == [("scheduler", 0)]
    scheduler.signal(signal.SIGTERM)
    assert scheduler.ended() == 0
    assert scheduler.messages("got SIGTERM")
    assert scheduled.store.processes.ls() == []


def test_a_schedule_whose_payload_does_not_fit_is_refused(scheduled: Project) -> None:
    scheduled.change("jobs.yaml", "payload: {n: 7}", "payload: {n: seven}")
    ran = scheduled.cli("scheduler")
    assert ran.code == 2
    assert "tick" in ran.err


def test_a_schedule_of_which_no_label_can_be_made_is_refused(scheduled: Project) -> None:
    scheduled.change("jobs.yaml", 'label: "n {{ n }}"', 'label: "n {{ n.deeper }}"')
    ran = scheduled.cli("scheduler")
    assert ran.code == 2
    assert "schedule tick" in ran.err


def test_sighup_with_a_broken_catalog_goes_on(scheduled: Project) -> None:
    scheduler = scheduled.start("scheduler").ready()
    scheduled.write("jobs.yaml", "version: 1\njobs: {}\nschedules: {tick: {job: no, every: 1s}}\n")
    scheduler.signal(signal.SIGHUP)
    scheduler.said("reload failed")
    before = len(scheduler.messages("enqueued as job"))
    scheduler.said("enqueued as job", times=before + 2)
