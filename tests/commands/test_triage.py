"""`jobctl triage`: what is wrong, the most urgent first, and what to type next."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

import pytest

from jobctl import clock
from jobctl.store import Store
from jobctl.store.data.ids import Mint
from jobctl.store.data.stats import mark
from jobctl.store.nouns.processes import Blocked, ChildInfo, Death, Hanging, ProcessInfo
from jobctl.store.nouns.settle import Ended
from jobctl.store.nouns.stats import MINUTE_MS
from tests.commands import made
from tests.project import Project
from tests.support import Cli, eventually


def beat(store: Store, *queues: str, kind: str = "worker", **told: Any) -> None:
    """Someone works."""
    name = f"h:{kind}:1"
    info = ProcessInfo(
        name=name, kind=kind, host="h", pid=1, queues=queues or ("default", "email"), processes=1, threads=4,
        started_ms=1, **told,
    )  # fmt: skip
    store.processes.beat(info)


def rows(lab: Cli) -> list[dict[str, Any]]:
    """What is told, but of the test server itself, which keeps nothing on disk."""
    return [row for row in lab("triage", "-o", "json").json() if row["check"] != "durability"]


def told(lab: Cli) -> dict[str, dict[str, Any]]:
    return {row["check"]: row for row in rows(lab)}


def ran(store: Store, count: int, *, wait_ms: float, job_type: str = "greet") -> None:
    """So many jobs completed that had waited so long."""
    made.waiting(store, count, job_type=job_type)
    jobs = store.settle.fetch("w", ["default"], count).jobs
    ended = [Ended(job.id, job.token, b"{}", mark=mark(job_type, wait_ms, 1)) for job in jobs]
    store.settle.write([store.settle.complete("default", 10**9, 10**6, ended)])


def moved(store: Store, minutes: int, queue: str = "default", job_type: str = "greet") -> None:
    """As if all that was counted had happened so much earlier."""
    key = store.keys.of_stats(queue, f"now:{job_type}")
    store.client.hset(key, "at", store.processes.now_ms() // MINUTE_MS - minutes)


def old(store: Store, count: int, minutes: int, *, queue: str = "default", job_type: str = "greet") -> list[str]:
    """Jobs that were enqueued a while ago and wait."""
    ids = Mint().many(queue, count, clock.now_ms() - minutes * MINUTE_MS)
    store.mint.many = lambda *_args: ids  # type: ignore[method-assign]
    return made.waiting(store, count, queue=queue, job_type=job_type)


def test_a_healthy_shop(lab: Cli, store: Store) -> None:
    beat(store)
    assert rows(lab) == []


def test_jobs_without_a_worker_come_first(lab: Cli, store: Store) -> None:
    beat(store, "default")
    made.waiting(store, 3, queue="email", job_type="mail")
    made.dead(store, 2)
    first, second = (row for row in rows(lab) if row["check"] in ("workers", "errors"))
    assert (first["check"], first["status"], first["command"]) == ("workers", "fail", "jobctl worker")
    assert "email (3 waiting)" in first["found"]
    assert first["since"] is not None
    assert (second["check"], second["status"]) == ("errors", "warn")
    assert lab("triage").code == 1


def test_a_quiet_worker_that_was_forgotten_is_told_everywhere(lab: Cli, store: Store) -> None:
    beat(store, state="quiet")
    assert told(lab)["quiet workers"]["command"] == "jobctl worker resume h:worker:1"
    [job_id] = made.waiting(store, 1, job_type="greet")
    row = told(lab)["workers"]
    assert (row["status"], row["command"]) == ("fail", "jobctl worker resume h:worker:1")
    assert "jobctl worker resume h:worker:1" in lab("job", "show", job_id).out
    assert lab("queue", "ls", "default", "-o", "json").json()[0]["workers"] == 0
    assert lab("check", "--min-workers", "1").code == 1
    beat(store)
    assert rows(lab) == []


def test_what_no_command_mends_says_what_to_do(lab: Cli, store: Store) -> None:
    [durability] = [row for row in lab("triage", "-o", "json").json() if row["check"] == "durability"]
    assert durability["command"] == ""
    assert "set appendonly yes" in lab("triage").out


def test_a_backlog_says_when_it_will_be_gone(lab: Cli, store: Store) -> None:
    beat(store)
    made.waiting(store, 300, job_type="greet")
    moved(store, 60)
    jobs = store.settle.fetch("w", ["default"], 200).jobs
    ended = [Ended(job.id, job.token, b"{}", mark=mark("greet", 1, 1)) for job in jobs]
    store.settle.write([store.settle.complete("default", 10**9, 10**6, ended)])
    backlog = told(lab)["backlog"]
    assert (backlog["status"], backlog["command"]) == ("ok", "jobctl stats queue:default")
    assert backlog["found"] == "100 jobs wait in default, 20 fewer each minute: gone in 5m"


def test_a_backlog_that_grows(lab: Cli, store: Store) -> None:
    beat(store)
    ran(store, 10, wait_ms=1)
    made.waiting(store, 200, job_type="greet")
    assert told(lab)["backlog"]["found"] == "200 jobs wait in default, 20 more each minute"
    assert told(lab)["backlog"]["status"] == "warn"


def test_a_backlog_of_which_nothing_ends(lab: Cli, store: Store) -> None:
    beat(store)
    old(store, 3, minutes=5)
    backlog = told(lab)["backlog"]
    assert backlog["status"] == "fail"
    assert "none has ended" in backlog["found"]


def test_latency_that_rises(lab: Cli, store: Store) -> None:
    beat(store)
    ran(store, 30, wait_ms=500)
    moved(store, 150)
    ran(store, 30, wait_ms=60_000)
    old(store, 1, minutes=1)
    latency = told(lab)["latency"]
    assert re.match(r"jobs of default start after (1m|5\ds|1m\ds) \(p95\), \d+ms in the hours before", latency["found"])
    assert latency["command"] == "jobctl stats queue:default --since 3h"


def test_errors_that_are_new_and_that_grow(lab: Cli, store: Store) -> None:
    beat(store)
    made.dead(store, 3, error="NewError")
    found = [row for row in rows(lab) if row["check"] == "errors"]
    assert len(found) == 1
    assert found[0]["found"].startswith("new error, 3 dead of bad, group ")
    assert "NewError" in found[0]["found"]
    group = found[0]["command"].removeprefix("jobctl dead ls ")
    assert len(lab("dead", "ls", group, "-o", "name").lines()) == 3


def test_an_error_that_has_been_there_for_long_is_not_told(lab: Cli, store: Store) -> None:
    beat(store)
    made.dead(store, 3)
    [group] = store.dead.groups("default")
    for key in (store.keys.dead("default"), store.keys.group("default", group.group)):
        store.client.zadd(key, dict.fromkeys(store.client.zrange(key, 0, -1), 1000000000000))
    assert "errors" not in told(lab)


def test_a_muted_error_is_not_told_until_it_grows(lab: Cli, store: Store) -> None:
    beat(store)
    made.dead(store, 3)
    [group] = store.dead.groups("default")
    assert lab("dead", "mute", group.group, "--until", "4").code == 0
    assert "errors" not in told(lab)
    made.dead(store, 2)
    assert "errors" in told(lab)


def test_threads_that_hang(lab: Cli, store: Store) -> None:
    late = (Hanging("default", "job-7", clock.now_ms() - 120_000),)
    beat(store, children=(ChildInfo(name="c", pid=2, running=0, memory_mb=1, hanging=4, hanging_jobs=late),))
    threads = told(lab)["threads"]
    assert (threads["status"], threads["command"]) == ("fail", "jobctl job show job-7")


def test_an_event_loop_that_stands_still(lab: Cli, store: Store) -> None:
    blocked = Blocked("default", "job-7", "tasks.py:9 (crunch)", clock.now_ms() - 120_000)
    other = Blocked("-", "-", "tasks.py:1 (\x1b[31m)", clock.now_ms() - 60_000)
    children = [ChildInfo(name="c", pid=2, running=0, memory_mb=1, blocked=one) for one in (blocked, other)]
    beat(store, children=tuple(children))
    loops = told(lab)["event loops"]
    assert (loops["status"], loops["command"]) == ("fail", "jobctl job show job-7")
    assert loops["found"].startswith("2 event loops stand still: job job-7 blocks it on h at tasks.py:9 (crunch), ")
    assert loops["since"] is not None
    shown = lab("triage")
    assert "\x1b" not in shown.out
    assert "event loops" in lab("doctor").out


def test_a_limit_that_holds_jobs(lab: Cli, store: Store) -> None:
    beat(store)
    store.limits.define("default", {"c:greet": "1"})
    jobs = made.waiting(store, 3, job_type="greet", lane="c:greet")
    store.settle.fetch("w", ["default"], 1)
    store.client.zadd(store.keys.limited("default"), {jobs[1]: clock.now_ms() - 120_000})
    limits = told(lab)["limits"]
    assert limits["found"] == "2 jobs of default wait for the concurrency limit of greet"
    assert limits["command"] == "jobctl limit ls greet"


def test_a_worker_whose_processes_die(lab: Cli, store: Store) -> None:
    now = clock.now_ms()
    deaths = tuple(Death(now - n, "exit code 1", (), 10.0, False) for n in (3000, 2000, 1000))
    beat(store, deaths=deaths)
    restarts = told(lab)["restarts"]
    assert (restarts["status"], restarts["command"]) == ("fail", "jobctl ps")
    assert "died 3 times in ten minutes, the last by exit code 1" in restarts["found"]


def test_deaths_of_long_ago_are_not_told(lab: Cli, store: Store) -> None:
    beat(store, deaths=(Death(clock.now_ms() - 3_600_000, "killed by SIGKILL", ("a",), 10.0, True),) * 3)
    assert rows(lab) == []


def test_a_process_that_the_kernel_killed_is_told_with_its_job(project: Project) -> None:
    worker = project.start("worker", "--processes=1", "--threads=2")
    [job] = project.client.enqueue_many("gate", [{"n": 1}])
    [pid] = eventually(lambda: project.ledger() and project.begun_by(1))
    os.kill(pid, signal.SIGKILL)
    row = eventually(
        lambda: next(
            (row for row in project.cli("triage", "-o", "json").json() if row["check"] == "memory of workers"), None
        )
    )
    assert "most likely for memory" in row["found"]
    assert job in row["found"]
    assert row["command"] == f"jobctl job show {job}"
    assert worker.process.poll() is None


def test_a_pause_is_told_with_its_age_and_its_end(lab: Cli, store: Store) -> None:
    beat(store)
    lab("queue", "pause", "email", "--reason", "deploy")
    pauses = told(lab)["pauses"]
    assert pauses["since"] is not None
    assert pauses["command"] == "jobctl queue resume email"


def test_no_scheduler_and_late_ticks(lab: Cli, store: Store) -> None:
    beat(store)
    text = (lab.cwd / "jobs.yaml").read_text()
    (lab.cwd / "jobs.yaml").write_text(f"{text}schedules:\n  hourly: {{job: noisy, every: 1h}}\n")
    assert told(lab)["scheduler"]["command"] == "jobctl scheduler"
    beat(store, kind="scheduler")
    found = told(lab)
    assert "scheduler" not in found
    assert found["ticks"]["found"] == "hourly: no scheduler has had it yet"


def test_a_table_names_the_next_command_below_each_line(lab: Cli, store: Store) -> None:
    made.waiting(store, 3, queue="email", job_type="mail")
    ran_ = lab("triage", "--time", "iso")
    assert ran_.code == 1
    assert "jobctl worker" in ran_.out


def test_redis_away(lab: Cli) -> None:
    ran_ = lab("triage", "-o", "json", "--redis", "redis://127.0.0.1:1")
    assert ran_.code == 3
    assert [(row["check"], row["status"]) for row in ran_.json()] == [("redis", "fail")]


def test_watch_goes_on(lab: Cli, store: Store) -> None:
    beat(store)
    made.waiting(store, 3, queue="nobody", job_type="mail")
    process = lab.start("triage", "--watch", "-o", "jsonl")
    try:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(4)]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert sum('"workers"' in line for line in seen) >= 2


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\nb"])
def test_hostile_errors_are_harmless(lab: Cli, store: Store, name: str) -> None:
    beat(store)
    made.dead(store, 1, error=name)
    out = lab("triage").out
    assert "\x1b" not in out
    assert any("new error" in line for line in out.splitlines())
