"""`jobctl doctor --checklist`: what a deployment should have."""

from __future__ import annotations

import re
import signal
from typing import Any

import pytest
import redis

from jobctl.store import Store
from jobctl.store.nouns.processes import ProcessInfo
from tests.commands import made
from tests.project import Project
from tests.support import Cli, eventually

GOOD = """\
version: 1
namespace: lab
jobs:
  pay:
    python: "tests.commands.work_tasks:greet"
    critical: true
    unique: {key: "{{ order }}", until: finished}
    payload: {properties: {order: {type: integer}, card: {type: object, properties: {cvv: {type: string}}}}}
    redact: [card.cvv]
    label: "order {{ order }}"
  hook: {http: {url: "https://example.com/"}, rate_limit: 10/s, critical: true}
  sum: {python: "tests.commands.work_tasks:greet", critical: true, idempotent: true}
alerts:
  backlog: {when: waiting > 1000, command: [notify]}
  slow: {when: latency > 5m, command: [notify]}
  dead: {when: dead > 0, command: [notify]}
"""


def beat(store: Store, name: str, kind: str = "worker", *, processes: int = 2, cores: int = 2) -> None:
    info = ProcessInfo(
        name=name, kind=kind, host="h", pid=1, queues=("default",), processes=processes, threads=4, started_ms=1,
        cores=cores,
    )  # fmt: skip
    store.processes.beat(info)


@pytest.fixture
def good(lab: Cli, store: Store) -> Cli:
    """Everything is as it should be, but that the test server keeps nothing on disk."""
    (lab.cwd / "jobs.yaml").write_text(GOOD)
    for name in ("h:1:a", "h:2:b"):
        beat(store, name)
        beat(store, f"{name}-s", "scheduler")
    beat(store, "h:3:c")
    store.processes.leave("h:3:c")
    return lab


def lines(lab: Cli) -> dict[str, dict[str, Any]]:
    ran = lab("doctor", "--checklist", "-o", "json")
    found = {row["line"]: row for row in ran.json()}
    assert ran.code == int(any(row["state"] == "fail" for row in found.values()))
    return found


def test_all_is_well(good: Cli) -> None:
    found = lines(good)
    assert {name: row["state"] for name, row in found.items() if row["state"] != "ok"} == {
        "Redis keeps what it accepts": "fail"
    }
    assert len(found) == 12
    assert all(row["evidence"] for row in found.values())
    assert found["concurrency against cores"]["evidence"].startswith("h:1:a: 2 processes of 4 threads on 2 cores")


@pytest.mark.parametrize(
    ("line", "old", "new", "evidence", "fix"),
    [
        ("dead letters are kept", "jobs:", "queues: {default: {keep: {dead: 1h}}}\njobs:", "only in default", "keep"),
        ("exponential back-off", "redact:", "retries: {backoff: fixed}\n    redact:", "pay", "retries"),
        ("exponential back-off", "critical: true\n", "retries: {delays: [5s]}\n    critical: true\n", "pay", "retries"),
        ("time limits", "critical: true\n", "timeout: 2d\n    critical: true\n", "a day: pay", "timeout: 1h"),
        ("rate limits on http types", "rate_limit: 10/s, ", "", "hook", "jobs.hook.rate_limit: 10/s"),
        ("critical types may run twice", "idempotent: true", "label: x", "no harm: sum", "jobs.sum.unique"),
        ("critical types may run twice", "critical: true", "critical: false", "no job type is", "critical: true"),
        ("alerts on depth, latency, dead letters", "  dead: {when: dead > 0, command: [notify]}\n", "",
         "no alert on dead", "alerts.dead-letters: {when: dead > 0"),
        ("secrets are redacted", "redact: [card.cvv]", "redact: [order]", "`card.cvv` of pay", "redact: [card.cvv]"),
        ("secrets are redacted", 'label: "order {{ order }}"', 'label: "{{ order }}"\n    index: [order]', None, None),
    ],
)  # fmt: skip
def test_what_the_catalog_lacks_and_the_line_that_mends_it(
    good: Cli, line: str, old: str, new: str, evidence: str | None, fix: str | None
) -> None:
    assert old in GOOD
    (good.cwd / "jobs.yaml").write_text(GOOD.replace(old, new))
    row = lines(good)[line]
    if evidence is None or fix is None:
        assert row["state"] == "ok"
        return
    assert row["state"] == "fail"
    assert evidence in row["evidence"]
    assert fix in row["fix"]
    assert re.fullmatch(r".*jobs\.yaml:\d+", row["place"])


def test_one_of_each_is_not_enough_and_nobody_is_unknown(good: Cli, store: Store) -> None:
    store.processes.leave("h:2:b-s")
    assert (row := lines(good)["more than one worker and scheduler"])["state"] == "fail"
    assert row["fix"] == "jobctl scheduler"
    for name in ("h:1:a", "h:2:b"):
        store.processes.leave(name)
    assert lines(good)["more than one worker and scheduler"]["fix"] == "jobctl worker"
    assert lines(good)["concurrency against cores"]["state"] == "unknown"


def test_more_processes_than_cores(good: Cli, store: Store) -> None:
    beat(store, "h:1:a", processes=9)
    row = lines(good)["concurrency against cores"]
    assert (row["state"], row["fix"]) == ("fail", "jobctl worker --processes 2")


def test_dead_letters_that_nobody_looks_after(good: Cli, store: Store) -> None:
    made.dead(store, 3)
    row = lines(good)["someone looks after dead letters"]
    assert (row["state"], row["fix"]) == ("fail", "jobctl dead groups")
    [group] = store.dead.groups("default")
    assert good("dead", "note", group.group, "vendor is down").code == 0
    assert lines(good)["someone looks after dead letters"]["state"] == "ok"


def test_a_worker_that_was_lost_did_not_drain(good: Cli, store: Store) -> None:
    beat(store, "h:4:d")
    store.processes.leave("h:4:d", "lost")
    row = lines(good)["workers drain on SIGTERM"]
    assert row["state"] == "fail"
    assert "h:4:d, was lost" in row["evidence"]


def test_a_real_worker_that_is_told_to_end_has_drained(project: Project) -> None:
    def line() -> dict[str, Any]:
        return lines(project.cli)["workers drain on SIGTERM"]

    assert line()["state"] == "unknown"
    worker = project.start("worker", "--processes=1", "--threads=1").ready()
    eventually(lambda: project.store.processes.cores())
    worker.signal(signal.SIGTERM)
    assert worker.ended() == 0
    assert line()["state"] == "ok"


def test_it_needs_a_catalog(redis_cli: Cli, redis_client: redis.Redis) -> None:
    ran = redis_cli("doctor", "--checklist")
    assert ran.code == 2
    assert "jobctl init" in ran.err
