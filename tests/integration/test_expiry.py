"""Jobs that are past their time: dead with that reason, though no worker ever had them."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from jobctl.store.data.newjob import NewJob
from jobctl.store.nouns.pauses import EVERYTHING, Pause
from tests.project import Project

SOON_MS = 1_500


def enqueue(project: Project, expires_ms: int | None = SOON_MS, **fields: Any) -> str:
    """A job that expires soon, unless it never does."""
    job_id = project.store.mint.new("default")
    payload = {"n": 1, "s": 0}
    job = NewJob(id=job_id, type="nap", queue="default", payload=payload, expires_ms=expires_ms, label="n 1", **fields)
    project.store.jobs.enqueue([job])
    return job_id


def use_up(project: Project, limit: str) -> None:
    """Start a job that takes all that a limit allows for long. It does not expire, however late it starts."""
    first = enqueue(project, None, lane=limit)
    project.all_are("completed", [first])


@pytest.mark.parametrize("scope", ["default", EVERYTHING])
def test_a_job_that_expires_behind_a_pause_is_dead_and_runs_when_it_is_retried(project: Project, scope: str) -> None:
    project.store.pauses.pause(scope, Pause(0, "", "me"))
    job_id = enqueue(project)
    project.worker().ready()
    project.all_are("dead", [job_id])
    [letter] = project.cli("dead", "ls", "-o", "json").json()
    assert (letter["id"], letter["error"], letter["attempt_count"]) == (job_id, "Expired", 0)
    assert (letter["type"], letter["label"], letter["payload"]) == ("nap", "n 1", {"n": 1, "s": 0})
    [group] = project.cli("dead", "groups", "-o", "json").json()
    assert (group["error"], group["count"]) == ("Expired", 1)
    [event] = [line for line in project.cli("tail", "-n", "9", "-o", "jsonl").lines() if "dead" in line]
    assert job_id in event
    assert project.cli("dead", "retry", job_id).code == 0
    project.store.pauses.resume(scope, ["default"])
    project.all_are("completed", [job_id])


def test_a_job_that_expires_behind_a_limit_is_dead_and_those_without_an_expiry_wait_on(project: Project) -> None:
    project.change("jobs.yaml", "python: work:nap\n    payload", "python: work:nap\n    rate_limit: 1/10m\n    payload")
    project.worker().ready()
    use_up(project, "r:nap")
    late = [enqueue(project, lane="r:nap") for _ in range(3)]
    patient = NewJob(id="patient", type="nap", queue="default", payload={"n": 2}, lane="r:nap")
    project.store.jobs.enqueue([patient])
    project.all_are("dead", late)
    assert {job.error for job in project.jobs(late)} == {"Expired"}
    assert project.states(["patient"]) == {"limited": 1}


def test_a_delayed_job_expires_too(project: Project) -> None:
    job_id = enqueue(project, delay_ms=3_600_000)
    project.worker().ready()
    project.all_are("dead", [job_id])


def test_a_stock_job_that_expires_behind_its_limit_is_dead_too(project: Project, redis_client: redis.Redis) -> None:
    project.change("jobs.yaml", "python: work:nap\n    payload", "python: work:nap\n    rate_limit: 1/h\n    payload")
    project.change("jobs.yaml", 'label: "n {{ n }}"', "expires: 1500ms")
    project.worker().ready()
    use_up(project, "r:nap")
    stock = RedisBroker(client=redis_client, namespace="test")
    stock.declare_queue("default")
    message = Message(queue_name="default", actor_name="nap", args=(), kwargs={"n": 1, "s": 0}, options={})
    sent = [stock.enqueue(message.copy(message_id=f"stock-{n}")) for n in range(3)]
    ids = [str(one.options["redis_message_id"]) for one in sent]
    project.all_are("dead", ids)
    assert [(job.error, job.attempt_count) for job in project.jobs(ids)] == [("Expired", 0)] * 3
