"""`jobctl check`: one line and an exit code, for programs that watch."""

from __future__ import annotations

import pytest
import redis

from jobctl import clock
from jobctl.store import Store
from jobctl.store.data.ids import Mint
from jobctl.store.data.stats import mark
from jobctl.store.nouns.processes import ProcessInfo
from jobctl.store.nouns.settle import Ended
from tests.commands import made
from tests.support import Cli


def beat(store: Store, *queues: str, kind: str = "worker", processes: int = 2) -> None:
    store.processes.beat(
        ProcessInfo(
            name=f"h:{len(queues)}:{kind}", kind=kind, host="h", pid=1, queues=queues, processes=processes, threads=4,
            started_ms=1,
        )
    )  # fmt: skip


def attempts(store: Store, completed: int, failed: int, *, job_type: str = "greet") -> None:
    """So many attempts of a type, and their outcomes."""
    made.waiting(store, completed + failed, job_type=job_type)
    jobs = store.settle.fetch("w", ["default"], completed + failed).jobs
    good = [Ended(j.id, j.token, b"{}", mark=mark(job_type, 1, 1)) for j in jobs[:completed]]
    bad = [
        Ended(j.id, j.token, b"{}", attempt=b"- []", delay_ms=10**6, mark=mark(job_type, 1, 1))
        for j in jobs[completed:]
    ]
    store.settle.write([store.settle.complete("default", 10**9, 10**6, good), store.settle.retry("default", bad)])


def test_all_limits_are_kept(lab: Cli, store: Store) -> None:
    beat(store, "default", "email")
    beat(store, kind="scheduler")
    made.waiting(store, 3, job_type="greet")
    attempts(store, 19, 1)
    ran = lab(
        "check", "--max-latency", "60s", "--max-waiting", "3", "--max-dead", "0", "--max-failure-rate", "5%",
        "--min-workers", "2", "--scheduler",
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.lines()) == 1
    assert ran.out.startswith("ok: latency ")
    assert "failure rate 5 % in default" in ran.out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--max-latency", "60s"), "not ok: latency 5m in email (at most 1m)"),
        (("--max-waiting", "1"), "not ok: waiting 2 in email (at most 1)"),
        (("--max-dead", "2"), "not ok: dead 3 in default (at most 2)"),
        (("--max-failure-rate", "5%"), "not ok: failure rate 10 % in default (at most 5 %)"),
        (("--max-failure-rate", "5", "job:greet"), "not ok: failure rate 10 % in greet (at most 5 %)"),
        (("--min-workers", "1"), "not ok: workers 0 in email (at least 1)"),
        (("--scheduler",), "not ok: schedulers 0 (at least 1)"),
    ],
)
def test_a_limit_that_is_not_kept(lab: Cli, store: Store, args: tuple[str, ...], told: str) -> None:
    beat(store, "default")
    attempts(store, 18, 2)
    made.dead(store, 3)
    old = Mint().many("email", 2, clock.now_ms() - 300_000)
    for job_id in old:
        lab("enqueue", "mail", "name=a", "--id", job_id)
    ran = lab("check", *args)
    assert (ran.code, ran.out) == (1, f"{told}\n")


def test_only_the_queues_of_the_filter_count(lab: Cli, store: Store) -> None:
    made.waiting(store, 3, job_type="greet")
    assert lab("check", "queue:email", "--max-waiting", "0").code == 0
    assert lab("check", "queue:def*", "--max-waiting", "0").code == 1
    assert lab("check", "queue:nowhere", "--max-waiting", "0").code == 4


def test_a_job_that_was_delayed_or_retried_has_not_waited_since_it_was_enqueued(lab: Cli, store: Store) -> None:
    hour_ago = clock.now_ms() - 3_600_000
    delayed, failed = (store.mint.new("default", hour_ago) for _ in range(2))
    lab("enqueue", "greet", "name=a", "--id", delayed, "--delay", "1ms")
    lab("enqueue", "greet", "name=b", "--id", failed)
    [job] = store.settle.fetch("w", ["default"], 1).jobs
    record = b'{"n":1,"y":%d}' % clock.now_ms()
    store.settle.write([store.settle.retry("default", [Ended(job.id, job.token, record)])])
    store.settle.fetch("w", ["default"], 0)
    store.queues.promote_due("default")
    assert lab("check", "--max-latency", "60s").code == 0


def test_few_attempts_are_not_judged(lab: Cli, store: Store) -> None:
    attempts(store, 0, 9)
    assert lab("check", "--max-failure-rate", "5%").out == "ok: failure rate: nothing to judge\n"


def test_a_late_tick(lab: Cli, store: Store) -> None:
    text = (lab.cwd / "jobs.yaml").read_text()
    (lab.cwd / "jobs.yaml").write_text(f"{text}schedules:\n  hourly: {{job: noisy, every: 1h}}\n")
    beat(store, kind="scheduler")
    ran = lab("check", "--scheduler")
    assert (ran.code, ran.out) == (1, "not ok: 1 schedules are late, hourly above all\n")


def test_nagios(lab: Cli, store: Store) -> None:
    made.waiting(store, 3, job_type="greet")
    beat(store, "default", "email")
    good = lab("check", "--max-waiting", "3", "--min-workers", "1", "--nagios")
    assert good.code == 0
    assert good.out == "JOBCTL OK - waiting 3 in default, workers 2 in default | waiting=3;;3;0 workers=2;;1:;0\n"
    bad = lab("check", "--max-waiting", "2", "--nagios")
    assert (bad.code, bad.out) == (2, "JOBCTL CRITICAL - waiting 3 in default (at most 2) | waiting=3;;2;0\n")


def test_what_cannot_be_asked_is_unknown(lab: Cli) -> None:
    away = ("--redis", "redis://127.0.0.1:1")
    assert lab("check", "--max-dead", "1", *away).code == 3
    ran = lab("check", "--max-dead", "1", "--nagios", *away)
    assert ran.code == 3
    assert ran.out.startswith("JOBCTL UNKNOWN - ")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "nothing to check"),
        (("--max-failure-rate", "lots"), "is not a share"),
        (("--max-failure-rate", "500%"), "is not a share"),
        (("--max-dead", "1", "--last", "1d"), "write 1m to 179m"),
        (("job:greet", "--max-dead", "1"), "only --max-failure-rate can be checked by job:"),
        (("state:dead", "--max-dead", "1"), "statistics are counted by queue: and job: only"),
    ],
)
def test_bad_input(lab: Cli, redis_client: redis.Redis, args: tuple[str, ...], words: str) -> None:
    ran = lab("check", *args)
    assert ran.code == 2
    assert words in ran.err


def test_for_programs(lab: Cli, store: Store) -> None:
    made.dead(store, 3)
    ran = lab("check", "--max-dead", "2", "-o", "json")
    assert ran.code == 1
    assert ran.json() == [{"measure": "dead", "ok": False, "value": 3, "limit": 2, "worst": "default", "unit": ""}]


@pytest.mark.parametrize("term", ["job:gret", "queue:defualt"])
def test_a_name_that_nothing_has_is_not_ok(lab: Cli, redis_client: redis.Redis, term: str) -> None:
    ran = lab("check", term, "--max-failure-rate", "5%")
    assert (ran.code, ran.out) == (4, "")
    assert "no job type matches" in ran.err
    assert lab("check", "job:greet", "--max-failure-rate", "5%").code == 0, "known, and has not run"
