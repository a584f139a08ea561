"""Limits under real workers: what they count, and what a change of the catalog does to what waits."""

from __future__ import annotations

import signal

import jobctl
from jobctl.store.nouns.pauses import Pause
from tests.project import TASKS, Project, Started
from tests.support import eventually

EACH_TENANT = 'rate_limit: {rate: 1/h, key: "{{ tenant }}"}, '
ONE_THREAD = ("worker", "--processes=1", "--threads=1")


def add(project: Project, job_type: str, rules: str, task: str = "nap") -> None:
    """Add a job type to the catalog, also to that of the project's producer."""
    catalog = (project.folder / "jobs.yaml").read_text()
    project.write("jobs.yaml", f'{catalog}  {job_type}: {{python: "work:{task}", {rules}payload: {{required: [n]}}}}\n')
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


def hold(project: Project, rules: str, count: int) -> tuple[Started, list[str]]:
    """A worker, and jobs of `work` that wait under such limits: the first has used them up."""
    project.write("work.py", f"{TASKS}\ndef serve(n, tenant):\n    note(n)\n")
    add(project, "work", rules, "serve")
    worker = project.worker().ready()
    ids = project.client.enqueue_many("work", [{"n": n, "tenant": f"t{n}"} for n in range(count)])
    eventually(lambda: project.states(ids) == {"completed": 1, "limited": count - 1})
    return worker, ids


def rewrite(project: Project, old: str, new: str) -> None:
    project.change("jobs.yaml", old, new)
    project.client = jobctl.connect(catalog=str(project.folder / "jobs.yaml"), redis=project.url)


def test_a_limit_that_a_reload_takes_away_holds_nobody(project: Project) -> None:
    worker, ids = hold(project, "rate_limit: 1/h, ", 30)
    rewrite(project, "rate_limit: 1/h, ", "")
    worker.signal(signal.SIGHUP)
    project.all_are("completed", ids)
    assert set(project.ledger().values()) == {1}


def test_a_key_that_a_reload_adds_holds_each_of_its_values_by_itself(project: Project) -> None:
    worker, ids = hold(project, "rate_limit: 1/h, ", 30)
    rewrite(project, "rate_limit: 1/h, ", EACH_TENANT)
    worker.signal(signal.SIGHUP)
    project.all_are("completed", ids)
    assert set(project.ledger().values()) == {1}


def test_a_limit_that_a_reload_adds_holds_what_waits_already(project: Project) -> None:
    project.change("jobs.yaml", "jobs:\n", "queues: {default: {concurrency: 100}}\njobs:\n")
    add(project, "work", "")
    worker = project.worker().ready()
    project.store.pauses.pause("default", Pause(0, "", "me"))
    ids = project.client.enqueue_many("work", [{"n": n, "s": 0} for n in range(20)])
    rewrite(project, 'work: {python: "work:nap", ', 'work: {python: "work:nap", rate_limit: 1/h, ')
    worker.signal(signal.SIGHUP)
    worker.said("reloaded")
    project.store.pauses.resume("default", ["default"])
    eventually(lambda: project.store.limits.parked("default") == {"r:work": 19, "C": 19})
    eventually(lambda: project.states(ids) == {"completed": 1, "limited": 19})
    assert sum(project.ledger().values()) == 1


def test_a_supervisor_that_is_killed_while_it_brings_jobs_under_new_limits_loses_none(project: Project) -> None:
    worker, ids = hold(project, "rate_limit: 1/h, ", 60)
    more = project.client.enqueue_many("work", [{"n": n, "tenant": "t0"} for n in range(60, 3_000)])
    rewrite(project, "rate_limit: 1/h, ", EACH_TENANT)
    lane = project.store.keys.of_limits("default", "lane:0|r:work|t0")
    worker.signal(signal.SIGHUP)
    eventually(lambda: project.store.client.zcard(lane))
    worker.signal(signal.SIGKILL)
    worker.ended()
    assert project.store.client.zcard(lane) < len(more), "it was killed when all was done"
    project.worker().ready()
    project.all_are("completed", ids)
    held = len(more) - 1  # the first has the rate of its tenant
    eventually(lambda: project.store.client.zcard(lane) == held)
    assert project.store.limits.parked("default") == {"r:work": held}
    assert set(project.ledger().values()) == {1}


def test_doctor_tells_of_two_catalogs_with_different_limits(project: Project) -> None:
    add(project, "work", "rate_limit: 1/h, ")
    project.worker().ready()
    rewrite(project, "rate_limit: 1/h, ", "concurrency: 3, ")
    project.worker().ready()

    def told() -> bool:
        [found] = [row["found"] for row in project.cli("doctor", "-o", "json").json() if row["check"] == "catalogs"]
        return all(words in found for words in ("work: ", "rate 1/h by ", "concurrency 3 by "))

    eventually(told)
