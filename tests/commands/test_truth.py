"""Lists and counts say what is so: what was only fetched does not run, and what was cancelled does not wait."""

from __future__ import annotations

from collections.abc import Callable

import redis

from jobctl.ops import queues
from jobctl.store import Store
from jobctl.store.data.codec import Record, encode
from jobctl.store.nouns.processes import ChildInfo, ProcessInfo
from jobctl.store.nouns.settle import Ended
from tests.commands import made
from tests.support import Cli, eventually


def listed(cli: Cli, *terms: str) -> list[str]:
    return sorted(cli("job", "ls", *terms, "-o", "name").lines())


def test_what_was_fetched_ahead_waits(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    ids = made.waiting(st, 5)
    before = st.processes.now_ms()
    jobs = st.settle.fetch("h:1:x:1", ["default"], 4).jobs
    made.begin(st, jobs[:2])
    [row] = redis_cli("queue", "ls", "-o", "json").json()
    assert (row["running"], row["waiting"]) == (2, 3)
    assert listed(redis_cli, "state:running") == sorted(ids[:2])
    assert listed(redis_cli, "state:waiting") == sorted(ids[2:])
    ahead = redis_cli("job", "show", ids[2], "-o", "json").json()
    assert (ahead["state"], ahead["started_at"]) == ("waiting", None)
    begun = st.jobs.find(ids[0])
    assert begun is not None
    assert before <= begun.began_ms <= st.processes.now_ms()
    assert redis_cli("job", "show", ids[0], "-o", "json").json()["started_at"] is not None
    done = redis_cli("job", "cancel", "state:running", "--yes", "--max", "2", "-o", "json")
    assert done.json()["matched"] == 2


def test_verbs_say_of_what_was_fetched_ahead_that_it_waits(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    [job_id] = made.waiting(st, 1)
    [job] = st.settle.fetch("h:1:x:1", ["default"], 1).jobs
    for verb in ("retry", "promote"):
        ran = redis_cli("job", verb, job_id)
        assert (ran.code, ran.err) == (0, f"job {job_id} is waiting already\n")
    ran = redis_cli("job", "priority", job_id, "high")
    assert ran.code == 4
    assert f"job {job_id} was fetched by a worker, which starts it next: nothing to reorder" in ran.err
    assert f"job {job_id} is waiting" in redis_cli("job", "rm", job_id).err
    made.begin(st, [job])
    for verb in ("retry", "rm"):
        assert f"job {job_id} is running" in redis_cli("job", verb, job_id).err


def test_short_jobs_run_as_many_as_their_workers_last_said(redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    made.waiting(st, 9)
    st.settle.fetch("h:1:x:1", ["default"], 9)
    child = ChildInfo(name="h:1:x:1", pid=2, running=4, memory_mb=1.0, executing={"default": 4})
    info = ProcessInfo(
        name="h:1:x", kind="worker", host="h", pid=1, queues=("default",), processes=1, threads=4, started_ms=1,
        children=(child,),
    )  # fmt: skip
    st.processes.beat(info)
    [row] = queues.ls(st, None)
    assert (row.running, row.waiting) == (4, 5)


def test_an_attempt_that_is_no_longer_the_current_one_does_not_say_that_it_runs(redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    [job_id] = made.waiting(st, 1)
    [late] = st.settle.fetch("h:1:x:1", ["default"], 1).jobs
    st.settle.write([st.settle.requeue("default", [Ended(late.id, late.token)])])
    made.begin(st, [late])
    st.settle.fetch("h:1:x:2", ["default"], 1)
    made.begin(st, [late])
    found = st.jobs.find(job_id)
    assert found is not None
    assert (found.worker, found.began_ms) == ("h:1:x:2", 0)


def test_a_job_that_runs_is_told_to(lab: Cli, store: Store, worker: Callable[[], None]) -> None:
    worker()
    job_id = lab("enqueue", "hold").lines()[0]
    eventually(lambda: (found := store.jobs.find(job_id)) is not None and found.began_ms > 0)
    shown = lab("job", "show", job_id, "-o", "json").json()
    assert shown["state"] == "running"
    assert shown["started_at"] >= shown["enqueued_at"]


def test_the_oldest_job_is_found_behind_cancelled_ones(redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    ids = made.waiting(st, 1_700)
    st.jobs.cancel("default", [(i, b"", "") for i in ids[:1_500]], running=False)
    detail = queues.show(st, None, "default")
    assert detail.oldest_waiting == ids[1_500]
    assert detail.oldest_waiting_s is not None


def test_what_ended_in_the_last_minute_is_counted_whatever_is_kept(redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    made.waiting(st, 50)
    jobs = st.settle.fetch("w", ["default"], 50).jobs
    for job in jobs:
        st.settle.write([st.settle.complete("default", 60_000, 3, [Ended(job.id, job.token, encode(Record()))])])
    made.dead(st, 4)
    assert made.states(st, [job.id for job in jobs]).count("completed") < 50
    detail = queues.show(st, None, "default")
    assert (detail.completed_last_minute, detail.died_last_minute) == (50, 4)
