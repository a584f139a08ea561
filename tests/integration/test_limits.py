"""Limits under real workers: what they count, and what a change of the catalog does to what waits."""

from __future__ import annotations

import jobctl
from jobctl.store.nouns.pauses import Pause
from tests.project import Project
from tests.support import eventually

ONE_THREAD = ("worker", "--processes=1", "--threads=1")


def add(project: Project, job_type: str, rules: str) -> None:
    """Add a job type that naps to the catalog, also to that of the project's producer."""
    catalog = (project.folder / "jobs.yaml").read_text()
    project.write("jobs.yaml", f'{catalog}  {job_type}: {{python: "work:nap", {rules}payload: {{required: [n]}}}}\n')
    project.client = jobctl.connect(catalog=str(project.folder / "jobs.yaml"), redis=project.url)


def test_a_job_that_was_fetched_ahead_and_given_back_keeps_no_rate(project: Project) -> None:
    add(project, "hourly", "rate_limit: 1/h, ")
    project.start(*ONE_THREAD).ready()
    project.all_are("completed", project.naps(60, s=0))  # it fetches ahead now
    project.store.pauses.pause("default", Pause(0, "", "me"))
    job = project.client.enqueue("hourly", {"n": 2, "s": 0})
    gate = project.client.enqueue("gate", {"n": 1}, priority=-10)
    project.store.pauses.resume("default", ["default"])
    project.all_are("running", [gate.id])
    project.start(*ONE_THREAD)
    project.all_are("completed", [job.id])


def test_a_paused_type_uses_up_no_rate_of_its_queue(project: Project) -> None:
    project.change("jobs.yaml", "jobs:\n", "queues: {default: {rate_limit: 1/h}}\njobs:\n")
    add(project, "other", "")
    assert project.cli("queue", "pause", "--type", "nap").code == 0
    paused = project.naps(5, s=0)
    project.worker().ready()
    other = project.client.enqueue("other", {"n": 9, "s": 0})
    project.all_are("completed", [other.id])
    assert project.states(paused) == {"limited": 5}
    assert project.cli("queue", "resume", "--type", "nap").code == 0
    assert project.cli("limit", "reset", "queue:default").code == 0
    eventually(lambda: project.states(paused) == {"completed": 1, "limited": 4})
    assert project.ledger() == {9: 1, 0: 1}
